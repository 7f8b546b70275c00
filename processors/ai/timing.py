"""When the first token came, and whether an answer was streamed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from processors.ai.decoding import as_number, as_text
from processors.ai.detection import Plan
from processors.ai.operation import chosen
from processors.ai.reader import Reader
from tracedata import Event

_NS_PER_S, _NS_PER_MS = 1_000_000_000, 1_000_000
_MAX_NS = 2**63 - 1


def first_token_ns(plan: Plan, reader: Reader, events: Sequence[Event], *, start: int, end: int) -> int | None:
    """Nanoseconds from ``start`` to the first token; None when nobody said, or said nothing that can be."""
    for moment, path in plan.first_token:
        value = reader.value(path)
        if moment.unit == "iso":
            duration = _since(value, start)
        else:
            duration = _duration(as_number(value), moment.unit, end - start)
        if duration is not None and 0 < duration <= _MAX_NS:
            return duration
    if events and plan.first_token_events:
        times = [event.time_unix_nano for event in events if event.name in plan.first_token_events]
        if times and (duration := min(times) - start) > 0:
            return duration
    return None


def _duration(number: float | None, unit: str, span_ns: int) -> int | None:
    if number is None or number <= 0 or number > 1e15:
        return None
    if unit == "ms":
        return round(number * _NS_PER_MS)
    if unit == "s_or_ms" and number * _NS_PER_S > span_ns >= 0:
        # The same key has seconds from some senders and milliseconds from others; a token comes before the end.
        return round(number * _NS_PER_MS)
    return round(number * _NS_PER_S)


def _since(value: object, start: int) -> int | None:
    """A moment in ISO 8601, twice quoted by older senders."""
    text = as_text(value).strip('"')
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        whole = int(moment.replace(microsecond=0).timestamp())
    except (OverflowError, OSError):
        return None
    return whole * _NS_PER_S + moment.microsecond * 1_000 - start


def is_streaming(plan: Plan, reader: Reader, first_token: int | None) -> bool | None:
    """True, False, or None when nobody said. What has a first token that came before the last was streamed, whatever a flag says."""
    if first_token is not None:
        return True
    if plan.streaming_operations and chosen(plan.streaming_operations, reader) is not None:
        return True
    return reader.truth(plan.streaming) if plan.streaming else None
