"""Jaeger's services over gRPC, asked by clients that are made of the same contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from msgspec.structs import replace
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from query.traceql.search import TraceQuery
from relayscope.api.generated.jaeger.api_v2 import query_pb2 as v2
from relayscope.api.generated.jaeger.api_v3 import query_pb2 as v3
from relayscope.api.generated.jaeger.expression.v1 import expression_pb2 as expression
from relayscope.api.generated.jaeger.storage.v2 import capabilities_pb2, dependency_pb2
from relayscope.api.generated.jaeger.storage.v2 import trace_pb2 as storage
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.rpc import TraceSource
from relayscope.api.rpc.otlp import encode_traces_data
from relayscope.api.rpc.traces import OPENING_SPANS, PAGE_CHARS, PAGE_SPANS, Traces
from storage.api import SearchCursor, SpanCursor, SpanPage
from storage.trace_query import MatchPage, TraceMatch
from storage.trace_query import TraceQuery as AnyTraceQuery
from tests.support.canned_queries import CannedQueries
from tests.support.canonical import same_spans
from tests.support.factory import BASE_US, HOUR_US, SECOND_US, batch, span
from tests.support.jaeger_reader import FixedReader
from tests.support.memory_store import MemoryStore
from tests.support.rpc import Clients, SlowSummaries, at, serving, spans_in
from tracedata import RetryableError, Span, StatusCode

FIRST, SECOND, UNKNOWN = bytes(15) + b"\1", bytes(15) + b"\2", bytes(15) + b"\3"
YEAR_ONE = Timestamp(seconds=-62_135_596_800)
ROOT = span(trace_id=FIRST, span_id=b"\1" * 8, name="GET /", kind=2, attributes={"n": 7})
CHILD = span(
    trace_id=FIRST,
    span_id=b"\2" * 8,
    parent_span_id=b"\1" * 8,
    name="pay",
    kind=3,
    status_code=StatusCode.ERROR,
    at_us=5,
)
ORPHAN = span(trace_id=SECOND, span_id=b"\3" * 8, parent_span_id=b"\4" * 8, service="ledger", at_us=SECOND_US)
EQUALS = expression.Call(
    op="eq",
    args=[
        expression.Expression(attr=expression.AttributeReference(key="n")),
        expression.Expression(scalar=expression.Scalar(value="7")),
    ],
)

# Any: generated clients have no types.
Call: TypeAlias = Any
# Any: fields of several types.
Fields: TypeAlias = dict[str, Any]


class Queries(CannedQueries):
    """Has its answers one after the other, and keeps all questions."""

    def __init__(self, *pages: MatchPage) -> None:
        super().__init__()
        self.questions: list[TraceQuery] = []
        self._pages = list(pages)

    async def find_matches(self, query: AnyTraceQuery) -> MatchPage:
        assert isinstance(query, TraceQuery)
        self.questions.append(query)
        return self._pages.pop(0)


async def _store(spans: Sequence[Span]) -> MemoryStore:
    store = MemoryStore()
    await store.consume(batch(*spans))
    return store


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    store = await _store([ROOT, CHILD, ORPHAN])
    async with serving(TraceSource(store, CannedQueries(), SlowSummaries(store))) as made:
        yield made


async def _code(call: Call) -> tuple[grpc.StatusCode, str]:
    """How a call fails; it has to."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (_drained(call) if isinstance(call, grpc.aio.UnaryStreamCall) else call)
    return caught.value.code(), caught.value.details() or ""


async def _drained(call: Call) -> None:
    _ = [message async for message in call]


async def test_storage_gives_traces_one_after_the_other_and_passes_over_unknown_ones(clients: Clients) -> None:
    wanted = [storage.GetTraceParams(trace_id=one) for one in (SECOND, UNKNOWN, FIRST, SECOND)]
    chunks = [spans_in(chunk) async for chunk in clients.traces.GetTraces(storage.GetTracesRequest(query=wanted))]
    assert [{one.trace_id for one in chunk} for chunk in chunks] == [{SECOND}, {FIRST}]
    assert same_spans([one for chunk in chunks for one in chunk], [ROOT, CHILD, ORPHAN])


