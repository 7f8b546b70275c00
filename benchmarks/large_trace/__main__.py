"""``python -m benchmarks.large_trace [SPANS]``: how long each endpoint takes, how much it sends, and the memory of the process."""

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx

from query.search import compile_search
from relayscope.api.app import DetailAccess, create_app
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.frame_reader import PostgresFrameReader
from storage.postgres.log_reader import PostgresLogReader
from storage.postgres.migration import migrate
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.sample_reader import PostgresSampleReader
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tracedata import Batch, Resource, Scope, Span, StatusCode

_TRACE = bytes(range(16))
_BATCH = 2_000
_ROUNDS = 5
_CHILDREN = 8
_SERVICES = [Resource(attributes={"service.name": f"service-{number}"}) for number in range(12)]


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        server = EmbeddedServer(EmbeddedConfig(data_dir=Path(folder)))
        await server.start()
        try:
            await migrate(server.dsn)
            await _load(server.dsn, count)
            await _measure(server.dsn)
        finally:
            await server.aclose()


async def _load(dsn: str, count: int) -> None:
    writer = PostgresSpanWriter(WriterConfig(dsn=dsn))
    await writer.start()
    # In portions, so that the memory that is told later is not that of the load.
    spans = _spans(count)
    while portion := list(islice(spans, _BATCH)):
        await writer.consume(Batch(workspace_id=1, spans=portion))
    await writer.aclose()


def _spans(count: int) -> Iterator[Span]:
    """A tree in which each span lies within its parent, with the same content every time but for the moment."""
    chance = random.Random(1)
    base = time.time_ns() - 60_000_000_000
    ids = [number.to_bytes(8, "big") for number in chance.sample(range(1, 2**62), count)]
    times = [(0, count * 10_000)]
    for number in range(count):
        parent = (number - 1) // _CHILDREN if number else None
        if parent is not None:
            first, last = times[parent]
            start = chance.randint(first + 1, first + (last - first) // 3 + 1)
            times.append((start, chance.randint(start, max(start, last))))
        yield Span(
            trace_id=_TRACE,
            span_id=ids[number],
            parent_span_id=b"" if parent is None else ids[parent],
            resource=_SERVICES[number % len(_SERVICES)],
            scope=Scope(name="benchmark"),
            name=f"operation {number % 40}",
            kind=1 + number % 5,
            start_time_unix_nano=base + times[number][0],
            end_time_unix_nano=base + times[number][1],
            status_code=StatusCode.ERROR if number % 500 == 7 else StatusCode.UNSET,
            attributes={f"attribute.{key}": f"value {number % (key + 5)}" for key in range(12)},
        )


async def _measure(dsn: str) -> None:
    reader = PostgresSpanReader(ReaderConfig(dsn=dsn), compile_search=compile_search)
    await reader.start()
    details = DetailAccess(PostgresFrameReader(reader.pool), PostgresSampleReader(reader.pool))
    app = create_app(reader, logs=PostgresLogReader(reader.pool), details=details)
    trace = f"/api/v1/traces/{_TRACE.hex()}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here", timeout=120) as client:
        page = (await _timed(client, f"{trace}/skeleton")).json()
        await _timed(client, f"{trace}/skeleton", cursor=page["nextCursor"])
        await _timed(client, f"{trace}/spans/{page['items'][5]['spanId']}")
        await _timed(client, f"{trace}/critical-path")
        await _timed(client, f"{trace}/errors")
        await _timed(client, "/api/v1/traces/compare", left=_TRACE.hex(), right=_TRACE.hex())
        await _timed(client, "/api/v1/attributes")
        await _timed(client, "/api/v1/attributes/attribute.1/values")
    await reader.aclose()


async def _timed(client: httpx.AsyncClient, path: str, **query: str) -> httpx.Response:
    taken: list[float] = []
    response = (await client.get(path, params=query)).raise_for_status()
    busy = time.process_time()
    for _ in range(_ROUNDS):
        before = time.perf_counter()
        (await client.get(path, params=query)).raise_for_status()
        taken.append((time.perf_counter() - before) * 1_000)
    busy = (time.process_time() - busy) * 1_000 / _ROUNDS
    taken.sort()
    what = path.rpartition("/")[2] + (" (second page)" if "cursor" in query else "")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(
        f"{what:28} best {taken[0]:7.0f} ms, median {taken[_ROUNDS // 2]:7.0f} ms, of which {busy:6.0f} ms of this process, "
        f"{len(response.content):9,} bytes, at most {memory} MB\n"
    )
    return response


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
