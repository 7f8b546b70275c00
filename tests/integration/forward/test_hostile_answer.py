"""What a destination answers can cost no memory, and changes nothing in later requests."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from relayscope.forward.http_sink import HttpSink, HttpSinkConfig
from relayscope.forward.parcel import Parcel
from tests.support import factory
from tests.support.forward import piece_of

_BOMB = gzip.compress(bytes(100 << 20), compresslevel=9)
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: quoted=data\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(_BOMB)
) + _BOMB


@pytest.fixture
async def hostile() -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a destination, and the heads of the requests that it got."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        (length,) = (line for line in head.splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        heads.append(head)
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


async def test_a_compressed_answer_is_not_inflated_and_cookies_do_not_come_back(
    hostile: tuple[str, list[bytes]],
) -> None:
    url, heads = hostile
    sink = HttpSink(HttpSinkConfig(url=url, timeout_s=30))
    await sink.start()
    piece = piece_of(factory.span())
    tracemalloc.start()
    try:
        for _ in range(2):
            assert await sink.send(Parcel(signal="traces", pieces=[piece])) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await sink.aclose()
    assert peak < 8 << 20
    assert all(b"accept-encoding: identity" in head and b"cookie" not in head for head in heads)
    assert len(heads) == 2