async def test_nothing_found_is_an_empty_stream_of_storage(clients: Clients) -> None:
    wanted = storage.GetTracesRequest(query=[storage.GetTraceParams(trace_id=UNKNOWN)])
    assert [chunk async for chunk in clients.traces.GetTraces(wanted)] == []


async def test_storage_finds_traces_ids_and_summaries_newest_first(clients: Clients) -> None:
    query = storage.TraceQueryParameters(start_time_min=at(BASE_US), start_time_max=at(BASE_US + HOUR_US))
    chunks = [spans_in(one) async for one in clients.traces.FindTraces(storage.FindTracesRequest(query=query))]
    assert [chunk[0].trace_id for chunk in chunks] == [SECOND, FIRST]
    ids = await clients.traces.FindTraceIDs(storage.FindTraceIDsRequest(query=query))
    assert [found.trace_id for found in ids.trace_ids] == [SECOND, FIRST]
    answers = clients.traces.FindTraceSummaries(storage.FindTraceSummariesRequest(query=query))
    second, first = [summary async for answer in answers for summary in answer.summaries]
    assert (second.orphan_span_count, second.root_operation_name) == (1, "")
    assert (first.trace_id, first.root_operation_name, first.span_count, first.error_span_count) == (
        FIRST,
        "GET /",
        2,
        1,
    )
    assert first.min_start_time_unix_nano == ROOT.start_time_unix_nano
    assert [(one.name, one.span_count, one.error_span_count) for one in first.services] == [("checkout", 2, 1)]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param({"service_name": "ledger"}, [SECOND], id="service"),
        pytest.param({"operation_name": "pay"}, [FIRST], id="operation"),
        pytest.param({"search_depth": 1}, [SECOND], id="depth"),
        pytest.param({"attributes": [("n", storage.AnyValue(string_value="7"))]}, [FIRST], id="text for a number"),
        pytest.param({"attributes": [("n", storage.AnyValue(int_value=7))]}, [FIRST], id="number"),
        pytest.param({"attributes": [("n", storage.AnyValue(string_value="8"))]}, [], id="another number"),
        pytest.param({"attributes": [("error", storage.AnyValue(bool_value=True))]}, [FIRST], id="error"),
        pytest.param({"start_time_min": YEAR_ONE, "start_time_max": YEAR_ONE}, [SECOND, FIRST], id="times of year one"),
        pytest.param({"start_time_min": at(BASE_US + 6)}, [SECOND], id="after"),
        pytest.param({"start_time_max": at(BASE_US + 6)}, [FIRST], id="before"),
        pytest.param({"duration_min": Duration(), "duration_max": Duration()}, [SECOND, FIRST], id="no durations"),
        pytest.param({"duration_min": Duration(seconds=3600)}, [], id="longer than any"),
    ],
)
async def test_predicates_of_storage(clients: Clients, fields: Fields, found: list[bytes]) -> None:
    pairs = [storage.KeyValue(key=key, value=value) for key, value in fields.pop("attributes", ())]
    query = storage.TraceQueryParameters(attributes=pairs, **fields)
    answer = await clients.traces.FindTraceIDs(storage.FindTraceIDsRequest(query=query))
    assert [one.trace_id for one in answer.trace_ids] == found


async def test_filters_go_to_the_query_language_until_the_page_is_full() -> None:
    pages = (
        MatchPage(matches=[TraceMatch(trace_id=SECOND, sets=())], cursor=SearchCursor(start_us=1, trace_id=SECOND)),
        MatchPage(matches=[TraceMatch(trace_id=FIRST, sets=())]),
    )
    queries, store = Queries(*pages), await _store([ROOT, ORPHAN])
    async with serving(TraceSource(store, queries, SlowSummaries(store))) as clients:
        query = storage.TraceQueryParameters(filter=EQUALS, search_depth=7, start_time_min=at(BASE_US))
        answer = await clients.traces.FindTraceIDs(storage.FindTraceIDsRequest(query=query))
    assert [one.trace_id for one in answer.trace_ids] == [SECOND, FIRST]
    first, second = queries.questions
    assert (first.limit, first.start_us, first.after) == (7, BASE_US, None)
    assert (second.limit, second.after) == (6, SearchCursor(start_us=1, trace_id=SECOND))


