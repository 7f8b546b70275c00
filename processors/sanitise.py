"""Repairs what PostgreSQL could refuse, so that one bad field never sinks the batch that it came with.

Text cannot hold NUL (https://www.postgresql.org/docs/current/datatype-character.html) or lone surrogates, which are not
UTF-8; numbers have to fit their columns; JSON has to have a bounded depth. What was repaired is told in the attribute
``relayscope.repaired`` of the span or log record, or of the resource or scope itself: the sorted list of repair classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from processors.walk import Steps, walk
from tracedata import Attributes, Batch, Event, Link, LogRecord, Resource, Scope, Span, Value

REPAIRED_KEY = "relayscope.repaired"

NUL_CHARACTER = "nul_character"
LONE_SURROGATE = "lone_surrogate"
INTEGER_OUT_OF_RANGE = "integer_out_of_range"
NESTING_TOO_DEEP = "nesting_too_deep"
SEVERITY_OUT_OF_RANGE = "severity_out_of_range"
KIND_OUT_OF_RANGE = "kind_out_of_range"
STATUS_CODE_OUT_OF_RANGE = "status_code_out_of_range"
TIME_OUT_OF_RANGE = "time_out_of_range"
DURATION_OUT_OF_RANGE = "duration_out_of_range"
COUNT_OUT_OF_RANGE = "count_out_of_range"
FLAGS_OUT_OF_RANGE = "flags_out_of_range"

MAX_DEPTH = 64
"""Levels of values in an attribute; a plain value is one level."""
TOO_DEEP = "<too deep>"

_MAX_INT16, _MAX_INT64 = 2**15 - 1, 2**63 - 1
_MIN_INT16, _MIN_INT64 = -(2**15), -(2**63)
_MAX_UINT32, _MAX_UINT64 = 2**32 - 1, 2**64 - 1
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SURROGATE = re.compile("[\ud800-\udfff]")


class Sanitise:
    """Looks at every batch quickly, and takes apart only what has something wrong in it."""

    def process(self, batch: Batch) -> Batch:
        """The batch itself when nothing is wrong; else a new one that shares all that is sound."""
        return walk(batch, _STEPS)


def _sound_span(span: Span) -> Span:
    return span if _is_sound(span) else _repaired(span)


def _is_sound(span: Span) -> bool:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    if not (
        0 <= start <= _MAX_UINT64
        and 0 <= end <= _MAX_UINT64
        and _MIN_INT64 <= end - start <= _MAX_INT64
        and _MIN_INT16 <= span.kind <= _MAX_INT16
        and _MIN_INT16 <= span.status_code <= _MAX_INT16
        and 0 <= span.flags <= _MAX_UINT32
        and 0 <= span.dropped_attributes_count <= _MAX_UINT32
        and 0 <= span.dropped_events_count <= _MAX_UINT32
        and 0 <= span.dropped_links_count <= _MAX_UINT32
    ):
        return False
    texts = [span.name, span.trace_state, span.status_message]
    return (
        _gather(span.attributes, texts)
        and (not span.events or all(_gather_event(event, texts) for event in span.events))
        and (not span.links or all(_gather_link(link, texts) for link in span.links))
        and _is_sound_text("".join(texts))
    )


def _sound_log_record(record: LogRecord) -> LogRecord:
    return record if _is_sound_record(record) else _repaired_record(record)


def _is_sound_record(record: LogRecord) -> bool:
    if not (
        0 <= record.time_unix_nano <= _MAX_UINT64
        and 0 <= record.observed_time_unix_nano <= _MAX_UINT64
        and _MIN_INT16 <= record.severity_number <= _MAX_INT16
        and 0 <= record.flags <= _MAX_UINT32
        and 0 <= record.dropped_attributes_count <= _MAX_UINT32
    ):
        return False
    texts = [record.severity_text, record.event_name]
    return _gather(record.attributes, texts) and _gather_value(record.body, texts, 1) and _is_sound_text("".join(texts))


def _is_sound_text(text: str) -> bool:
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        # Several times faster than a search, and it is the very thing that would fail later.
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _gather_event(event: Event, texts: list[str]) -> bool:
    texts.append(event.name)
    return (
        0 <= event.time_unix_nano <= _MAX_UINT64
        and 0 <= event.dropped_attributes_count <= _MAX_UINT32
        and _gather(event.attributes, texts)
    )


def _gather_link(link: Link, texts: list[str]) -> bool:
    texts.append(link.trace_state)
    return (
        0 <= link.flags <= _MAX_UINT32
        and 0 <= link.dropped_attributes_count <= _MAX_UINT32
        and _gather(link.attributes, texts)
    )


def _gather(attributes: Attributes, texts: list[str], depth: int = 1) -> bool:
    """Appends all text, keys too, so that it is looked at in one go; false when something else is wrong."""
    texts.extend(attributes)
    for value in attributes.values():
        if type(value) is str:
            texts.append(value)
        elif not _gather_value(value, texts, depth):
            return False
    return True


def _gather_value(value: Value, texts: list[str], depth: int) -> bool:
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, int):
        return _MIN_INT64 <= value <= _MAX_INT64
    if value is None or isinstance(value, (float, bytes)):
        return True
    if isinstance(value, str):
        texts.append(value)
        return True
    if isinstance(value, Mapping):
        return (depth < MAX_DEPTH or not value) and _gather(value, texts, depth + 1)
    return all(_gather_value(item, texts, depth + 1) for item in value)


def _sound_resource(resource: Resource) -> Resource:
    repair = _Repair()
    sound = Resource(
        attributes=repair.attributes(resource.attributes),
        dropped_attributes_count=repair.count(resource.dropped_attributes_count),
        schema_url=repair.text(resource.schema_url),
    )
    if not repair.classes:
        return resource
    return msgspec.structs.replace(sound, attributes=repair.marked(sound.attributes))


def _sound_scope(scope: Scope) -> Scope:
    repair = _Repair()
    sound = Scope(
        name=repair.text(scope.name),
        version=repair.text(scope.version),
        attributes=repair.attributes(scope.attributes),
        dropped_attributes_count=repair.count(scope.dropped_attributes_count),
        schema_url=repair.text(scope.schema_url),
    )
    if not repair.classes:
        return scope
    return msgspec.structs.replace(sound, attributes=repair.marked(sound.attributes))


def _repaired(span: Span) -> Span:
    repair = _Repair()
    start, end = repair.times(span)
    sound = msgspec.structs.replace(
        span,
        name=repair.text(span.name),
        trace_state=repair.text(span.trace_state),
        status_message=repair.text(span.status_message),
        kind=repair.int16(span.kind, KIND_OUT_OF_RANGE),
        status_code=repair.int16(span.status_code, STATUS_CODE_OUT_OF_RANGE),
        flags=repair.flags(span.flags),
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=repair.attributes(span.attributes),
        events=[repair.event(event) for event in span.events],
        links=[repair.link(link) for link in span.links],
        dropped_attributes_count=repair.count(span.dropped_attributes_count),
        dropped_events_count=repair.count(span.dropped_events_count),
        dropped_links_count=repair.count(span.dropped_links_count),
    )
    return msgspec.structs.replace(sound, attributes=repair.marked(sound.attributes))


def _repaired_record(record: LogRecord) -> LogRecord:
    repair = _Repair()
    sound = msgspec.structs.replace(
        record,
        time_unix_nano=repair.time(record.time_unix_nano),
        observed_time_unix_nano=repair.time(record.observed_time_unix_nano),
        severity_number=repair.int16(record.severity_number, SEVERITY_OUT_OF_RANGE),
        severity_text=repair.text(record.severity_text),
        event_name=repair.text(record.event_name),
        flags=repair.flags(record.flags),
        body=repair.value(record.body, 1),
        attributes=repair.attributes(record.attributes),
        dropped_attributes_count=repair.count(record.dropped_attributes_count),
    )
    return msgspec.structs.replace(sound, attributes=repair.marked(sound.attributes))


_STEPS = Steps(resource=_sound_resource, scope=_sound_scope, span=_sound_span, log_record=_sound_log_record)


class _Repair:
    """The slow way: rebuilds a thing part by part and notes the classes of what it had to repair."""

    def __init__(self) -> None:
        self.classes: set[str] = set()

    def marked(self, attributes: Attributes) -> Attributes:
        """With the classes of this repair, and those that decoding told before."""
        earlier = attributes.get(REPAIRED_KEY)
        known = earlier if isinstance(earlier, (list, tuple)) else ()
        classes = self.classes.union(item for item in known if isinstance(item, str))
        return {**attributes, REPAIRED_KEY: sorted(classes)}

    def text(self, text: str) -> str:
        if _is_sound_text(text):
            return text
        if "\0" in text:
            self.classes.add(NUL_CHARACTER)
            text = text.replace("\0", _REPLACEMENT)
        text, surrogates = _SURROGATE.subn(_REPLACEMENT, text)
        if surrogates:
            self.classes.add(LONE_SURROGATE)
        return text

    def times(self, span: Span) -> tuple[int, int]:
        start, end = self.time(span.start_time_unix_nano), self.time(span.end_time_unix_nano)
        # The duration has a column of its own, which is signed.
        return start, start + self._clipped(end - start, _MIN_INT64, _MAX_INT64, DURATION_OUT_OF_RANGE)

    def time(self, time: int) -> int:
        return self._clipped(time, 0, _MAX_UINT64, TIME_OUT_OF_RANGE)

    def count(self, count: int) -> int:
        return self._clipped(count, 0, _MAX_UINT32, COUNT_OUT_OF_RANGE)

    def flags(self, flags: int) -> int:
        return self._clipped(flags, 0, _MAX_UINT32, FLAGS_OUT_OF_RANGE)

    def int16(self, number: int, reason: str) -> int:
        if _MIN_INT16 <= number <= _MAX_INT16:
            return number
        self.classes.add(reason)
        return 0

    def event(self, event: Event) -> Event:
        return Event(
            time_unix_nano=self.time(event.time_unix_nano),
            name=self.text(event.name),
            attributes=self.attributes(event.attributes),
            dropped_attributes_count=self.count(event.dropped_attributes_count),
        )

    def link(self, link: Link) -> Link:
        return msgspec.structs.replace(
            link,
            trace_state=self.text(link.trace_state),
            attributes=self.attributes(link.attributes),
            dropped_attributes_count=self.count(link.dropped_attributes_count),
            flags=self.flags(link.flags),
        )

    def attributes(self, attributes: Attributes, depth: int = 1) -> dict[str, Value]:
        # Two keys can become one by this; the last value wins, as it does for keys that were sent twice.
        return {self.text(key): self.value(value, depth) for key, value in attributes.items()}

    def value(self, value: Value, depth: int) -> Value:
        if depth > MAX_DEPTH:
            self.classes.add(NESTING_TOO_DEEP)
            return TOO_DEEP
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, Mapping):
            return self.attributes(value, depth + 1)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self.value(item, depth + 1) for item in value]
        return value

    def _integer(self, number: int) -> Value:
        if _MIN_INT64 <= number <= _MAX_INT64:
            return number
        self.classes.add(INTEGER_OUT_OF_RANGE)
        return str(number)

    def _clipped(self, number: int, low: int, high: int, reason: str) -> int:
        if low <= number <= high:
            return number
        self.classes.add(reason)
        return min(max(number, low), high)
