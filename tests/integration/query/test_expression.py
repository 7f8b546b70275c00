"""Structured filters over PostgreSQL: what each operator, level and field means, by the spans that it finds."""

from __future__ import annotations

from query.expression.lowering import lower
from query.expression.node import decode_call
from query.traceql.search import trace_query
from storage.api import Window
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from tests.support.factory import BASE_US, HOUR_US, span, workspace
from tests.support.store import Store
from tracedata import Event, Link, Resource, Scope, Span, SpanKind, StatusCode

_START_NS = BASE_US * 1_000
_TRACE = bytes.fromhex("ab" * 16)


def _span(name: str, **fields: object) -> Span:
    # object: fields of several types, each of which the factory knows.
    return span(name=name, **fields)  # type: ignore[arg-type]


_SPANS = [
    _span(
        "a",
        trace_id=_TRACE,
        span_id=b"\xaa" * 8,
        kind=SpanKind.SERVER,
        status_code=StatusCode.ERROR,
        status_message="card refused",
        trace_state="vendor=1",
        start_time_unix_nano=_START_NS + 7,
        end_time_unix_nano=_START_NS + 2_000_000_007,
        resource=Resource(attributes={"service.name": "cart", "region": "eu", "n": 5}, schema_url="https://schema/1"),
        scope=Scope(name="http", version="1.0", attributes={"tier": "edge"}, schema_url="https://schema/2"),
        attributes={"n": 500, "flag": True, "path": "/api/cart", "low": 1, "high": 2},
        events=[
            Event(time_unix_nano=_START_NS + 1_007, name="exception", attributes={"kind": "io"}),
            Event(time_unix_nano=_START_NS + 9_007, name="retry", attributes={"kind": "net"}),
        ],
        links=[Link(trace_id=b"\xcc" * 16, span_id=b"\xdd" * 8, trace_state="t=1", attributes={"why": "retry"})],
    ),
    _span(
        "b",
        parent_span_id=b"\xaa" * 8,
        kind=SpanKind.CLIENT,
        start_time_unix_nano=_START_NS + 1_000,
        end_time_unix_nano=_START_NS + 2_000,
        resource=Resource(attributes={"service.name": "ledger", "n": "500"}),
        attributes={"n": 9.5, "flag": False, "path": "/health", "low": 3, "high": 2},
        events=[Event(name="")],
    ),
    _span("c", resource=Resource(attributes={}), attributes={"path": ["x", "y"]}, kind=SpanKind.UNSPECIFIED),
]


def _attr(key: str, level: str = "") -> str:
    return f'{{"attr": {{"key": "{key}", "level": "{level}"}}}}'


def _field(level: str, name: str) -> str:
    return f'{{"field": {{"level": "{level}", "name": "{name}"}}}}'


def _scalar(value: str, type_: str = "") -> str:
    return f'{{"scalar": {{"value": "{value}", "type": "{type_}"}}}}'


def _list(*values: str, type_: str = "") -> str:
    quoted = ", ".join(f'"{value}"' for value in values)
    return f'{{"list": {{"values": [{quoted}], "type": "{type_}"}}}}'


def _call(op: str, *args: str) -> str:
    return f'{{"op": "{op}", "args": [{", ".join(args)}]}}'


def _in(call: str) -> str:
    return f'{{"call": {call}}}'


_EVENTS = '{"nested": {"level": "event"}}'
_LINKS = '{"nested": {"level": "link"}}'
_IO = _in(_call("eq", _attr("kind", "event"), _scalar("io")))
_NET = _in(_call("eq", _attr("kind", "event"), _scalar("net")))
_LATE = _in(_call("gt", _field("event", "timeSinceStart"), _scalar("5µs")))