async def test_storage_lists_services_operations_and_capabilities(clients: Clients) -> None:
    services = await clients.traces.GetServices(storage.GetServicesRequest())
    assert list(services.services) == ["checkout", "ledger"]
    every = await clients.traces.GetOperations(storage.GetOperationsRequest(service="checkout"))
    assert ("GET /", "server") in [(one.name, one.span_kind) for one in every.operations]
    servers = await clients.traces.GetOperations(storage.GetOperationsRequest(service="checkout", span_kind="server"))
    assert [(one.name, one.span_kind) for one in servers.operations] == [("GET /", "server")]
    none = await clients.traces.GetOperations(storage.GetOperationsRequest(service="checkout", span_kind="odd"))
    assert list(none.operations) == []
    able = (await clients.capabilities.GetCapabilities(capabilities_pb2.GetCapabilitiesRequest())).search
    assert able.without_service_name
    assert able.same_span_conjunction
    assert list(able.filter.levels) == ["span", "resource", "scope", "event", "link"]
    assert {"and", "or", "not", "regex", "in", "not_in", "exists", "some"} < set(able.filter.operators)


async def test_dependencies_of_all_three_contracts() -> None:
    store = await _store([ROOT, CHILD])
    async with serving(TraceSource(store, CannedQueries(), SlowSummaries(store))) as clients:
        times: Fields = {"start_time": at(BASE_US), "end_time": at(BASE_US + HOUR_US)}
        answers = [
            await clients.dependencies.GetDependencies(dependency_pb2.GetDependenciesRequest(**times)),
            await clients.v3.GetDependencies(v3.GetDependenciesRequest(**times)),
            await clients.v2.GetDependencies(v2.GetDependenciesRequest(**times)),
        ]
    for answer in answers:
        assert [(one.parent, one.child, one.call_count) for one in answer.dependencies] == [("checkout", "checkout", 1)]


async def test_v3_gives_one_trace_by_its_id_in_hex_of_any_length(clients: Clients) -> None:
    for text in (FIRST.hex(), "1", FIRST.hex().upper()):
        call = clients.v3.GetTrace(v3.GetTraceRequest(trace_id=text, raw_traces=True, start_time=at(0), end_time=at(1)))
        assert same_spans([one async for chunk in call for one in spans_in(chunk)], [ROOT, CHILD])


async def test_v3_finds_traces_and_summaries(clients: Clients) -> None:
    query = v3.TraceQueryParameters(
        start_time_min=at(BASE_US), start_time_max=at(BASE_US + HOUR_US), attributes={"n": "7"}, raw_traces=True
    )
    chunks = [spans_in(one) async for one in clients.v3.FindTraces(v3.FindTracesRequest(query=query))]
    assert [{one.trace_id for one in chunk} for chunk in chunks] == [{FIRST}]
    answers = clients.v3.FindTraceSummaries(v3.FindTraceSummariesRequest(query=query))
    (summary,) = [summary async for answer in answers for summary in answer.summaries]
    assert (summary.trace_id, summary.span_count) == (FIRST.hex(), 2)


async def test_v3_and_v2_list_services_and_operations(clients: Clients) -> None:
    assert list((await clients.v3.GetServices(v3.GetServicesRequest())).services) == ["checkout", "ledger"]
    assert list((await clients.v2.GetServices(v2.GetServicesRequest())).services) == ["checkout", "ledger"]
    newer = await clients.v3.GetOperations(v3.GetOperationsRequest(service="checkout", span_kind="server"))
    assert [(one.name, one.span_kind) for one in newer.operations] == [("GET /", "server")]
    older = await clients.v2.GetOperations(v2.GetOperationsRequest(service="checkout", span_kind="server"))
    assert (list(older.operationNames), [one.span_kind for one in older.operations]) == (["GET /"], ["server"])


