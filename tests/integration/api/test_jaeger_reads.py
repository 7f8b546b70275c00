"""A large trace, through every HTTP read path, over PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import msgspec
import pytest

from receiver.otlp_json import decode_traces
from relayscope.api.app import create_app
from relayscope.api.jaeger import JaegerAccess
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.jaeger.translation import translate_trace
from relayscope.api.rest.representation import represent_spans
from storage.postgres.archive import PostgresTraceArchive
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.span_metrics_reader import PostgresSpanMetricsReader
from storage.postgres.trace_summary_reader import PostgresTraceSummaryReader
from storage.postgres.writer import WriterConfig
from tests.support.canonical import same_spans
from tests.support.database import reading, rows, writing
from tests.support.factory import BASE_US, batch
from tests.support.large_trace import LARGE_TRACE_ID, LARGE_TRACE_SPANS, large_trace
from tracedata import Span

_ID = LARGE_TRACE_ID.hex()
_TIMES = "query.startTimeMin=2026-01-15T00:00:00Z&query.startTimeMax=2026-01-16T00:00:00Z"
_WINDOW = f"start={BASE_US - 1_000_000}&end={BASE_US + 60_000_000}"
# What JSON holds is what the tests are about.
Json = Any


@pytest.fixture
async def client(shared_postgres_dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application over PostgreSQL, with the large trace in it."""
    dsn = shared_postgres_dsn
    async with writing(WriterConfig(dsn=dsn)) as writer:
        assert (await writer.consume(batch(*large_trace()))).accepted == LARGE_TRACE_SPANS
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        access = JaegerAccess(
            archive=PostgresTraceArchive(dsn),
            metrics=PostgresSpanMetricsReader(reader.pool),
            summaries=PostgresTraceSummaryReader(reader.pool),
        )
        app = create_app(reader, jaeger_access=access)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://relayscope", timeout=60) as client:
            yield client


def _plain(value: object) -> Json:
    return json.loads(msgspec.json.encode(value))


def _key(pair: Json) -> str:
    return str(pair["key"])


def _by_key(spans: list[Json]) -> list[Json]:
    """Spans of REST with their attributes sorted, since the store does not keep their order."""
    for span in spans:
        for holder in (span, span["resource"], span["scope"], *span["events"], *span["links"]):
            holder["attributes"].sort(key=_key)
    return spans


def _by_tag(spans: list[Json]) -> list[Json]:
    """The same in Jaeger's older model."""
    for span in spans:
        for pairs in (span["tags"], span["process"]["tags"], *(log["fields"] for log in span["logs"])):
            pairs.sort(key=_key)
    return spans


def _without_numbers(trace: Json) -> Json:
    """The spans of a trace in Jaeger's older model with their processes in place."""
    return [
        {
            **{key: item for key, item in span.items() if key != "processID"},
            "process": trace["processes"][span["processID"]],
        }
        for span in trace["spans"]
    ]


def _decoded(answer: httpx.Response) -> Sequence[Span]:
    assert answer.status_code == 200
    return decode_traces(json.dumps(answer.json()["result"]).encode(), 1).spans


async def _pages(client: httpx.AsyncClient) -> list[Json]:
    found: list[Json] = []
    query: dict[str, str] = {"limit": "1000"}
    while True:
        page = (await client.get(f"/api/v1/traces/{_ID}/spans", params=query)).json()
        found += page["items"]
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]


_OLDER = (
    f"/api/traces/{_ID}?raw=true",
    f"/api/traces?traceID={_ID}&raw=true",
    f"/api/traces?service=ledger&raw=true&{_WINDOW}",
)
_NEWER = (
    f"/api/v3/traces/{_ID}?rawTraces=true",
    f"/api/v3/traces?{_TIMES}&query.rawTraces=true&query.serviceName=ledger",
)


async def test_a_large_trace_is_equal_through_every_read_path(
    client: httpx.AsyncClient, shared_postgres_dsn: str
) -> None:
    sent = large_trace()
    first, *others = [(await client.get(path)).content for path in _OLDER]
    (trace,) = json.loads(first)["data"]
    expected = _plain(translate_trace(LARGE_TRACE_ID, sent))
    assert _by_tag(_without_numbers(trace)) == _by_tag(_without_numbers(expected))
    assert others == [first, first]
    by_id, found = [await client.get(path) for path in _NEWER]
    assert same_spans(_decoded(by_id), sent)
    assert found.content == by_id.content
    pages = await _pages(client)
    whole = (await client.get(f"/api/v1/traces/{_ID}")).json()
    assert whole["spans"] == pages
    assert _by_key(pages) == _by_key(_plain(represent_spans(sent)))
    _by_key(whole["spans"])
    # The same once the archive has the only copy, which is not searched.
    assert (await client.post(f"/api/archive/{_ID}")).status_code == 200
    await rows(shared_postgres_dsn, "DELETE FROM relayscope.spans")
    assert [(await client.get(path)).content for path in _OLDER[:2]] == [first, first]
    assert (await client.get(_NEWER[0])).content == by_id.content
    again = (await client.get(f"/api/v1/traces/{_ID}")).json()
    assert _by_key(again["spans"]) == pages
    assert again == whole


async def test_a_large_trace_is_adjusted_the_same_in_both_generations(client: httpx.AsyncClient) -> None:
    adjusted = adjust_trace(large_trace())
    assert same_spans(_decoded(await client.get(f"/api/v3/traces/{_ID}")), adjusted)
    (trace,) = (await client.get(f"/api/traces/{_ID}")).json()["data"]
    assert _without_numbers(trace) == _without_numbers(_plain(translate_trace(LARGE_TRACE_ID, adjusted)))


async def test_what_a_search_page_and_a_monitoring_page_ask_for(client: httpx.AsyncClient) -> None:
    (summary,) = (await client.get(f"/api/v3/trace-summaries?{_TIMES}")).json()["summaries"]
    assert (summary["traceId"], summary["spanCount"], summary["orphanSpanCount"]) == (_ID, LARGE_TRACE_SPANS, 9)
    asked = f"service=gateway&step=60000&endTs={BASE_US // 1_000 + 60_000}&lookback=120000&spanKind=server"
    calls = (await client.get(f"/api/metrics/calls?{asked}")).json()
    served = sum(one.kind == 2 and one.resource.service_name == "gateway" for one in large_trace())
    (series,) = calls["metrics"]
    assert sum(point["gaugeValue"]["doubleValue"] * 60 for point in series["metricPoints"]) == pytest.approx(served)
