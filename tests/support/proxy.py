"""A stand-in for PostgreSQL's Unix socket that passes everything on, until it cuts the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

_NAME = ".s.PGSQL.5432"

# Given what one side has sent on a connection, and its last piece: how much of the piece still goes through, or all.
Cut = Callable[[int, bytes], int | None]


def after_bytes(count: int) -> Cut:
    """Cuts when so many bytes have passed."""
    return lambda passed, piece: count - passed if passed + len(piece) > count else None


def before(words: bytes) -> Cut:
    """Cuts when these words come, and keeps them back."""
    return lambda _, piece: piece.find(words) if words in piece else None


class Proxy:
    """``to_server`` and ``to_client`` say where connections are cut; each is used once, and then forgotten."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.to_server: Cut | None = None
        self.to_client: Cut | None = None
        self.cuts = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection, in a task of its own."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Cuts what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
        there = asyncio.create_task(self._pass(reader, server_writer, "to_server"))
        back = asyncio.create_task(self._pass(server_reader, writer, "to_client"))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            for side in (server_writer, writer):
                side.close()
                # Both sides may be gone already.
                with suppress(OSError):
                    await side.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        passed = 0
        while piece := await reader.read(16_384):
            cut: Cut | None = getattr(self, direction)
            rest = cut(passed, piece) if cut else None
            if rest is not None:
                setattr(self, direction, None)
                self.cuts += 1
                writer.write(piece[: max(rest, 0)])
                await writer.drain()
                return
            writer.write(piece)
            await writer.drain()
            passed += len(piece)


@asynccontextmanager
async def proxied(dsn: str, folder: Path) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy with its socket in ``folder``, and the URL that leads through it."""
    server = dsn.rpartition("host=")[2]
    proxy = Proxy(Path(unquote(server)) / _NAME)
    listener = await asyncio.start_unix_server(proxy.accept, folder / _NAME)
    async with listener:
        try:
            yield proxy, dsn.replace(server, quote(str(folder), safe=""))
        finally:
            await proxy.aclose()
