"""What LLM instrumentations emitted for known requests: recordings of real ones, and others written from their documentation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.support.factory import BASE_US, MS_NS
from tests.support.repository import ROOT
from tracedata import Event, LogRecord, Resource, Scope, Span, SpanKind, StatusCode

RECORDED = ROOT / "tests" / "fixtures" / "llm_spans"
WRITTEN = ROOT / "tests" / "fixtures" / "llm_spans_written"
_SECOND_NS = 1_000 * MS_NS


class Request(msgspec.Struct, frozen=True):
    """A request that the (fake) model server saw."""

    path: str
    model: str = ""


class Recording(msgspec.Struct, frozen=True):
    """Spans, log records, and the requests that made them."""

    name: str
    spans: Sequence[Span]
    log_records: Sequence[LogRecord]
    requests: Sequence[Request]


def recordings(folder: Path) -> Sequence[str]:
    """The names of all recordings of a folder."""
    return sorted(path.stem for path in folder.glob("*.json"))


def recording(folder: Path, name: str) -> Recording:
    """A recording. Spans end one second after the other as they are listed, unless they say when they start."""
    dump = json.loads((folder / f"{name}.json").read_text())
    resource = Resource(attributes={"service.name": name})
    spans = [_span(one, resource, at=at) for at, one in enumerate(dump["spans"])]
    traces = {span.span_id: span.trace_id for span in spans}
    return Recording(
        name,
        spans,
        [_record(one, resource, traces, at=at) for at, one in enumerate(dump["log_records"])],
        [Request(one["path"], one.get("model") or "") for one in dump["requests_seen"]],
    )


# JSON of any shape: what tests read of it is checked by what they find.
_Dump = Mapping[str, Any]


def _span(dump: _Dump, resource: Resource, *, at: int) -> Span:
    duration = round(dump.get("duration_ms", 100) * MS_NS)
    end = BASE_US * 1_000 + (at + 1) * _SECOND_NS
    start = BASE_US * 1_000 + round(dump["start_ms"] * MS_NS) if "start_ms" in dump else end - duration
    return Span(
        trace_id=bytes.fromhex(dump["trace_id"]),
        span_id=bytes.fromhex(dump["span_id"]),
        parent_span_id=bytes.fromhex(dump.get("parent") or ""),
        resource=resource,
        scope=Scope(name=dump["scope"], version=dump.get("scope_version") or ""),
        name=dump["name"],
        kind=SpanKind[dump.get("kind", "INTERNAL")],
        start_time_unix_nano=start,
        end_time_unix_nano=start + duration,
        attributes=dump["attributes"],
        events=tuple(
            Event(
                time_unix_nano=start + round(event.get("offset_ms", 0) * MS_NS),
                name=event["name"],
                attributes=event["attributes"],
            )
            for event in dump.get("events", ())
        ),
        status_code=StatusCode[dump.get("status", "UNSET")],
        status_message=dump.get("status_message") or "",
    )


def _record(dump: _Dump, resource: Resource, traces: Mapping[bytes, bytes], *, at: int) -> LogRecord:
    span_id = bytes.fromhex(dump.get("span_id") or "")
    return LogRecord(
        resource=resource,
        scope=Scope(name=dump.get("scope", "opentelemetry.events")),
        trace_id=traces.get(span_id) or bytes.fromhex(dump.get("trace_id") or ""),
        span_id=span_id,
        # As they come from OpenTelemetry's SDKs: known is only when they were observed.
        observed_time_unix_nano=BASE_US * 1_000 + at * MS_NS,
        event_name=dump.get("event_name") or "",
        body=dump.get("body"),
        attributes=dump["attributes"],
    )