# The names of the spans that are found.
_CASES = {
    "untyped is whatever prints like this": (_call("eq", _attr("n"), _scalar("500")), "ab"),
    "a type is authoritative": (_call("eq", _attr("n"), _scalar("500", "int")), "a"),
    "text of a type": (_call("eq", _attr("n"), _scalar("500", "string")), "b"),
    "double": (_call("eq", _attr("n"), _scalar("9.5", "double")), "b"),
    "boolean": (_call("eq", _attr("flag"), _scalar("false", "bool")), "b"),
    "level of the span": (_call("eq", _attr("n", "span"), _scalar("500")), "a"),
    "level of the resource": (_call("eq", _attr("n", "resource"), _scalar("5")), "a"),
    "no level is span and resource": (_call("eq", _attr("n"), _scalar("5")), "a"),
    "level of the scope": (_call("eq", _attr("tier", "scope"), _scalar("edge")), "a"),
    "no level is not the scope": (_call("eq", _attr("tier"), _scalar("edge")), ""),
    "level of events": (_call("eq", _attr("kind", "event"), _scalar("net")), "a"),
    "level of links": (_call("eq", _attr("why", "link"), _scalar("retry")), "a"),
    "an element of an array": (_call("eq", _attr("path"), _scalar("y")), "c"),
    "ne asks for something that is there": (_call("ne", _attr("flag"), _scalar("true")), "b"),
    "ne of several values": (_call("ne", _attr("n"), _scalar("5")), "b"),
    "not turns what is absent around": (_call("not", _in(_call("eq", _attr("flag"), _scalar("true")))), "bc"),
    "numbers are ordered as numbers": (_call("gt", _attr("n"), _scalar("9")), "ab"),
    "numbers are not text": (_call("lt", _attr("n", "span"), _scalar("100")), "b"),
    "text is ordered as text": (_call("gte", _attr("path"), _scalar("/b")), "bc"),
    "the literal may stand first": (_call("gt", _scalar("100"), _attr("n", "span")), "b"),
    "two attributes": (_call("gt", _attr("low"), _attr("high")), "b"),
    "regex anywhere": (_call("regex", _attr("path"), _scalar("c.rt")), "a"),
    "regex with anchors": (_call("regex", _attr("path"), _scalar("^/health$")), "b"),
    "regex of a word": (_call("regex", _field("span", "kind"), _scalar("^(cli|serv)")), "ab"),
    "exists": (_call("exists", _attr("flag")), "ab"),
    "exists of an event attribute": (_call("exists", _attr("kind", "event")), "a"),
    "in": (_call("in", _attr("path"), _list("/health", "x", type_="string")), "bc"),
    "not_in": (_call("not_in", _attr("path"), _list("/health", "x", type_="string")), "a"),
    "in a list of durations": (_call("in", _field("span", "duration"), _list("1µs", "2s")), "ab"),
    "and": (_call("and", _in(_call("exists", _attr("n"))), _in(_call("eq", _attr("flag"), _scalar("true")))), "a"),
    "or": (
        _call("or", _in(_call("eq", _field("span", "name"), _scalar("c"))), _in(_call("exists", _attr("region")))),
        "ac",
    ),
    "span name": (_call("eq", _field("span", "name"), _scalar("b")), "b"),
    "span kind": (_call("eq", _field("span", "kind"), _scalar("client")), "b"),
    "span status": (_call("ne", _field("span", "status"), _scalar("error")), "bc"),
    "span status message": (_call("regex", _field("span", "statusMessage"), _scalar("refused")), "a"),
    "no status message is absent": (_call("ne", _field("span", "statusMessage"), _scalar("x")), "a"),
    "span trace state": (_call("exists", _field("span", "traceState")), "a"),
    "span trace id": (_call("eq", _field("span", "traceID"), _scalar("AB" * 16)), "a"),
    "span id": (_call("eq", _field("span", "spanID"), _scalar("aa" * 8)), "a"),
    "span parent": (_call("exists", _field("span", "parentSpanID")), "b"),
    "span duration": (_call("gte", _field("span", "duration"), _scalar("2s")), "a"),
    "span start": (_call("eq", _field("span", "startTime"), _scalar("2026-01-15T12:00:00.000001Z")), "b"),
    "span start in nanoseconds": (
        _call("lte", _field("span", "startTime"), _scalar("2026-01-15T12:00:00.000000007Z")),
        "ac",
    ),
    "span end": (_call("eq", _field("span", "endTime"), _scalar("2026-01-15T13:00:02.000000007+01:00")), "a"),
    "start before end": (_call("lt", _field("span", "startTime"), _field("span", "endTime")), "abc"),
    "resource service": (_call("eq", _field("resource", "service"), _scalar("ledger")), "b"),
    "no service is absent": (_call("ne", _field("resource", "service"), _scalar("ledger")), "a"),
    "resource schema": (_call("exists", _field("resource", "schemaURL")), "a"),
    "scope name": (_call("eq", _field("scope", "name"), _scalar("http")), "a"),
    "scope version": (_call("in", _field("scope", "version"), _list("1.0")), "a"),
    "scope schema": (_call("regex", _field("scope", "schemaURL"), _scalar("/2$")), "a"),
    "event name": (_call("eq", _field("event", "name"), _scalar("retry")), "a"),
    "event time": (_call("lt", _field("event", "time"), _scalar("1980-01-01T00:00:00Z")), "b"),
    "event since start": (_call("eq", _field("event", "timeSinceStart"), _scalar("1µs")), "a"),
    "link trace id": (_call("eq", _field("link", "traceID"), _scalar("CC" * 16)), "a"),
    "link span id": (_call("eq", _field("link", "spanID"), _scalar("dd" * 8)), "a"),
    "link trace state": (_call("ne", _field("link", "traceState"), _scalar("t=2")), "a"),
    "two events may be meant": (_call("and", _IO, _LATE), "a"),
    "some is about one event": (_call("some", _EVENTS, _in(_call("and", _IO, _LATE))), ""),
    "some that holds": (_call("some", _EVENTS, _in(_call("and", _NET, _LATE))), "a"),
    "every is not some not": (
        _call("not", _in(_call("some", _EVENTS, _in(_call("not", _in(_call("exists", _attr("kind", "event")))))))),
        "ac",
    ),
    "the span inside some": (
        _call(
            "some",
            _LINKS,
            _in(_call("and", _in(_call("exists", _attr("why", "link"))), _in(_call("exists", _attr("n"))))),
        ),
        "a",
    ),
    "two references inside some": (
        _call("some", _LINKS, _in(_call("eq", _attr("why", "link"), _scalar("retry")))),
        "a",
    ),
}


async def test_filters_find_what_their_operators_mean(postgres_store: Store) -> None:
    assert isinstance(postgres_store.reader, PostgresSpanReader)
    workspace_id = workspace()
    await postgres_store.put(*_SPANS, workspace_id=workspace_id)
    queries = PostgresTraceQueryReader(postgres_store.reader.pool)
    window = Window(workspace_id=workspace_id, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US)
    found: dict[str, str] = {}
    for name, (text, _) in _CASES.items():
        page = await queries.find_matches(trace_query(lower(decode_call(text)), window, limit=10))
        found[name] = "".join(sorted(one.name for match in page.matches for each in match.sets for one in each.spans))
    assert found == {name: expected for name, (_, expected) in _CASES.items()}
