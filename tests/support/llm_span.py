"""Spans and log records of AI applications for tests: ids by number, times in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from processors.ai.mapper import Mapper
from tests.support.factory import BASE_US, MS_NS
from tracedata import Event, LogRecord, Resource, Scope, Span, StatusCode, Value
from tracedata.interaction import Interaction

START_NS = BASE_US * 1_000
RESOURCE = Resource(attributes={"service.name": "assistant"})
GATEWAY = Resource(attributes={"service.name": "gateway"})
CHAT: Mapping[str, Value] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
}
USED: Mapping[str, Value] = {"gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 30}


def span(
    number: int,
    attributes: Mapping[str, Value],
    *,
    parent: int = 0,
    trace: int = 1,
    scope: str = "test",
    name: str = "span",
    at_ms: float = 0,
    took_ms: float = 100,
    events: Sequence[Event] = (),
    error: str = "",
) -> Span:
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        resource=RESOURCE,
        scope=Scope(name=scope),
        name=name,
        start_time_unix_nano=START_NS + round(at_ms * MS_NS),
        end_time_unix_nano=START_NS + round((at_ms + took_ms) * MS_NS),
        attributes=attributes,
        events=events,
        status_code=StatusCode.ERROR if error else StatusCode.UNSET,
        status_message=error,
    )


def chat(
    number: int, more: Mapping[str, Value] | None = None, *, parent: int = 0, trace: int = 1, scope: str = "test"
) -> Span:
    """A call of a model that says how many tokens it took."""
    return span(number, {**CHAT, **USED, **(more or {})}, parent=parent, trace=trace, scope=scope)


def record(
    name: str,
    attributes: Mapping[str, Value],
    *,
    body: Value = None,
    number: int = 0,
    at_ms: float = 0,
    scope: str = "opentelemetry.events",
) -> LogRecord:
    """An event; of the span ``number`` of trace 1, or of no trace."""
    return LogRecord(
        resource=RESOURCE,
        scope=Scope(name=scope),
        trace_id=(1).to_bytes(16, "big") if number else b"",
        span_id=number.to_bytes(8, "big") if number else b"",
        observed_time_unix_nano=START_NS + round(at_ms * MS_NS),
        event_name=name,
        body=body,
        attributes=attributes,
    )


def event(name: str, attributes: Mapping[str, Value] | None = None, *, at_ms: float = 0) -> Event:
    return Event(name=name, time_unix_nano=START_NS + round(at_ms * MS_NS), attributes=attributes or {})


def messages(role: str, *texts: str) -> str:
    """Messages as OpenTelemetry writes them on spans."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts])


def mapped(*spans: Span, records: Sequence[LogRecord] = ()) -> Sequence[Interaction]:
    """What the mapper makes of them; it must not have failed."""
    failures: list[int] = []
    made = Mapper(failed=failures.append).interactions(spans, records)
    assert failures == []
    return made


def only(*spans: Span, records: Sequence[LogRecord] = ()) -> Interaction:
    """The one interaction that the mapper makes of them."""
    (made,) = mapped(*spans, records=records)
    return made
