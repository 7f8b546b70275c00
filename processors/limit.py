"""Bounds on one span or log record, so that no sender makes a row, an index or an answer of any size it likes.

What exceeds a bound is cut, never refused: counts of what was dropped are raised as OpenTelemetry's own limits raise them,
and the attribute ``relayscope.truncated`` of the span or log record, or of the resource or scope itself, lists what was cut.

Source: https://opentelemetry.io/docs/specs/otel/common/#attribute-limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from processors.walk import Steps, walk
from tracedata import Attributes, Batch, Event, Link, LogRecord, Resource, Scope, Span, Value

TRUNCATED_KEY = "relayscope.truncated"

ATTRIBUTE_COUNT = "attribute_count"
VALUE_LENGTH = "value_length"
EVENT_COUNT = "event_count"
LINK_COUNT = "link_count"
SPAN_SIZE = "span_size"
LOG_RECORD_SIZE = "log_record_size"

# What a number takes, and what a member of an array or a map takes beside its own size.
_SCALAR_CHARS = 8
# A span that is too large is tried with ever shorter values, down to this length, before it loses events and links.
_SHORTEST_CHARS = 256

_Part = TypeVar("_Part", Resource, Scope)


class LimitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes count for each span, event, link, resource and scope by itself; sizes are characters of text.

    ``max_span_chars`` bounds a log record, too; its body is a value like any other.
    """

    max_attributes: int = 1024
    max_value_chars: int = 1 << 20
    max_events: int = 4096
    max_links: int = 1024
    max_span_chars: int = 4 << 20


class Limit:
    """Looks at everything quickly, and takes apart only what may be too large."""

    def __init__(self, config: LimitConfig) -> None:
        self._config = config
        self._small = min(config.max_value_chars, config.max_span_chars)
        self._steps = Steps(
            resource=self._cut_part, scope=self._cut_part, span=self._cut_span, log_record=self._cut_log_record
        )

    def process(self, batch: Batch) -> Batch:
        """The batch itself when nothing was too large; else a new one that shares everything else."""
        return walk(batch, self._steps)

    def _cut_span(self, span: Span) -> Span:
        return span if self._is_small(span) else _cut_span(span, self._config)

    def _cut_log_record(self, record: LogRecord) -> LogRecord:
        is_small = len(record.attributes) <= self._config.max_attributes and _log_record_size(record) <= self._small
        return record if is_small else _cut_log_record(record, self._config)

    def _is_small(self, span: Span) -> bool:
        """False also for what only might be too large: the sizes are added up and compared once."""
        config = self._config
        if len(span.attributes) > config.max_attributes:
            return False
        size = len(span.name) + len(span.status_message) + len(span.trace_state) + _size_of(span.attributes)
        if span.events or span.links:
            if len(span.events) > config.max_events or len(span.links) > config.max_links:
                return False
            parts = _parts(span)
            if any(len(part.attributes) > config.max_attributes for part in parts):
                return False
            size += sum(map(_size_of_part, parts))
        return size <= self._small

    def _cut_part(self, part: _Part) -> _Part:
        cut = _Cut(self._config)
        attributes, dropped = cut.attributes(part.attributes, part.dropped_attributes_count)
        schema_url = cut.text(part.schema_url)
        named = part
        if isinstance(part, Scope):
            named = msgspec.structs.replace(part, name=cut.text(part.name), version=cut.text(part.version))
        if not cut.classes:
            return part
        return msgspec.structs.replace(
            named, attributes=cut.marked(attributes), dropped_attributes_count=dropped, schema_url=schema_url
        )


def _size_of(attributes: Attributes) -> int:
    size = 0
    for value in attributes.values():
        size += len(value) if type(value) is str else _size(value)
    return size


def _parts(span: Span) -> list[Event | Link]:
    return [*span.events, *span.links]


def _size_of_part(part: Event | Link) -> int:
    text = part.name if isinstance(part, Event) else part.trace_state
    return _SCALAR_CHARS + len(text) + _size_of(part.attributes)


def _size(value: Value) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_SCALAR_CHARS + len(key) + _size(item) for key, item in value.items())
    if isinstance(value, Sequence):
        return sum(_SCALAR_CHARS + _size(item) for item in value)
    return _SCALAR_CHARS


def _span_size(span: Span) -> int:
    texts = len(span.name) + len(span.status_message) + len(span.trace_state)
    keys = sum(map(len, span.attributes))
    return texts + keys + _size_of(span.attributes) + sum(map(_size_of_part, _parts(span)))


def _log_record_size(record: LogRecord) -> int:
    texts = len(record.event_name) + len(record.severity_text)
    return texts + sum(map(len, record.attributes)) + _size_of(record.attributes) + _size(record.body)


