"""The HTTP API over a reader on a free port of this machine, for tests of its clients."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Protocol

import uvicorn

from relayscope.api.app import AiAccess, DetailAccess, ReplayAccess, create_app
from relayscope.api.jaeger import JaegerAccess
from relayscope.api.rest.export import ExportAccess
from relayscope.api.rest.sql import SqlAccess
from tests.support.canned_queries import CannedQueries
from tests.support.canned_reader import CannedReader


class Startable(Protocol):
    """What runs beside the server, such as a reader."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


@contextmanager
def serving(
    reader: CannedReader,
    *,
    ai: AiAccess | None = None,
    queries: CannedQueries | None = None,
    replayed: ReplayAccess | None = None,
    sql: SqlAccess | None = None,
    export: ExportAccess | None = None,
    details: DetailAccess | None = None,
    jaeger_access: JaegerAccess | None = None,
    components: Sequence[Startable] = (),
) -> Iterator[str]:
    """The URL of an API that runs in a thread until the end of the block, with what it needs in the same event loop."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(
            reader,
            logs=reader,
            ai=ai,
            queries=queries,
            replayed=replayed,
            sql=sql,
            export=export,
            details=details,
            jaeger_access=jaeger_access,
        )
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        # Connections wait in the listener's backlog until the server accepts them, so nothing has to wait here.
        thread = threading.Thread(target=lambda: asyncio.run(_serve(server, listener, components)))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


async def _serve(server: uvicorn.Server, listener: socket.socket, components: Sequence[Startable]) -> None:
    async with AsyncExitStack() as stack:
        for component in components:
            await component.start()
            stack.push_async_callback(component.aclose)
        await server.serve(sockets=[listener])


def closed_url() -> str:
    """A URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
