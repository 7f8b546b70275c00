"""Jaeger's newer HTTP API as its clients see it: statuses, headers and bodies, field by field."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from query.expression.lowering import lower
from query.expression.node import decode_call
from query.traceql.search import TraceQuery
from receiver.otlp_json import decode_traces
from relayscope.api.app import create_app
from relayscope.api.jaeger import JaegerAccess
from storage.api import Operation, SearchCursor, Tag, TraceSearch
from storage.trace_query import MatchPage, TraceMatch
from storage.trace_query import TraceQuery as AnyTraceQuery
from tests.support.canned_queries import CannedQueries
from tests.support.canonical import same_spans
from tests.support.factory import full_event, full_link, full_resource, full_scope
from tests.support.jaeger_reader import FixedReader
from tests.support.jaeger_served import serving
from tracedata import CallerError, PermanentError, RelayscopeError, Resource, RetryableError, Scope, Span

NEW = bytes.fromhex("00112233445566778899aabbccddeeff")
OLD = bytes(8) + bytes.fromhex("8899aabbccddeeff")
START_NS = 1_700_000_000_000_000_001
SHOP = Resource(attributes={"service.name": "shop"})
TIMES = "query.startTimeMin=2023-11-14T00:00:00Z&query.startTimeMax=2023-11-15T00:00:00.5Z"
MIN_US = 1_699_920_000_000_000
MAX_US = 1_700_006_400_500_000
# One request for every read.
PATHS = ("services", "operations?service=s", f"traces?{TIMES}", "traces/a", f"trace-summaries?{TIMES}")
# What JSON holds is what the tests are about.
Json = Any


def span(trace_id: bytes, number: int = 1, **fields: object) -> Span:
    made = Span(
        trace_id=trace_id,
        span_id=number.to_bytes(8, "big"),
        resource=SHOP,
        scope=Scope(),
        name="GET /cart",
        start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 5_000,
    )
    return replace(made, **fields)


FULL = span(
    NEW,
    2,
    resource=full_resource(),
    scope=full_scope(),
    parent_span_id=(1).to_bytes(8, "big"),
    trace_state="vendor=1",
    flags=0x301,
    kind=2,
    attributes={
        "b": True,
        "d": 72.5,
        "i": 200,
        "k": b"\0\xff",
        "l": ["a", 1, None],
        "m": {"n": 1},
        "s": "text",
        "z": None,
    },
    dropped_attributes_count=1,
    events=[full_event()],
    dropped_events_count=2,
    links=[full_link()],
    dropped_links_count=3,
    status_code=2,
    status_message="card refused",
)
FULL_JSON = {
    "traceId": "00112233445566778899aabbccddeeff",
    "spanId": "0000000000000002",
    "parentSpanId": "0000000000000001",
    "traceState": "vendor=1",
    "flags": 769,
    "name": "GET /cart",
    "kind": 2,
    "startTimeUnixNano": "1700000000000000001",
    "endTimeUnixNano": "1700000000000005001",
    "attributes": [
        {"key": "b", "value": {"boolValue": True}},
        {"key": "d", "value": {"doubleValue": 72.5}},
        {"key": "i", "value": {"intValue": "200"}},
        {"key": "k", "value": {"bytesValue": "AP8="}},
        {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}, {}]}}},
        {"key": "m", "value": {"kvlistValue": {"values": [{"key": "n", "value": {"intValue": "1"}}]}}},
        {"key": "s", "value": {"stringValue": "text"}},
        {"key": "z", "value": {}},
    ],
    "droppedAttributesCount": 1,
    "events": [
        {
            "timeUnixNano": "1768478400000000001",
            "name": "retry",
            "attributes": [{"key": "attempt", "value": {"intValue": "2"}}],
            "droppedAttributesCount": 4,
        }
    ],
    "droppedEventsCount": 2,
    "links": [
        {
            "traceId": "02" * 16,
            "spanId": "01" * 8,
            "traceState": "linked=yes",
            "attributes": [{"key": "reason", "value": {"stringValue": "batch"}}],
            "droppedAttributesCount": 5,
            "flags": 1,
        }
    ],
    "droppedLinksCount": 3,
    "status": {"code": 2, "message": "card refused"},
}
FULL_PART_JSON = {
    "resource": {
        "attributes": [
            {"key": "service.name", "value": {"stringValue": "checkout"}},
            {"key": "host.cpus", "value": {"intValue": "4"}},
        ],
        "droppedAttributesCount": 6,
    },
    "schemaUrl": "https://opentelemetry.io/schemas/1.37.0",
    "scopeSpans": [
        {
            "scope": {
                "name": "tests.instrumentation",
                "version": "1.2.3",
                "attributes": [{"key": "library.language", "value": {"stringValue": "python"}}],
                "droppedAttributesCount": 7,
            },
            "schemaUrl": "https://opentelemetry.io/schemas/1.36.0",
            "spans": [FULL_JSON],
        }
    ],
}


def bare_json(trace_id: bytes, number: int = 1) -> Json:
    return {
        "traceId": trace_id.hex(),
        "spanId": f"{number:016x}",
        "name": "GET /cart",
        "startTimeUnixNano": "1700000000000000001",
        "endTimeUnixNano": "1700000000000005001",
        "status": {},
    }


def part_json(*spans: Json) -> Json:
    held = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resource": held, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}


def result(*parts: Json) -> Json:
    return {"result": {"resourceSpans": list(parts)}}


@pytest.fixture
def reader() -> FixedReader:
    return FixedReader(
        spans=[span(NEW), span(OLD)],
        operations={
            "shop": [
                Operation(name="GET /cart", kind=2),
                Operation(name="GET /cart", kind=3),
                Operation(name="tick", kind=0),
                Operation(name="tick", kind=1),
            ]
        },
    )


@pytest.fixture
async def client(reader: FixedReader) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(reader) as client:
        yield client


async def test_services(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v3/services")
    assert (answer.status_code, answer.json()) == (200, {"services": ["shop"]})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("services", {"services": []}),
        ("operations?service=x", {"operations": []}),
        ("operations", {"operations": []}),
        (f"trace-summaries?{TIMES}", {"summaries": []}),
    ],
)
async def test_nothing_is_an_empty_list_that_is_there(path: str, body: Json) -> None:
    async with serving(FixedReader()) as client:
        answer = await client.get(f"/api/v3/{path}")
    assert (answer.status_code, answer.json()) == (200, body)


SERVER = [("GET /cart", "server")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", [*SERVER, ("GET /cart", "client"), ("tick", "internal")], id="any; none is internal"),
        pytest.param("&spanKind=server", SERVER, id="name"),
        pytest.param("&span_kind=server", SERVER, id="alias"),
        pytest.param("&spanKind=SERVER", SERVER, id="upper case"),
        pytest.param("&spanKind=SPAN_KIND_SERVER", SERVER, id="name of OTLP"),
        pytest.param("&spanKind=2", SERVER, id="number"),
        pytest.param(f"&spanKind={2:05000}", [], id="a long number"),
        pytest.param("&spanKind=unspecified", [("tick", "internal")], id="unspecified"),
        pytest.param("&spanKind=77", [], id="no such number"),
        pytest.param("&spanKind=nothing", [], id="no such kind"),
    ],
)
async def test_operations(client: httpx.AsyncClient, query: str, found: list[tuple[str, str]]) -> None:
    answer = await client.get(f"/api/v3/operations?service=shop{query}")
    operations = [{"name": name, "spanKind": kind} for name, kind in found]
    assert (answer.status_code, answer.json()) == (200, {"operations": operations})


async def test_a_trace_has_every_field_and_none_that_is_not_set() -> None:
    async with serving(FixedReader(spans=[span(NEW), FULL])) as client:
        answer = await client.get(f"/api/v3/traces/{NEW.hex()}?rawTraces=true")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == result(part_json(bare_json(NEW)), FULL_PART_JSON)


async def test_a_trace_can_be_taken_in_again_as_it_is() -> None:
    sent = [span(NEW), FULL]
    async with serving(FixedReader(spans=sent)) as client:
        answer = await client.get(f"/api/v3/traces/{NEW.hex()}?rawTraces=true")
    assert same_spans(decode_traces(json.dumps(answer.json()["result"]).encode(), 1).spans, sent)


@pytest.mark.parametrize(
    "path",
    [
        "00112233445566778899aabbccddeeff",
        "112233445566778899AABBCCDDEEFF",
        "ABEiM0RVZneImaq7zN3u_w",
        f"{NEW.hex()}?startTime=2020-01-01T00:00:00Z&endTime=2020-01-02T00:00:00%2B02:00",
        f"{NEW.hex()}?start_time=2020-01-01T00:00:00Z&end_time=2020-01-02T00:00:00+02:00&raw_traces=t",
    ],
    ids=["hex", "upper case, leading zeros left out", "base64url", "another time", "aliases"],
)
async def test_a_trace_is_found_whatever_the_form_of_its_id_and_the_times(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v3/traces/{path}")
    assert (answer.status_code, answer.json()) == (200, result(part_json(bare_json(NEW))))


async def test_short_ids_are_written_in_full(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v3/traces/8899aabbccddeeff")
    assert answer.json() == result(part_json(bare_json(OLD)))


@pytest.mark.parametrize(("query", "is_adjusted"), [("", True), ("rawTraces=false", True), ("rawTraces=1", False)])
async def test_a_trace_is_adjusted_unless_it_is_wanted_raw(query: str, *, is_adjusted: bool) -> None:
    orphan = span(NEW, parent_span_id=b"\7" * 8)
    async with serving(FixedReader(spans=[orphan])) as client:
        found = (await client.get(f"/api/v3/traces/{NEW.hex()}?{query}")).json()
        searched = (await client.get(f"/api/v3/traces?{TIMES}&query.{query or 'x=1'}")).json()
    (shown,) = found["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert ([one["key"] for one in shown.get("attributes", ())] == ["@jaeger@warnings"]) is is_adjusted
    assert searched == found


async def test_spans_stand_below_their_resource_and_scope_and_traces_apart() -> None:
    other = Scope(name="other")
    spans = [span(NEW), span(NEW, 2, scope=other), span(NEW, 3), span(OLD)]
    shared = spans[0].scope
    spans[2] = replace(spans[2], scope=shared)
    async with serving(FixedReader(spans=spans)) as client:
        parts = (await client.get(f"/api/v3/traces?{TIMES}")).json()["result"]["resourceSpans"]
    shape = [[[one["spanId"][-1] for one in below["spans"]] for below in part["scopeSpans"]] for part in parts]
    assert shape == [[["1", "3"], ["2"]], [["1"]]]


ATTRIBUTES = "%7B%22a%22%3A%221%22%2C%22b%22%3A%22x%3Ay%22%7D"


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        pytest.param("", {}, id="the times only: any service"),
        pytest.param("query.serviceName=s&query.operationName=o", {"service": "s", "operation": "o"}, id="names"),
        pytest.param("query.service_name=s&query.operation_name=o", {"service": "s", "operation": "o"}, id="aliases"),
        pytest.param("query.serviceName=a&query.service_name=b", {"service": "a"}, id="the newer name wins"),
        pytest.param("query.searchDepth=7", {"limit": 7}, id="depth"),
        pytest.param("query.search_depth=7", {"limit": 7}, id="depth, alias"),
        pytest.param("query.num_traces=7", {"limit": 7}, id="depth, older alias"),
        pytest.param("query.searchDepth=0", {"limit": 100}, id="no depth"),
        pytest.param("query.searchDepth=9000", {"limit": 1_500}, id="depth beyond the bound"),
        pytest.param(
            "query.durationMin=1ms&query.durationMax=1.5s",
            {"min_duration_ns": 1_000_000, "max_duration_ns": 1_500_000_000},
            id="durations",
        ),
        pytest.param(
            "query.duration_min=1ms&query.duration_max=2s",
            {"min_duration_ns": 1_000_000, "max_duration_ns": 2_000_000_000},
            id="durations, aliases",
        ),
        pytest.param(
            f"query.attributes={ATTRIBUTES}",
            {"tags": [Tag(key="a", value="1"), Tag(key="b", value="x:y")]},
            id="attributes",
        ),
    ],
)
@pytest.mark.parametrize("path", ["traces", "trace-summaries"])
async def test_a_search(
    client: httpx.AsyncClient, reader: FixedReader, path: str, query: str, changes: dict[str, object]
) -> None:
    answer = await client.get(f"/api/v3/{path}?{TIMES}&{query}")
    assert answer.status_code == 200
    wanted = TraceSearch(workspace_id=1, start_us=MIN_US, end_us=MAX_US, limit=100, tags=[])
    assert reader.searches == [replace(wanted, **changes)]


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        pytest.param("2023-11-14T00:00:00Z", MIN_US, id="UTC"),
        pytest.param("2023-11-14T02:00:00%2B02:00", MIN_US, id="offset"),
        pytest.param("2023-11-14T02:00:00+02:00", MIN_US, id="plus sign that is not escaped, as Grafana sends it"),
        pytest.param("2023-11-13T22:30:00-01:30", MIN_US, id="offset before UTC"),
        pytest.param("2023-11-14T00:00:00.123456789Z", MIN_US + 123_456, id="nanoseconds"),
        pytest.param("2023-11-14T00:00:00.1Z", MIN_US + 100_000, id="one digit"),
        pytest.param("1969-01-01T00:00:00Z", 0, id="before all spans"),
    ],
)
@pytest.mark.parametrize("name", ["query.startTimeMin", "query.start_time_min"])
async def test_times(client: httpx.AsyncClient, reader: FixedReader, name: str, text: str, time_us: int) -> None:
    await client.get(f"/api/v3/traces?{name}={text}&query.start_time_max=2023-11-15T00:00:00Z")
    assert [search.start_us for search in reader.searches] == [time_us]


async def test_summaries_have_every_field_and_none_that_is_zero() -> None:
    root = span(NEW, 1, status_code=2)
    child = span(NEW, 2, parent_span_id=root.span_id, resource=Resource(attributes={"service.name": "bank"}))
    orphan = span(NEW, 3, parent_span_id=b"\7" * 8, end_time_unix_nano=START_NS + 9_000)
    async with serving(FixedReader(spans=[root, child, orphan, span(OLD)])) as client:
        answer = await client.get(f"/api/v3/trace-summaries?{TIMES}")
    assert answer.status_code == 200
    assert answer.json() == {
        "summaries": [
            {
                "traceId": NEW.hex(),
                "rootServiceName": "shop",
                "rootOperationName": "GET /cart",
                "minStartTimeUnixNano": "1700000000000000001",
                "maxEndTimeUnixNano": "1700000000000009001",
                "spanCount": 3,
                "errorSpanCount": 1,
                "orphanSpanCount": 1,
                "services": [{"name": "bank", "spanCount": 1}, {"name": "shop", "spanCount": 2, "errorSpanCount": 1}],
            },
            {
                "traceId": OLD.hex(),
                "rootServiceName": "shop",
                "rootOperationName": "GET /cart",
                "minStartTimeUnixNano": "1700000000000000001",
                "maxEndTimeUnixNano": "1700000000000005001",
                "spanCount": 1,
                "services": [{"name": "shop", "spanCount": 1}],
            },
        ]
    }


async def test_a_trace_that_is_gone_when_it_is_read_is_left_out() -> None:
    reader = FixedReader(spans=[span(NEW), span(OLD)])
    reader.traces[OLD] = []
    async with serving(reader) as client:
        traces = await client.get(f"/api/v3/traces?{TIMES}")
        summaries = await client.get(f"/api/v3/trace-summaries?{TIMES}")
    assert traces.json() == result(part_json(bare_json(NEW)))
    assert [one["traceId"] for one in summaries.json()["summaries"]] == [NEW.hex()]


EQUALS: Json = {"op": "eq", "args": [{"attr": {"key": "n"}}, {"scalar": {"value": "7"}}]}
FAILED: Json = {"op": "eq", "args": [{"field": {"name": "status", "level": "span"}}, {"scalar": {"value": "error"}}]}
FOUND = MatchPage(matches=[TraceMatch(trace_id=OLD, sets=()), TraceMatch(trace_id=NEW, sets=())])


def filtered(document: Json) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return str(httpx.QueryParams({"query.filter": text}))


@pytest.mark.parametrize("document", [EQUALS, {"op": "and", "args": [{"call": EQUALS}, {"call": FAILED}]}])
async def test_a_structured_filter_goes_to_the_query_language(document: Json) -> None:
    reader, queries = FixedReader(spans=[span(NEW), span(OLD)]), CannedQueries(page=FOUND)
    async with serving(reader, JaegerAccess(queries=queries)) as client:
        traces = await client.get(f"/api/v3/traces?{TIMES}&query.num_traces=7&{filtered(document)}")
        asked = queries.asked
        summaries = await client.get(f"/api/v3/trace-summaries?{TIMES}&{filtered(document)}")
    assert traces.json() == result(part_json(bare_json(OLD)), part_json(bare_json(NEW)))
    assert [one["traceId"] for one in summaries.json()["summaries"]] == [OLD.hex(), NEW.hex()]
    assert reader.searches == []
    assert isinstance(asked, TraceQuery)
    assert (asked.query, asked.limit) == (lower(decode_call(json.dumps(document))), 7)
    assert (asked.workspace_id, asked.start_us, asked.end_us) == (1, MIN_US, MAX_US)
    assert queries.asked == replace(asked, limit=100)


async def test_a_structured_filter_that_finds_nothing() -> None:
    async with serving(FixedReader(), JaegerAccess(queries=CannedQueries())) as client:
        traces = await client.get(f"/api/v3/traces?{TIMES}&{filtered(EQUALS)}")
        summaries = await client.get(f"/api/v3/trace-summaries?{TIMES}&{filtered(EQUALS)}")
    assert (traces.status_code, summaries.status_code) == (404, 200)
    assert summaries.json() == {"summaries": []}


ALONE = "a filter stands for itself: service, operation, attributes and durations are said in it"
MALFORMED = "malformed parameter query.filter: "


@pytest.mark.parametrize("path", ["traces", "trace-summaries"])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        (filtered('{"op":"eq",'), MALFORMED + "Input data was truncated"),
        (filtered("[]"), MALFORMED + "Expected `object`, got `array`"),
        (filtered({"op": 7}), MALFORMED + "Expected `str`, got `int` - at `$.op`"),
        (filtered({"op": "eq", "arguments": []}), MALFORMED + "Object contains unknown field `arguments`"),
        (filtered({"op": "like"}), "filter: the operators are"),
        (
            filtered({"op": "exists", "args": [{"attr": {"key": "a"}, "nested": {"level": "event"}}]}),
            "filter: an expression",
        ),
        (filtered(EQUALS) + "&query.serviceName=shop", ALONE),
        (filtered(EQUALS) + "&query.operation_name=pay", ALONE),
        (filtered(EQUALS) + "&query.durationMin=1ms", ALONE),
        (filtered(EQUALS) + "&query.duration_max=1ms", ALONE),
        (filtered(EQUALS) + "&query.attributes=%7B%22a%22%3A%22b%22%7D", ALONE),
    ],
    ids=[
        "half a document",
        "a list",
        "an operator that is a number",
        "an unknown member",
        "an unknown operator",
        "two terms in one",
        "beside a service",
        "beside an operation",
        "beside a shortest duration",
        "beside a longest duration",
        "beside attributes",
    ],
)
async def test_filters_that_are_refused(path: str, query: str, message: str) -> None:
    queries = CannedQueries(page=FOUND)
    async with serving(FixedReader(), JaegerAccess(queries=queries)) as client:
        answer = await client.get(f"/api/v3/{path}?{TIMES}&{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)
    assert queries.asked is None


async def test_a_filter_that_finds_nothing_for_long_ends_when_its_client_has_gone() -> None:
    class Pausing(CannedQueries):
        """Always says that there may be more; an end that is not reached for a hundred pages is none."""

        pages = 0

        async def find_matches(self, query: AnyTraceQuery) -> MatchPage:
            assert isinstance(query, TraceQuery)
            self.pages += 1
            assert self.pages < 100
            return MatchPage(matches=(), cursor=SearchCursor(start_us=100 - self.pages, trace_id=NEW))

    queries = Pausing()
    incoming: list[Json] = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Json:
        # Three pages are waited for; what is not there yet is cancelled.
        if queries.pages < 3 and len(incoming) == 1:
            await asyncio.Event().wait()
        return incoming.pop() if len(incoming) > 1 else incoming[0]

    async def send(_: Json) -> None:
        """Nobody listens."""

    path = "/api/v3/trace-summaries"
    question = f"{TIMES}&{filtered(EQUALS)}".encode()
    scope: Json = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": question}
    await create_app(FixedReader(), jaeger_access=JaegerAccess(queries=queries))(scope, receive, send)
    assert queries.pages == 3


REQUIRED = "query.startTimeMin and query.startTimeMax are required"
LAYOUT = '"2006-01-02T15:04:05.999999999Z07:00"'


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("traces", 400, REQUIRED),
        ("trace-summaries?query.startTimeMin=2023-11-14T00:00:00Z", 400, REQUIRED),
        (
            "traces?query.startTimeMin=2023-11-14T00:00:00Z&query.startTimeMax=2023-11-14T00:00:00Z",
            400,
            "query.startTimeMin must be before query.startTimeMax",
        ),
        (
            "traces?query.start_time_min=x&query.startTimeMax=2023-11-14T00:00:00Z",
            400,
            f'malformed parameter query.start_time_min: parsing time "x" as {LAYOUT}: cannot parse it',
        ),
        (
            "traces?query.startTimeMin=2023-11-14T00:00:00Z&query.startTimeMax=2023-02-30T00:00:00Z",
            400,
            f'malformed parameter query.startTimeMax: parsing time "2023-02-30T00:00:00Z" as {LAYOUT}: cannot parse it',
        ),
        (
            f"traces?{TIMES}&query.searchDepth=x",
            400,
            'malformed parameter query.searchDepth: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            f"traces?{TIMES}&query.duration_min=5",
            400,
            'malformed parameter query.duration_min: time: missing unit in duration "5"',
        ),
        (
            f"traces?{TIMES}&query.rawTraces=x",
            400,
            'malformed parameter query.rawTraces: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (f"traces?{TIMES}&{filtered(EQUALS)}", 400, "structured filters are not supported by this server"),
        ("traces/xyz", 400, "malformed parameter trace_id: invalid trace ID, expecting 1 to 32 hex characters"),
        (
            "traces/a?raw_traces=x",
            400,
            'malformed parameter raw_traces: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (
            "traces/a?endTime=x",
            400,
            f'malformed parameter endTime: parsing time "x" as {LAYOUT}: cannot parse it',
        ),
        (f"traces/{'f' * 32}", 404, "No traces found"),
    ],
)
async def test_errors(client: httpx.AsyncClient, path: str, status: int, message: str) -> None:
    answer = await client.get(f"/api/v3/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("}\n")
    assert answer.json() == {"error": {"httpCode": status, "message": message}}


async def test_attributes_that_are_no_map_of_strings(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v3/traces?{TIMES}&query.attributes=%7B%22a%22%3A1%7D")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("malformed parameter query.attributes: ")


async def test_a_search_that_finds_nothing_is_not_found() -> None:
    async with serving(FixedReader()) as client:
        answer = await client.get(f"/api/v3/traces?{TIMES}")
    assert answer.status_code == 404
    assert answer.json() == {"error": {"httpCode": 404, "message": "No traces found"}}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(RetryableError("the store cannot be reached", retry_after_s=2.4), 503, id="unreachable"),
        pytest.param(PermanentError("the store refused the statement"), 500, id="permanent"),
        pytest.param(CallerError("tag is too long"), 400, id="refused by the store"),
    ],
)
async def test_a_failing_store(path: str, failure: RelayscopeError, status: int) -> None:
    async with serving(FixedReader(failure=failure)) as client:
        answer = await client.get(f"/api/v3/{path}")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("2" if status == 503 else None)
    assert answer.json() == {"error": {"httpCode": status, "message": str(failure)}}


@pytest.mark.parametrize("path", PATHS)
async def test_every_read_is_for_the_workspace_of_the_request(
    client: httpx.AsyncClient, reader: FixedReader, path: str
) -> None:
    await client.get(f"/api/v3/{path}")
    assert reader.workspaces == {1}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nope", 404), ("GET", "dependencies", 404), ("POST", "traces", 405), ("GET", "traces/a/b", 404)],
)
async def test_what_is_not_served(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await client.request(method, f"/api/v3/{path}")).status_code == status


async def test_openapi_names_the_parameters(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    named = {one["name"] for one in paths["/api/v3/traces"]["get"]["parameters"]}
    assert {"query.serviceName", "query.startTimeMin", "query.searchDepth", "query.rawTraces"} <= named
    assert {"404", "400", "503"} <= set(paths["/api/v3/traces/{trace_id}"]["get"]["responses"])


def test_access_is_empty_by_default() -> None:
    assert JaegerAccess() == (None, None, None, None, None, 0, None, None)
