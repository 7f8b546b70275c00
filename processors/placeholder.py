"""Stands in for the redactor and its processor until they are merged: e-mail addresses only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from processors.walk import walk
from tracedata import Attributes, Batch, Event, Link, Resource, Scope, Span, Value

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ENTITY = "EMAIL_ADDRESS"


class Redacted(msgspec.Struct, frozen=True, kw_only=True):
    """A text after redaction."""

    text: str
    entities: Mapping[str, int]


class Tally:
    """Counts by key and entity."""

    def __init__(self) -> None:
        self.entities: Counter[str] = Counter()
        self.keys: dict[str, Counter[str]] = {}

    def add(self, key: str, entities: Mapping[str, int]) -> None:
        if entities:
            self.entities.update(entities)
            self.keys.setdefault(key, Counter()).update(entities)


class PlaceholderRedactor:
    """Finds e-mail addresses."""

    policy_hash = "placeholder"

    def redact_text(self, text: str, *, key: str = "") -> Redacted:  # noqa: ARG002 - the interface
        after, count = _EMAIL.subn(f"<{ENTITY}>", text)
        return Redacted(text=after if count else text, entities={ENTITY: count} if count else {})

    def redact_value(self, value: Value, *, key: str, tally: Tally) -> Value:
        if isinstance(value, str):
            after = self.redact_text(value, key=key)
            tally.add(key, after.entities)
            return after.text
        if isinstance(value, Mapping):
            return self.redact_attributes(value, tally)
        if isinstance(value, (list, tuple)):
            return [self.redact_value(item, key=key, tally=tally) for item in value]
        return value

    def redact_attributes(self, attributes: Attributes, tally: Tally) -> Attributes:
        after: dict[str, Value] = {}
        for key, value in attributes.items():
            shown = self.redact_text(key)
            tally.add(shown.text, shown.entities)
            after[shown.text] = self.redact_value(value, key=shown.text, tally=tally)
        return after if after != attributes else attributes


class PlaceholderRedact:
    """``Processor``."""

    def __init__(self, redactor: PlaceholderRedactor) -> None:
        self._redactor = redactor

    def process(self, batch: Batch) -> Batch:
        return walk(batch, of_resource=self._resource, of_scope=self._scope, of_span=self._span)

    def _attributes(self, attributes: Attributes, tally: Tally) -> Attributes:
        return self._redactor.redact_attributes(attributes, tally)

    def _text(self, text: str, key: str, tally: Tally) -> str:
        after = self._redactor.redact_text(text, key=key)
        tally.add(key, after.entities)
        return after.text

    def _resource(self, resource: Resource) -> Resource:
        tally = Tally()
        after = self._attributes(resource.attributes, tally)
        return msgspec.structs.replace(resource, attributes=after) if tally.entities else resource

    def _scope(self, scope: Scope) -> Scope:
        tally = Tally()
        after = self._attributes(scope.attributes, tally)
        name = self._text(scope.name, "scope.name", tally)
        return msgspec.structs.replace(scope, attributes=after, name=name) if tally.entities else scope

    def _span(self, span: Span) -> Span:
        tally = Tally()
        after = msgspec.structs.replace(
            span,
            name=self._text(span.name, "name", tally),
            trace_state=self._text(span.trace_state, "trace_state", tally),
            status_message=self._text(span.status_message, "status_message", tally),
            attributes=self._attributes(span.attributes, tally),
            events=[self._event(event, tally) for event in span.events],
            links=[self._link(link, tally) for link in span.links],
        )
        return msgspec.structs.replace(after, redactions=dict(tally.entities)) if tally.entities else span

    def _event(self, event: Event, tally: Tally) -> Event:
        name = self._text(event.name, "name", tally)
        return msgspec.structs.replace(event, name=name, attributes=self._attributes(event.attributes, tally))

    def _link(self, link: Link, tally: Tally) -> Link:
        state = self._text(link.trace_state, "trace_state", tally)
        return msgspec.structs.replace(link, trace_state=state, attributes=self._attributes(link.attributes, tally))
