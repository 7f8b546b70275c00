"""Takes names and places out of the message content of a batch, once the patterns have been there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from msgspec.structs import replace

from processors.redact_scan import BODY
from processors.walk import Item
from redaction.content import is_structure
from redaction.names import Names
from redaction.tally import Redacted, Tally
from tracedata import Attributes, LogRecord, Span, Value

# What becomes of a text below an attribute key.
_OnText = Callable[[str, str], Redacted]


class NameStage:
    """One batch: ``read`` all of it once, then replace one by one."""

    def __init__(self, names: Names, *, by: str, total: Tally) -> None:
        """``by`` is what receipts name; what is replaced is added to ``total``."""
        self._names = names
        self._reading = names.reading()
        self._by = f"{by}+{names.version}"
        self._total = total

    def read(self, spans: Iterable[Span], log_records: Iterable[LogRecord]) -> None:
        """Lets the model look at the texts of all. What cannot be taken is not read, and will not pass."""

        def noted(text: str, key: str) -> Redacted:
            self._reading.note(text, key)
            return Redacted(text)

        for span in spans:
            with suppress(Exception):
                self._span_contents(span, noted, Tally())
        for record in log_records:
            with suppress(Exception):
                self._log_record_contents(record, noted, Tally())
        self._reading.read()

    def span(self, span: Span) -> Span:
        """The span, which was read, without names; itself when there were none. The receipt adds to that of the patterns."""
        return self._replaced(span, self._span_contents)

    def log_record(self, record: LogRecord) -> LogRecord:
        """The same for a log record."""
        return self._replaced(record, self._log_record_contents)

    def _replaced(self, item: Item, contents: Callable[[Item, _OnText, Tally], Item]) -> Item:
        tally = Tally()
        after = contents(item, self._reading.redacted, tally)
        if not tally:
            return item
        for key, entities in tally.keys.items():
            self._total.add(key, entities)
        for key, before in item.redacted_keys.items():
            tally.add(key, before)
        return replace(after, redactions=tally.entities, redacted_keys=tally.keys, redaction_policy=self._by)

    def _log_record_contents(self, record: LogRecord, on_text: _OnText, tally: Tally) -> LogRecord:
        """The body is content, whatever the record is about: what somebody wrote is found nowhere else."""
        body = _Values(on_text, tally, self._names).value(record.body, BODY, BODY)
        return replace(record, body=body, attributes=self._attributes(record.attributes, on_text, tally))

    def _span_contents(self, span: Span, on_text: _OnText, tally: Tally) -> Span:
        attributes = self._attributes(span.attributes, on_text, tally)
        events = [
            event
            if (after := self._attributes(event.attributes, on_text, tally)) is event.attributes
            else replace(event, attributes=after)
            for event in span.events
        ]
        if attributes is span.attributes and all(map(operator.is_, events, span.events)):
            return span
        return replace(span, attributes=attributes, events=events)

    def _attributes(self, attributes: Attributes, on_text: _OnText, tally: Tally) -> Attributes:
        keys = [key for key in attributes if self._names.is_content(key)]
        if not keys:
            return attributes
        walk = _Values(on_text, tally, self._names)
        return {**attributes, **{key: walk.value(attributes[key], key, key) for key in keys}}


class _Values:
    """Goes through values of any depth. ``key`` is the name that a text stands below, ``place`` where it is counted."""

    def __init__(self, on_text: _OnText, tally: Tally, names: Names) -> None:
        self._on_text = on_text
        self._tally = tally
        self._names = names

    def value(self, value: Value, key: str, place: str) -> Value:
        if isinstance(value, str):
            redacted = self._on_text(value, key)
            if redacted.entities:
                self._tally.add(place, redacted.entities)
            return redacted.text
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, bytes):
            return self._bytes(value, key, place)
        if isinstance(value, Mapping):
            return {
                name: inner if is_structure(name) else self.value(inner, name, f"{place}.{name}")
                for name, inner in value.items()
            }
        return [self.value(inner, key, place) for inner in value]

    def _bytes(self, value: bytes, key: str, place: str) -> bytes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return value
        after = self.value(text, key, place)
        return after.encode() if isinstance(after, str) and after != text else value