def _cut_log_record(record: LogRecord, config: LimitConfig) -> LogRecord:
    cut = _Cut(config)
    kept = cut.log_record(record)
    limit = config.max_value_chars
    while _log_record_size(kept) > config.max_span_chars and limit > _SHORTEST_CHARS:
        cut.classes.add(LOG_RECORD_SIZE)
        limit //= 2
        cut.max_chars = limit
        kept = cut.log_record(kept)
    if not cut.classes:
        return record
    return msgspec.structs.replace(kept, attributes=cut.marked(kept.attributes))


def _cut_span(span: Span, config: LimitConfig) -> Span:
    cut = _Cut(config)
    kept = cut.span(span)
    limit = config.max_value_chars
    while _span_size(kept) > config.max_span_chars and limit > _SHORTEST_CHARS:
        cut.classes.add(SPAN_SIZE)
        limit //= 2
        cut.max_chars = limit
        kept = cut.span(kept)
    if _span_size(kept) > config.max_span_chars:
        kept = _without_parts(kept)
    if not cut.classes:
        return span
    return msgspec.structs.replace(kept, attributes=cut.marked(kept.attributes))


def _without_parts(span: Span) -> Span:
    return msgspec.structs.replace(
        span,
        events=(),
        dropped_events_count=span.dropped_events_count + len(span.events),
        links=(),
        dropped_links_count=span.dropped_links_count + len(span.links),
    )


class _Cut:
    """The slow way: rebuilds a thing part by part and notes what it had to cut."""

    def __init__(self, config: LimitConfig) -> None:
        self._config = config
        self.max_chars = config.max_value_chars
        self.classes: set[str] = set()

    def marked(self, attributes: Attributes) -> Attributes:
        return {**attributes, TRUNCATED_KEY: sorted(self.classes)}

    def span(self, span: Span) -> Span:
        config = self._config
        attributes, dropped = self.attributes(span.attributes, span.dropped_attributes_count)
        events, links = span.events[: config.max_events], span.links[: config.max_links]
        if len(events) < len(span.events):
            self.classes.add(EVENT_COUNT)
        if len(links) < len(span.links):
            self.classes.add(LINK_COUNT)
        return msgspec.structs.replace(
            span,
            name=self.text(span.name),
            trace_state=self.text(span.trace_state),
            status_message=self.text(span.status_message),
            attributes=attributes,
            dropped_attributes_count=dropped,
            events=[self.event(event) for event in events],
            dropped_events_count=span.dropped_events_count + len(span.events) - len(events),
            links=[self.link(link) for link in links],
            dropped_links_count=span.dropped_links_count + len(span.links) - len(links),
        )

    def log_record(self, record: LogRecord) -> LogRecord:
        attributes, dropped = self.attributes(record.attributes, record.dropped_attributes_count)
        return msgspec.structs.replace(
            record,
            event_name=self.text(record.event_name),
            severity_text=self.text(record.severity_text),
            body=self.value(record.body),
            attributes=attributes,
            dropped_attributes_count=dropped,
        )

    def event(self, event: Event) -> Event:
        attributes, dropped = self.attributes(event.attributes, event.dropped_attributes_count)
        return msgspec.structs.replace(
            event, name=self.text(event.name), attributes=attributes, dropped_attributes_count=dropped
        )

    def link(self, link: Link) -> Link:
        attributes, dropped = self.attributes(link.attributes, link.dropped_attributes_count)
        return msgspec.structs.replace(
            link, trace_state=self.text(link.trace_state), attributes=attributes, dropped_attributes_count=dropped
        )

    def attributes(self, attributes: Attributes, dropped: int) -> tuple[dict[str, Value], int]:
        """The first ones with their values cut, and how many are missing now."""
        excess = max(0, len(attributes) - self._config.max_attributes)
        if excess:
            self.classes.add(ATTRIBUTE_COUNT)
        kept = islice(attributes.items(), len(attributes) - excess)
        return {self.text(key): self.value(value) for key, value in kept}, dropped + excess

    def text(self, text: str) -> str:
        if len(text) <= self.max_chars:
            return text
        self.classes.add(VALUE_LENGTH)
        return text[: self.max_chars]

    def value(self, value: Value) -> Value:
        if isinstance(value, str):
            return self.text(value)
        if _size(value) <= self.max_chars:
            return value
        self.classes.add(VALUE_LENGTH)
        return _first(value, self.max_chars)


def _first(value: Value, chars: int) -> Value:
    """As much of the beginning of ``value`` as has at most about ``chars`` characters."""
    if isinstance(value, (str, bytes)):
        return value[:chars]
    if isinstance(value, Mapping):
        kept: dict[str, Value] = {}
        for key, item in value.items():
            chars -= _SCALAR_CHARS + len(key)
            if chars <= 0:
                break
            kept[key] = _first(item, chars)
            chars -= _size(kept[key])
        return kept
    if isinstance(value, Sequence):
        items: list[Value] = []
        for item in value:
            chars -= _SCALAR_CHARS
            if chars <= 0:
                break
            items.append(_first(item, chars))
            chars -= _size(items[-1])
        return items
    return value
