"""Jaeger's services over gRPC, on PostgreSQL."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from relayscope.api.generated.jaeger.api_v2 import model_pb2 as model
from relayscope.api.generated.jaeger.api_v2 import query_pb2 as v2
from relayscope.api.generated.jaeger.api_v3 import query_pb2 as v3
from relayscope.api.generated.jaeger.expression.v1 import expression_pb2 as expression
from relayscope.api.generated.jaeger.storage.v2 import trace_pb2 as storage
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.rpc import TraceSource
from storage.postgres.archive import PostgresTraceArchive
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from storage.postgres.trace_summary_reader import PostgresTraceSummaryReader
from tests.support.canonical import same_spans
from tests.support.factory import BASE_US, HOUR_US, full_span, span
from tests.support.large_trace import LARGE_TRACE_ID, LARGE_TRACE_SPANS, large_trace
from tests.support.rpc import at, serving, spans_in, summary_of
from tests.support.store import Store
from tracedata import Event, StatusCode

FIRST = bytes(15) + b"\1"
# Any: fields of several types.
_WINDOW: dict[str, Any] = {"start_time_min": at(BASE_US), "start_time_max": at(BASE_US + HOUR_US)}


def _source(store: Store, archive: PostgresTraceArchive | None = None) -> TraceSource:
    assert isinstance(store.reader, PostgresSpanReader)
    pool = store.reader.pool
    return TraceSource(store.reader, PostgresTraceQueryReader(pool), PostgresTraceSummaryReader(pool), archive)


async def test_v2_gives_spans_in_jaegers_model_with_nanoseconds(postgres_store: Store) -> None:
    sent = full_span(
        trace_id=FIRST,
        span_id=b"\1" * 8,
        start_time_unix_nano=BASE_US * 1_000 + 7,
        end_time_unix_nano=BASE_US * 1_000 + 1_000_000_020,
        attributes={"big": 2**62, "bytes": b"\0\xff", "double": float("inf"), "flag": True, "text": "t"},
        events=[Event(time_unix_nano=BASE_US * 1_000 + 9, attributes={"k": 1})],
        status_code=StatusCode.OK,
    )
    await postgres_store.put(sent)
    async with serving(_source(postgres_store)) as clients:
        call = clients.v2.GetTrace(v2.GetTraceRequest(trace_id=FIRST, raw_traces=True))
        (chunk,) = [chunk async for chunk in call]
        call = clients.v2.FindTraces(
            v2.FindTracesRequest(query=v2.TraceQueryParameters(tags={"flag": "true"}, raw_traces=True))
        )
        assert [found async for found in call] == [chunk]
    (found,) = chunk.spans
    assert (found.trace_id, found.span_id, found.operation_name) == (FIRST, b"\1" * 8, sent.name)
    assert (found.start_time.ToNanoseconds(), found.duration.ToNanoseconds()) == (
        sent.start_time_unix_nano,
        sent.duration_ns,
    )
    assert (found.process.service_name, found.process_id) == (sent.resource.service_name, "")
    tags = {tag.key: tag for tag in found.tags}
    assert tags["big"] == model.KeyValue(key="big", v_type=model.INT64, v_int64=2**62)
    assert tags["bytes"] == model.KeyValue(key="bytes", v_type=model.BINARY, v_binary=b"\0\xff")
    assert tags["double"] == model.KeyValue(key="double", v_type=model.FLOAT64, v_float64=float("inf"))
    assert tags["flag"] == model.KeyValue(key="flag", v_type=model.BOOL, v_bool=True)
    assert tags["text"] == model.KeyValue(key="text", v_type=model.STRING, v_str="t")
    (log,) = found.logs
    assert (log.timestamp.ToNanoseconds(), [field.key for field in log.fields]) == (BASE_US * 1_000 + 9, ["k"])
    assert {len(reference.trace_id) for reference in found.references} == {16}


async def test_a_large_trace_is_the_same_on_every_path(postgres_store: Store) -> None:
    spans = large_trace()
    await postgres_store.put(*spans)
    async with serving(_source(postgres_store)) as clients:
        raw = v3.TraceQueryParameters(raw_traces=True, **_WINDOW)
        for call in (
            clients.traces.GetTraces(storage.GetTracesRequest(query=[storage.GetTraceParams(trace_id=LARGE_TRACE_ID)])),
            clients.traces.FindTraces(storage.FindTracesRequest(query=storage.TraceQueryParameters(**_WINDOW))),
            clients.v3.GetTrace(v3.GetTraceRequest(trace_id=LARGE_TRACE_ID.hex(), raw_traces=True)),
            clients.v3.FindTraces(v3.FindTracesRequest(query=raw)),
        ):
            chunks = [chunk async for chunk in call]
            assert max(chunk.ByteSize() for chunk in chunks) < 4 * 1024 * 1024
            assert same_spans([one for chunk in chunks for one in spans_in(chunk)], spans)
        adjusted = clients.v3.GetTrace(v3.GetTraceRequest(trace_id=LARGE_TRACE_ID.hex()))
        found = [one async for chunk in adjusted for one in spans_in(chunk)]
        assert same_spans(found, adjust_trace(spans))
        classic = clients.v2.GetTrace(v2.GetTraceRequest(trace_id=LARGE_TRACE_ID, raw_traces=True))
        shown = [one async for chunk in classic for one in chunk.spans]
    assert [(one.span_id, one.operation_name, one.start_time.ToNanoseconds()) for one in shown] == [
        (one.span_id, one.name, one.start_time_unix_nano) for one in spans
    ]


async def test_messages_stay_below_what_clients_take_by_default(postgres_store: Store) -> None:
    spans = [
        span(trace_id=FIRST, span_id=number.to_bytes(8, "big"), attributes={"text": "x" * 1_000_000})
        for number in range(1, 11)
    ]
    await postgres_store.put(*spans)
    async with serving(_source(postgres_store)) as clients:
        call = clients.v3.GetTrace(v3.GetTraceRequest(trace_id="1", raw_traces=True))
        chunks = [chunk async for chunk in call]
        classic = clients.v2.GetTrace(v2.GetTraceRequest(trace_id=FIRST, raw_traces=True))
        assert sum([len(chunk.spans) async for chunk in classic]) == 10
    assert len(chunks) > 3
    assert same_spans([one for chunk in chunks for one in spans_in(chunk)], spans)


async def test_a_large_trace_is_found_by_what_only_links_and_scopes_say(postgres_store: Store) -> None:
    spans = large_trace()
    await postgres_store.put(*spans)
    tier = expression.Expression(attr=expression.AttributeReference(key="scope.tier", level="scope"))
    edge = expression.Expression(scalar=expression.Scalar(value="edge"))
    by_filter = storage.TraceQueryParameters(filter=expression.Call(op="eq", args=[tier, edge]), **_WINDOW)
    by_tag = storage.TraceQueryParameters(
        attributes=[storage.KeyValue(key="scope.rank", value=storage.AnyValue(string_value="7"))], **_WINDOW
    )
    async with serving(_source(postgres_store)) as clients:
        for query in (by_filter, by_tag):
            found = await clients.traces.FindTraceIDs(storage.FindTraceIDsRequest(query=query))
            assert [one.trace_id for one in found.trace_ids] == [LARGE_TRACE_ID]
        call = clients.traces.FindTraceSummaries(storage.FindTraceSummariesRequest(query=by_filter))
        (summary,) = [one async for answer in call for one in answer.summaries]
    wanted = summary_of(spans)
    assert (summary.span_count, summary.error_span_count) == (LARGE_TRACE_SPANS, wanted.error_count)
    assert (summary.orphan_span_count, summary.root_service_name) == (wanted.orphan_count, wanted.root_service)
    assert [(one.name, one.span_count) for one in summary.services] == [
        (one.service, one.span_count) for one in wanted.services
    ]


async def test_traces_are_archived(postgres_store: Store, shared_postgres_dsn: str) -> None:
    await postgres_store.put(span(trace_id=FIRST))
    archive = PostgresTraceArchive(shared_postgres_dsn)
    async with serving(_source(postgres_store, archive)) as clients:
        await clients.v2.ArchiveTrace(v2.ArchiveTraceRequest(trace_id=FIRST))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await clients.v2.ArchiveTrace(v2.ArchiveTraceRequest(trace_id=b"\7" * 16))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    kept = await archive.archived(1, FIRST)
    assert kept is not None
    assert kept.span_count == 1
