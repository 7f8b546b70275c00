"""Takes names and places out of the message content of a batch, once the patterns have been there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec.structs import replace

from redaction.content import is_structure
from redaction.names import Names
from redaction.tally import Redacted, Tally
from tracedata import Attributes, Span, Value

# What becomes of a text below an attribute key.
_OnText = Callable[[str, str], Redacted]


class NameStage:
    """One batch: ``note`` every span, ``read`` once, then replace ``span`` by span."""

    def __init__(self, names: Names, *, by: str, total: Tally) -> None:
        """``by`` is what receipts name; what is replaced is added to ``total``."""
        self._names = names
        self._reading = names.reading()
        self._by = f"{by}+{names.version}"
        self._total = total

    def note(self, span: Span) -> None:
        """Takes the texts of a span. What cannot be taken is not read, and will not pass."""

        def noted(text: str, key: str) -> Redacted:
            self._reading.note(text, key)
            return Redacted(text)

        with suppress(Exception):
            self._contents(span, noted, Tally())

    def read(self) -> None:
        """Lets the model look at what was noted."""
        self._reading.read()

    def span(self, span: Span) -> Span:
        """The span without names; the span itself when there were none. The receipt adds to that of the patterns."""
        tally = Tally()
        after = self._contents(span, self._reading.redacted, tally)
        if not tally:
            return span
        for key, entities in tally.keys.items():
            self._total.add(key, entities)
        for key, before in span.redacted_keys.items():
            tally.add(key, before)
        return replace(after, redactions=tally.entities, redacted_keys=tally.keys, redaction_policy=self._by)

    def _contents(self, span: Span, on_text: _OnText, tally: Tally) -> Span:
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
