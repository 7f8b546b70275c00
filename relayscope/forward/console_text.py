"""OTLP/JSON as lines that a person can read: one for each span or log record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

# JSON that was made here.
_Tree: TypeAlias = "dict[str, Any]"

_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_MAX_CHARS = 200
_S, _MS = 1_000_000_000, 1_000_000


def text_lines(data: bytes) -> Iterator[str]:
    """A line for each item of a request. Control characters are written as escapes, so that none reaches a terminal."""
    request: _Tree = msgspec.json.decode(data)
    for resource_spans in request.get("resourceSpans", ()):
        service = _service(resource_spans)
        for scope_spans in resource_spans["scopeSpans"]:
            yield from (_span_line(span, service) for span in scope_spans["spans"])
    for resource_logs in request.get("resourceLogs", ()):
        service = _service(resource_logs)
        for scope_logs in resource_logs["scopeLogs"]:
            yield from (_log_line(record, service) for record in scope_logs["logRecords"])


def _span_line(span: _Tree, service: str) -> str:
    start, end = int(span.get("startTimeUnixNano", 0)), int(span.get("endTimeUnixNano", 0))
    kind, status = span.get("kind", 0), span.get("status", {})
    words = [
        _moment(start),
        "span",
        service,
        _plain(span.get("name", "")),
        _KINDS[kind] if 0 <= kind < len(_KINDS) else str(kind),
        f"{(end - start) / _MS:.3f} ms",
        "ERROR" if status.get("code") == 2 else "",
        *_ids(span),
        f"parent_span_id={span['parentSpanId']}" if "parentSpanId" in span else "",
        *_pairs(span),
    ]
    return " ".join(word for word in words if word)


def _log_line(record: _Tree, service: str) -> str:
    words = [
        _moment(int(record.get("timeUnixNano") or record.get("observedTimeUnixNano", 0))),
        "log",
        service,
        record.get("severityText") or str(record.get("severityNumber", "")),
        _plain(record.get("eventName", "")),
        _value(record.get("body", {})),
        *_ids(record),
        *_pairs(record),
    ]
    return " ".join(_plain(word) for word in words if word)


def _service(of_resource: _Tree) -> str:
    pairs = of_resource["resource"].get("attributes", ())
    return next((_value(pair["value"]) for pair in pairs if pair["key"] == "service.name"), "-")


def _ids(item: _Tree) -> Iterator[str]:
    if "traceId" in item:
        yield f"trace_id={item['traceId']}"
    if "spanId" in item:
        yield f"span_id={item['spanId']}"


def _pairs(item: _Tree) -> Iterator[str]:
    for pair in item.get("attributes", ()):
        yield f"{_plain(pair['key'])}={_value(pair['value'])}"


def _value(value: _Tree) -> str:
    """A string as it is, anything else as JSON."""
    if not value:
        return ""
    (member,) = value.values()
    return _plain(member if isinstance(member, str) else msgspec.json.encode(member).decode())


def _plain(text: str) -> str:
    shown = text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}..."
    return shown if shown.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)


def _moment(nanoseconds: int) -> str:
    try:
        return datetime.fromtimestamp(nanoseconds // _S, UTC).strftime("%Y-%m-%dT%H:%M:%S") + (
            f".{nanoseconds % _S // _MS:03}Z"
        )
    except (OverflowError, ValueError, OSError):
        return str(nanoseconds)
