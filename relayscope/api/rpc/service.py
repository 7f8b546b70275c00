"""Services as tables of methods, and what is the same for every call: reading the request, and telling of failures.

Answers of streams are bytes, so that large ones are made beside the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc import aio

from relayscope.api.rpc.failure import failure_of
from tracedata import CallerError

# Any: each method takes the message that its contract names, which the table cannot say.
Unary: TypeAlias = Callable[[Any], Awaitable[Message]]
Streaming: TypeAlias = Callable[[Any], AsyncIterator[bytes]]
_Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"


class Service:
    """A service of a contract. Every method of the contract has one here, of the same form."""

    def __init__(
        self, contract: ServiceDescriptor, *, unary: Mapping[str, Unary], streaming: Mapping[str, Streaming]
    ) -> None:
        self.name: str = contract.full_name
        self._contract = contract
        self._unary = unary
        self._streaming = streaming
        forms = {method.name: method.server_streaming for method in contract.methods}
        if forms != dict.fromkeys(unary, False) | dict.fromkeys(streaming, True):
            raise ValueError(f"{self.name} has other methods than its contract")

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server registers."""
        handlers = {method.name: self._method(method) for method in self._contract.methods}
        return grpc.method_handlers_generic_handler(self.name, handlers)

    def _method(self, method: MethodDescriptor) -> grpc.RpcMethodHandler:
        # Without a deserializer a method gets bytes, so that what cannot be read is the caller's fault, not ours.
        request_type = GetMessageClass(method.input_type)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(_streaming(self._streaming[method.name], request_type))
        return grpc.unary_unary_rpc_method_handler(_unary(self._unary[method.name], request_type))


def _unary(method: Unary, request_type: type[Message]) -> Callable[[bytes, _Context], Awaitable[bytes]]:
    async def answer(data: bytes, context: _Context) -> bytes:
        try:
            return (await method(_request(request_type, data))).SerializeToString()
        except Exception as exc:  # noqa: BLE001  # The top of a task: whatever happens becomes a code.
            _fail(context, exc)
            return b""

    return answer


def _streaming(method: Streaming, request_type: type[Message]) -> Callable[[bytes, _Context], AsyncIterator[bytes]]:
    async def answer(data: bytes, context: _Context) -> AsyncIterator[bytes]:
        try:
            chunks = method(_request(request_type, data))
            # AsyncIterator: what a method is written as. It always is a generator.
            async with aclosing(chunks):  # type: ignore[type-var]
                async for chunk in chunks:
                    yield chunk
        except Exception as exc:  # noqa: BLE001  # The top of a task: whatever happens becomes a code.
            _fail(context, exc)

    return answer


def _request(request_type: type[Message], data: bytes) -> Message:
    request = request_type()
    try:
        request.ParseFromString(data)
    except DecodeError as exc:
        raise CallerError("the request is not the message that it should be") from exc
    return request


def _fail(context: _Context, error: Exception) -> None:
    failure = failure_of(error)
    context.set_code(failure.code)
    context.set_details(failure.message)
