"""A receiver of OTLP over gRPC that takes everything and looks at nothing; prints its port."""

from __future__ import annotations

import asyncio

import grpc
from grpc import aio

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


async def _serve() -> None:
    async def export(_: bytes, __: object) -> bytes:
        return b""

    server = aio.server(options=(("grpc.max_receive_message_length", 4 << 20),))
    handler = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve())
