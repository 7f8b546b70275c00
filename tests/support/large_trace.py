"""A large trace in which everything occurs that a read path may lose, the same at every call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.factory import BASE_US
from tracedata import Attributes, Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

LARGE_TRACE_ID = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
LARGE_TRACE_SPANS = 10_008
_OTHER_TRACE_ID = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
_US_NS = 1_000
_CHILDREN = 8
_SERVICES = tuple(
    Resource(
        attributes={"service.name": name, "host.cpus": 4, "host.key": bytes(range(9)), "host.is_spot": True},
        dropped_attributes_count=number,
        schema_url="https://opentelemetry.io/schemas/1.37.0",
    )
    for number, name in enumerate(("gateway", "checkout", "ledger"))
)
_SCOPES = (
    Scope(name="http.server", version="1.4.0", attributes={"scope.tier": "edge", "scope.rank": 7}),
    Scope(name="sql.client", attributes={"scope.tier": "store", "scope.key": b"\x00\xff"}),
    Scope(),
)
_VALUES: tuple[Value, ...] = (
    "text with ünïcode",
    True,
    -(2**63),
    2**53 + 1,
    72.5,
    b"\x00\x01\xfe\xff",
    ["a", 1, None, b"\x01"],
    {"nested": {"deep": [False]}},
    "",
    0,
)
_STATUSES = ((StatusCode.UNSET, ""), (StatusCode.OK, ""), (StatusCode.ERROR, "card refused"), (StatusCode.ERROR, ""))


def large_trace(*, start_us: int = BASE_US, trace_id: bytes = LARGE_TRACE_ID) -> Sequence[Span]:
    """``LARGE_TRACE_SPANS`` different spans of one trace, in the order in which stores give them: by start and id.

    Among them are different spans that share an id (those of one number in a hundred come with a twin: a client and a
    server span, as Zipkin writes them), parents that are missing, links to this trace and to another one, attributes of
    every type on resources, scopes, spans, events and links, and events without a name. ``start_us`` is Unix microseconds.
    """
    spans = list(_spans(start_us * _US_NS, trace_id))[:LARGE_TRACE_SPANS]
    return sorted(spans, key=lambda span: (span.start_time_unix_nano, span.span_id))


def _spans(start_ns: int, trace_id: bytes) -> Iterator[Span]:
    for number in range(LARGE_TRACE_SPANS):
        span = _span(number, start_ns, trace_id)
        yield span
        if number % 100 == 1:
            yield _twin(span)


def _span(number: int, start_ns: int, trace_id: bytes) -> Span:
    status_code, status_message = _STATUSES[number % len(_STATUSES)]
    start = start_ns + number * 2 * _US_NS + number % 3
    return Span(
        trace_id=trace_id,
        span_id=_id(number),
        resource=_SERVICES[number % len(_SERVICES)],
        scope=_SCOPES[number % len(_SCOPES)],
        parent_span_id=_parent(number),
        trace_state="vendor=1" if number % 7 == 0 else "",
        flags=0x101 if number % 2 else 0,
        # A name may be empty, and many spans have the same.
        name="" if number % 500 == 9 else f"operation {number % 40}",
        # A twin is made of a client span.
        kind=SpanKind.CLIENT if number % 100 == 1 else number % 6,
        start_time_unix_nano=start,
        end_time_unix_nano=start + (number % 50) * 10 * _US_NS + 5,
        attributes=_attributes(number),
        dropped_attributes_count=number % 2,
        events=_events(number, start),
        dropped_events_count=number % 4,
        links=_links(number, trace_id),
        dropped_links_count=number % 5,
        status_code=status_code,
        status_message=status_message,
    )


def _twin(client: Span) -> Span:
    """The server's half of a call under the id of the client's, a little later and shorter."""
    return Span(
        trace_id=client.trace_id,
        span_id=client.span_id,
        parent_span_id=client.parent_span_id,
        resource=_SERVICES[0] if client.resource is _SERVICES[1] else _SERVICES[1],
        scope=_SCOPES[0],
        name=client.name,
        kind=SpanKind.SERVER,
        start_time_unix_nano=client.start_time_unix_nano + _US_NS,
        end_time_unix_nano=client.end_time_unix_nano,
    )


def _parent(number: int) -> bytes:
    if number == 0:
        return b""
    # One in a thousand has a parent that nobody ever sent.
    return b"\xee" * 8 if number % 1_000 == 999 else _id((number - 1) // _CHILDREN)


def _id(number: int) -> bytes:
    return (0x1000 + number).to_bytes(8, "big")


def _attributes(number: int) -> Attributes:
    found: dict[str, Value] = {"number": number}
    if number % 4 == 0:
        found[f"value.{number % len(_VALUES)}"] = _VALUES[number % len(_VALUES)]
    return found


def _events(number: int, start: int) -> tuple[Event, ...]:
    if number % 10:
        return ()
    return (
        Event(time_unix_nano=start + 1_000, name="retry", attributes={"attempt": number, "body": b"\x80"}),
        Event(time_unix_nano=start + 2_000, attributes={"why": "no name"}, dropped_attributes_count=1),
        Event(time_unix_nano=start + 3_000),
    )


def _links(number: int, trace_id: bytes) -> tuple[Link, ...]:
    if number % 20 != 5:
        return ()
    return (
        Link(trace_id=trace_id, span_id=_id(0), attributes={"opentracing.ref_type": "child_of"}),
        Link(
            trace_id=_OTHER_TRACE_ID,
            span_id=b"\x07" * 8,
            trace_state="linked=yes",
            attributes={"reason": "batch", "rank": number, "key": b"\x00"},
            dropped_attributes_count=1,
            flags=1,
        ),
    )
