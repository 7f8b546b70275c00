"""Stage two over a batch: takes suspicious spans and log records apart, and puts them together without what has to go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from processors.redact_scan import BODY, Suspicion, body_key
from processors.redact_value import bytes_of, digits_of, said, text_of
from processors.walk import Item
from redaction.operator import REDACTION_ERROR
from redaction.redactor import Redactor
from redaction.tally import Tally
from tracedata import Attributes, Event, Link, LogRecord, Resource, Scope, Span, Value

_ERROR = f"<{REDACTION_ERROR}>"
_replace = msgspec.structs.replace


class Rewriting:
    """Takes suspicious spans and log records apart. A resource or scope is redacted once, and counted in the first that has it."""

    def __init__(self, redactor: Redactor, suspicion: Suspicion) -> None:
        self.total = Tally()
        self._redactor = redactor
        self.suspicion = suspicion
        self._hits = suspicion.hits
        self.by = f"{redactor.policy_hash}/{redactor.engine_version}"
        self.tally = Tally()
        self._parts: dict[int, Resource | Scope] = {}
        # A key in the item, its resource or its scope says that its value has to go.
        self._is_marked = False

    def span(self, span: Span) -> Span:
        """The span without what has to go, and with its receipt; itself when there was nothing."""
        return self._item(span, self._span)

    def log_record(self, record: LogRecord) -> LogRecord:
        """The same for a log record."""
        return self._item(record, self._log_record)

    def _item(self, item: Item, rewrite: Callable[[Item], Item]) -> Item:
        self.tally = tally = Tally()
        self._is_marked = self.suspicion.is_marked(item)
        resource, scope = self._resource(item.resource), self._scope(item.scope)
        rewritten = rewrite(item)
        after = rewritten if tally else item
        # Also where nothing is counted: what a resource lost is counted in the first item that has it.
        if resource is not item.resource or scope is not item.scope:
            after = _replace(after, resource=resource, scope=scope)
        if not tally:
            return after
        for key, entities in tally.keys.items():
            self.total.add(key, entities)
        return _replace(after, redactions=tally.entities, redacted_keys=tally.keys, redaction_policy=self.by)

    def _span(self, span: Span) -> Span:
        return _replace(
            span,
            name=self.text(span.name, "name"),
            status_message=self.text(span.status_message, "status_message"),
            trace_state=self.text(span.trace_state, "trace_state"),
            attributes=self.attributes(span.attributes),
            events=[self._event(event) for event in span.events],
            links=[self._link(link) for link in span.links],
        )

    def _log_record(self, record: LogRecord) -> LogRecord:
        return _replace(
            record,
            event_name=self.text(record.event_name, "event_name"),
            severity_text=self.text(record.severity_text, "severity_text"),
            body=self.value(record.body, body_key(record, self._redactor), BODY),
            attributes=self.attributes(record.attributes),
        )

    def _event(self, event: Event) -> Event:
        return _replace(event, name=self.text(event.name, "event.name"), attributes=self.attributes(event.attributes))

    def _link(self, link: Link) -> Link:
        return _replace(
            link,
            trace_state=self.text(link.trace_state, "link.trace_state"),
            attributes=self.attributes(link.attributes),
        )

    def _resource(self, resource: Resource) -> Resource:
        if not self.suspicion.is_on(resource):
            return resource
        known = self._parts.get(id(resource))
        if not isinstance(known, Resource):
            known = self._parts[id(resource)] = _replace(
                resource,
                attributes=self.attributes(resource.attributes, "resource."),
                schema_url=self.text(resource.schema_url, "resource.schema_url"),
            )
        return known if known != resource else resource

    def _scope(self, scope: Scope) -> Scope:
        if not self.suspicion.is_on(scope):
            return scope
        known = self._parts.get(id(scope))
        if not isinstance(known, Scope):
            known = self._parts[id(scope)] = _replace(
                scope,
                name=self.text(scope.name, "scope.name"),
                version=self.text(scope.version, "scope.version"),
                attributes=self.attributes(scope.attributes, "scope."),
                schema_url=self.text(scope.schema_url, "scope.schema_url"),
            )
        return known if known != scope else scope

    def text(self, text: str, key: str, place: str | None = None) -> str:
        """``key`` decides, ``place`` is where it is counted."""
        hits = self._hits.get(text) if self._hits is not None else None
        if hits is None and self._hits is not None and self._redactor.verdict(key).whole is None:
            return text
        redacted = self._redactor.redact_text(text, key=key, hits=hits)
        if redacted.entities:
            self.tally.add(place or key, redacted.entities)
        return redacted.text

    def attributes(self, attributes: Attributes, prefix: str = "") -> Attributes:
        """Values below their keys; keys as well. No two of them become one. The same object when nothing is suspicious."""
        if not self._is_any_suspicious(attributes):
            return attributes
        after: dict[str, Value] = {}
        for key, value in attributes.items():
            name = self.text(key, "attribute.key")
            number = 2
            unique = name
            while unique in after:
                unique, number = f"{name}#{number}", number + 1
            # A key that was redacted itself is not told where its value is counted.
            place = prefix + key if name == key else f"{prefix}{name}"
            # Whoever reads what is stored knows the key as it is now.
            after[unique] = self.value(value, name, place)
        return after

    def _is_any_suspicious(self, attributes: Attributes) -> bool:
        hits = self._hits
        if hits is None or self._is_marked or not hits.keys().isdisjoint(attributes):
            return True
        for key, value in attributes.items():
            if isinstance(value, str):
                found = hits.get(value)
                if found and not self._redactor.is_exempt(found, self._redactor.verdict(key)):
                    return True
            elif isinstance(value, (int, float)):
                if digits_of(value) in hits:
                    return True
            elif value is not None:
                return True
        return False

    def value(self, value: Value, key: str, place: str) -> Value:
        """A value below a key; what it is inside decides how."""
        if isinstance(value, str):
            return self.text(value, key, place)
        if isinstance(value, bool) or value is None:
            return value
        whole = self._redactor.verdict(key).whole
        if whole is not None:
            redacted = self._redactor.redact_whole(said(value), whole)
            self.tally.add(place, redacted.entities)
            return redacted.text if redacted.entities else value
        if isinstance(value, (int, float)):
            text = digits_of(value)
            after = self.text(text, key, place) if text else text
            return value if after == text else after
        if isinstance(value, bytes):
            text = text_of(value)
            after = self.text(text, key, place)
            return value if after == text else bytes_of(after, value)
        if isinstance(value, Mapping):
            return {
                name: self.value(item, self._redactor.keys.below(key, name), f"{place}.{name}")
                for item, name in zip(value.values(), self._names(value), strict=True)
            }
        return [self.value(item, key, place) for item in value]

    def _names(self, mapping: Mapping[str, Value]) -> Sequence[str]:
        names: dict[str, None] = {}
        for key in mapping:
            name = unique = self.text(key, "attribute.key")
            number = 2
            while unique in names:
                unique, number = f"{name}#{number}", number + 1
            names[unique] = None
        return list(names)

    def blanked_span(self, span: Span) -> Span:
        """The span without anything that could be personal: what it is a part of, when, and for how long."""
        redactions = {REDACTION_ERROR: 1}
        self.total.add("span", redactions)
        return Span(
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            resource=Resource(),
            scope=Scope(),
            flags=span.flags,
            name=_ERROR,
            kind=span.kind,
            start_time_unix_nano=span.start_time_unix_nano,
            end_time_unix_nano=span.end_time_unix_nano,
            status_code=span.status_code,
            redactions=redactions,
            redacted_keys={"span": redactions},
            redaction_policy=self.by,
        )

    def blanked_log_record(self, record: LogRecord) -> LogRecord:
        """The same for a log record."""
        redactions = {REDACTION_ERROR: 1}
        self.total.add("log_record", redactions)
        return LogRecord(
            trace_id=record.trace_id,
            span_id=record.span_id,
            resource=Resource(),
            scope=Scope(),
            flags=record.flags,
            time_unix_nano=record.time_unix_nano,
            observed_time_unix_nano=record.observed_time_unix_nano,
            severity_number=record.severity_number,
            body=_ERROR,
            redactions=redactions,
            redacted_keys={"log_record": redactions},
            redaction_policy=self.by,
        )