_WINDOW: Fields = {"start_time_min": at(BASE_US), "start_time_max": at(BASE_US + HOUR_US)}
_SHUFFLED: Fields = {"duration_min": Duration(seconds=2), "duration_max": Duration(seconds=1)}
_FAILURES: list[tuple[str, Callable[[Clients], Call], grpc.StatusCode, str]] = [
    (
        "v3 trace",
        lambda c: c.v3.GetTrace(v3.GetTraceRequest(trace_id="3")),
        grpc.StatusCode.NOT_FOUND,
        "trace not found",
    ),
    (
        "v3 trace id",
        lambda c: c.v3.GetTrace(v3.GetTraceRequest(trace_id="x")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "trace ID",
    ),
    (
        "v3 no query",
        lambda c: c.v3.FindTraces(v3.FindTracesRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "missing query",
    ),
    (
        "v3 no times",
        lambda c: c.v3.FindTraces(v3.FindTracesRequest(query=v3.TraceQueryParameters())),
        grpc.StatusCode.INVALID_ARGUMENT,
        "start time min and max are required parameters",
    ),
    (
        "v3 times of year one",
        lambda c: c.v3.FindTraces(
            v3.FindTracesRequest(query=v3.TraceQueryParameters(start_time_min=YEAR_ONE, start_time_max=YEAR_ONE))
        ),
        grpc.StatusCode.INVALID_ARGUMENT,
        "start time min and max are required parameters",
    ),
    (
        "v3 summaries without a query",
        lambda c: c.v3.FindTraceSummaries(v3.FindTraceSummariesRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "missing query",
    ),
    (
        "v3 filter beside a predicate",
        lambda c: c.v3.FindTraces(
            v3.FindTracesRequest(query=v3.TraceQueryParameters(service_name="a", filter=EQUALS, **_WINDOW))
        ),
        grpc.StatusCode.INVALID_ARGUMENT,
        "a filter stands for itself",
    ),
    (
        "v3 filter that is none",
        lambda c: c.v3.FindTraces(
            v3.FindTracesRequest(query=v3.TraceQueryParameters(filter=expression.Call(op="like"), **_WINDOW))
        ),
        grpc.StatusCode.INVALID_ARGUMENT,
        "the operators are and, or",
    ),
    (
        "v3 service",
        lambda c: c.v3.GetOperations(v3.GetOperationsRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "service",
    ),
    (
        "v3 dependencies without times",
        lambda c: c.v3.GetDependencies(v3.GetDependenciesRequest(start_time=at(1))),
        grpc.StatusCode.INVALID_ARGUMENT,
        "required",
    ),
    (
        "v3 dependencies upside down",
        lambda c: c.v3.GetDependencies(v3.GetDependenciesRequest(start_time=at(1), end_time=at(1))),
        grpc.StatusCode.INVALID_ARGUMENT,
        "after",
    ),
    (
        "v2 trace",
        lambda c: c.v2.GetTrace(v2.GetTraceRequest(trace_id=UNKNOWN)),
        grpc.StatusCode.NOT_FOUND,
        "trace not found",
    ),
    (
        "v2 trace id",
        lambda c: c.v2.GetTrace(v2.GetTraceRequest(trace_id=b"1")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "16 bytes",
    ),
    (
        "v2 no query",
        lambda c: c.v2.FindTraces(v2.FindTracesRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "missing query",
    ),
    (
        "v2 archive",
        lambda c: c.v2.ArchiveTrace(v2.ArchiveTraceRequest(trace_id=FIRST)),
        grpc.StatusCode.UNIMPLEMENTED,
        "not configured",
    ),
    (
        "storage id",
        lambda c: c.traces.GetTraces(storage.GetTracesRequest(query=[storage.GetTraceParams(trace_id=b"1")])),
        grpc.StatusCode.INVALID_ARGUMENT,
        "16 bytes",
    ),
    (
        "storage durations",
        lambda c: c.traces.FindTraces(storage.FindTracesRequest(query=storage.TraceQueryParameters(**_SHUFFLED))),
        grpc.StatusCode.INVALID_ARGUMENT,
        "greater",
    ),
    (
        "storage ids without a query",
        lambda c: c.traces.FindTraceIDs(storage.FindTraceIDsRequest()),
        grpc.StatusCode.INVALID_ARGUMENT,
        "missing query",
    ),
    (
        "storage dependencies without times",
        lambda c: c.dependencies.GetDependencies(dependency_pb2.GetDependenciesRequest(end_time=YEAR_ONE)),
        grpc.StatusCode.INVALID_ARGUMENT,
        "required",
    ),
]


@pytest.mark.parametrize(
    ("call", "code", "words"), [pytest.param(call, code, words, id=name) for name, call, code, words in _FAILURES]
)
async def test_failures(clients: Clients, call: Callable[[Clients], Call], code: grpc.StatusCode, words: str) -> None:
    found, details = await _code(call(clients))
    assert found is code
    assert words in details


async def test_a_request_that_cannot_be_read_is_the_callers_fault(clients: Clients) -> None:
    call = clients.channel.unary_unary("/jaeger.api_v3.QueryService/GetOperations")
    assert (await _code(call(b"\xff")))[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("failure", "code", "details"),
    [
        pytest.param(RetryableError("away"), grpc.StatusCode.UNAVAILABLE, "away", id="store away"),
        pytest.param(
            ZeroDivisionError("secret"), grpc.StatusCode.INTERNAL, "Internal error; the log has the place.", id="bug"
        ),
    ],
)
async def test_failures_of_the_store(failure: Exception, code: grpc.StatusCode, details: str) -> None:
    reader = FixedReader(spans=[ROOT], failure=failure)
    async with serving(TraceSource(reader, CannedQueries(), SlowSummaries(reader))) as clients:
        assert await _code(clients.v3.GetServices(v3.GetServicesRequest())) == (code, details)
        assert await _code(clients.v2.GetTrace(v2.GetTraceRequest(trace_id=FIRST))) == (code, details)


async def test_health_and_reflection_know_every_service(clients: Clients) -> None:
    names = [
        "",
        "jaeger.api_v2.QueryService",
        "jaeger.api_v3.QueryService",
        "jaeger.storage.v2.Capabilities",
        "jaeger.storage.v2.DependencyReader",
        "jaeger.storage.v2.TraceReader",
    ]
    health = health_pb2_grpc.HealthStub(clients.channel)
    for name in names:
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert (await _code(health.Check(health_pb2.HealthCheckRequest(service="other"))))[0] is grpc.StatusCode.NOT_FOUND
    asked = reflection_pb2_grpc.ServerReflectionStub(clients.channel)
    call = asked.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    (listed,) = [answer async for answer in call]
    assert set(names[1:]) < {one.name for one in listed.list_services_response.service}


@pytest.mark.parametrize(
    ("bound", "is_adjusted"), [pytest.param(2, True, id="within the bound"), pytest.param(1, False, id="beyond it")]
)
async def test_traces_beyond_a_bound_are_not_adjusted(bound: int, *, is_adjusted: bool) -> None:
    # Without a parent a span gets a warning.
    spans = [ORPHAN, replace(ORPHAN, span_id=b"\5" * 8)]
    store = await _store(spans)
    source = TraceSource(store, CannedQueries(), SlowSummaries(store))
    traces = Traces(source, workspace_id=1, max_adjusted_spans=bound)
    chunks = [chunk async for chunk in traces.chunks([SECOND], encode_traces_data, is_raw=False)]
    found = [one for chunk in chunks for one in spans_in(TracesData.FromString(chunk))]
    assert same_spans(found, adjust_trace(spans) if is_adjusted else spans)
    assert not same_spans(adjust_trace(spans), spans)


async def test_pages_of_large_spans_are_short() -> None:
    """The reader counts spans, and five hundred of the largest would be gigabytes."""
    limits: list[int] = []

    class Watched(FixedReader):
        async def trace_spans(
            self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
        ) -> SpanPage:
            limits.append(limit)
            return await super().trace_spans(workspace_id, trace_id, limit=limit, after=after)

    small = [span(at_us=number, trace_id=b"\1" * 16) for number in range(600)]
    text = "x" * (PAGE_CHARS // 10)
    large = [span(at_us=number, trace_id=b"\2" * 16, attributes={"text": text}) for number in range(100)]
    reader = Watched(spans=[*small, *large])
    traces = Traces(TraceSource(reader, CannedQueries(), SlowSummaries(reader)), workspace_id=1)
    chunks = [chunk async for chunk in traces.chunks([small[0].trace_id], encode_traces_data)]
    assert sum(len(spans_in(TracesData.FromString(chunk))) for chunk in chunks) == 600
    assert limits == [OPENING_SPANS, 200, PAGE_SPANS]
    limits.clear()
    chunks = [chunk async for chunk in traces.chunks([large[0].trace_id], encode_traces_data)]
    assert sum(len(spans_in(TracesData.FromString(chunk))) for chunk in chunks) == 100
    assert limits == [OPENING_SPANS, *[9] * 6]
