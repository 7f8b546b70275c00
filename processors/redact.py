"""Removes personal data and secrets from everything a sender can write text into, before anything is stored.

The strings of a whole batch are looked at together, which is fast; only spans in which there may be something are taken
apart. What a span lost is counted in it, by entity and by attribute key, with the policy that was in force.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

import msgspec

from redaction.operator import REDACTION_ERROR
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from redaction.tally import Tally
from tracedata import UNOBSERVED, Attributes, Batch, Event, Link, RedactionInstruments, Resource, Scope, Span, Value

_ERROR = f"<{REDACTION_ERROR}>"
# Smaller numbers have too few digits to be somebody's.
_SMALLEST = 1_000_000
_LARGEST = 10**25
# A batch can bring any number of keys that nobody sent before.
_MAX_PLAIN_KEYS = 20_000
_replace = msgspec.structs.replace


class Redact:
    """One redactor over every batch; knows which attribute keys say nothing by themselves."""

    def __init__(self, redactor: Redactor, *, instruments: RedactionInstruments = UNOBSERVED) -> None:
        self._redactor = redactor
        self._instruments = instruments
        self._plain: set[str] = set()

    def process(self, batch: Batch) -> Batch:
        """The batch itself when there was nothing to redact; else a new one that shares every clean span."""
        born = time.perf_counter()
        rewriting = _Rewriting(self._redactor, self._suspicion(batch))
        spans = [self._guarded(span, rewriting) for span in batch.spans]
        cache = self._redactor.cache
        self._instruments.redacted(
            keys=rewriting.total.keys,
            seconds=time.perf_counter() - born,
            cache_hits=cache.hits,
            cache_misses=cache.misses,
            cache_bytes=cache.size,
        )
        return _replace(batch, spans=spans) if rewriting.total else batch

    def _suspicion(self, batch: Batch) -> _Suspicion:
        """What stage one says of all texts of the batch. When it fails, everything is under suspicion."""
        gathering = _Gathering(self._redactor, self._plain)
        try:
            marks = [gathering.span(span) for span in batch.spans]
            hits = {gathering.texts[index]: found for index, found in self._redactor.scan(gathering.texts).items()}
        except Exception:  # noqa: BLE001 - whatever it is, each text is looked at by itself, and fails by itself
            return _Suspicion(None, frozenset(), frozenset())
        self._learn(gathering, hits)
        spans = {id(span) for span, is_marked in zip(batch.spans, marks, strict=True) if is_marked}
        return _Suspicion(hits, spans, gathering.owners_of(hits))

    def _learn(self, gathering: _Gathering, hits: Mapping[str, Hits]) -> None:
        if len(self._plain) > _MAX_PLAIN_KEYS:
            self._plain.clear()
        self._plain.update(key for key in gathering.new_keys if key not in hits)

    def _guarded(self, span: Span, rewriting: _Rewriting) -> Span:
        try:
            return rewriting.span(span)
        except Exception:  # noqa: BLE001 - whatever it is, the span must not pass as it is
            return _blanked(span, rewriting)


class _Suspicion:
    """Which texts stage one wants to be looked at (None: all), and in which spans, resources and scopes there are such."""

    def __init__(
        self, hits: Mapping[str, Hits] | None, marked: frozenset[int] | set[int], hit: frozenset[int] | set[int]
    ) -> None:
        self.hits = hits
        self._owners = marked | hit

    def is_on(self, owner: Span | Resource | Scope) -> bool:
        return self.hits is None or id(owner) in self._owners


class _Gathering:
    """Every text of a batch in one list, and which part of it belongs to whom."""

    def __init__(self, redactor: Redactor, plain: set[str]) -> None:
        self._redactor = redactor
        self._plain = plain
        self.texts: list[str] = []
        self.new_keys: set[str] = set()
        self._owners: dict[int, tuple[int, int]] = {}
        self._marked_parts: set[int] = set()
        self._is_marked = False

    def span(self, span: Span) -> bool:
        """Takes its texts; true when a key in it says that its value has to go."""
        for part in (span.resource, span.scope):
            if id(part) not in self._owners:
                self._part(part)
        start = len(self.texts)
        self._is_marked = False
        texts = self.texts
        texts.append(span.name)
        if span.status_message:
            texts.append(span.status_message)
        if span.trace_state:
            texts.append(span.trace_state)
        self._attributes(span.attributes)
        for event in span.events:
            texts.append(event.name)
            self._attributes(event.attributes)
        for link in span.links:
            texts.append(link.trace_state)
            self._attributes(link.attributes)
        self._owners[id(span)] = (start, len(texts))
        return self._is_marked

    def _part(self, part: Resource | Scope) -> None:
        start = len(self.texts)
        self._is_marked = False
        self.texts.append(part.schema_url)
        if isinstance(part, Scope):
            self.texts += (part.name, part.version)
        self._attributes(part.attributes)
        self._owners[id(part)] = (start, len(self.texts))
        if self._is_marked:
            self._marked_parts.add(id(part))

    def _attributes(self, attributes: Attributes) -> None:
        if not attributes.keys() <= self._plain:
            self._keys(attributes)
        append = self.texts.append
        for value in attributes.values():
            if isinstance(value, str):
                append(value)
            elif isinstance(value, (int, float)):
                if value >= _SMALLEST or value <= -_SMALLEST:
                    append(_digits(value))
            elif value is not None:
                self._nested(value)

    def _keys(self, attributes: Attributes) -> None:
        for key in attributes:
            if key in self._plain:
                continue
            self.texts.append(key)
            if self._redactor.verdict(key).whole is not None:
                self._is_marked = True
            else:
                self.new_keys.add(key)

    def _nested(self, value: Value) -> None:
        if isinstance(value, bytes):
            self.texts.append(_text_of(value))
        elif isinstance(value, Mapping):
            self._attributes(value)
        elif isinstance(value, Sequence):
            self._members(value)

    def _members(self, values: Sequence[Value]) -> None:
        for value in values:
            if isinstance(value, str):
                self.texts.append(value)
            elif isinstance(value, (int, float)):
                text = _digits(value)
                if text:
                    self.texts.append(text)
            else:
                self._nested(value)

    def owners_of(self, hits: Mapping[str, Hits]) -> set[int]:
        """Identities of the spans, resources and scopes in which a text was hit, or a key of a part decides."""
        if not hits:
            return self._marked_parts
        found = {
            owner for owner, (start, end) in self._owners.items() if not hits.keys().isdisjoint(self.texts[start:end])
        }
        return found | self._marked_parts


class _Rewriting:
    """Takes suspicious spans apart. A resource or scope is redacted once, and counted in the first span that has it."""

    def __init__(self, redactor: Redactor, suspicion: _Suspicion) -> None:
        self.total = Tally()
        self._redactor = redactor
        self._suspicion = suspicion
        self._hits = suspicion.hits
        self.by = f"{redactor.policy_hash}/{redactor.engine_version}"
        self._tally = Tally()
        self._parts: dict[int, Resource | Scope] = {}

    def span(self, span: Span) -> Span:
        self._tally = tally = Tally()
        resource, scope = self._resource(span.resource), self._scope(span.scope)
        if self._suspicion.is_on(span):
            span = self._rewritten(span)
        if resource is not span.resource or scope is not span.scope:
            span = _replace(span, resource=resource, scope=scope)
        if not tally:
            return span
        for key, entities in tally.keys.items():
            self.total.add(key, entities)
        return _replace(span, redactions=tally.entities, redacted_keys=tally.keys, redaction_policy=self.by)

    def _rewritten(self, span: Span) -> Span:
        after = _replace(
            span,
            name=self.text(span.name, "name"),
            status_message=self.text(span.status_message, "status_message"),
            trace_state=self.text(span.trace_state, "trace_state"),
            attributes=self.attributes(span.attributes),
            events=[self._event(event) for event in span.events],
            links=[self._link(link) for link in span.links],
        )
        return after if self._tally else span

    def _event(self, event: Event) -> Event:
        return _replace(event, name=self.text(event.name, "event.name"), attributes=self.attributes(event.attributes))

    def _link(self, link: Link) -> Link:
        return _replace(
            link,
            trace_state=self.text(link.trace_state, "link.trace_state"),
            attributes=self.attributes(link.attributes),
        )

    def _resource(self, resource: Resource) -> Resource:
        if not self._suspicion.is_on(resource):
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
        if not self._suspicion.is_on(scope):
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
            self._tally.add(place or key, redacted.entities)
        return redacted.text

    def attributes(self, attributes: Attributes, prefix: str = "") -> Attributes:
        """Values below their keys; keys as well. No two of them become one."""
        after: dict[str, Value] = {}
        for key, value in attributes.items():
            name = self.text(key, "attribute.key")
            number = 2
            unique = name
            while unique in after:
                unique, number = f"{name}#{number}", number + 1
            # A key that was redacted itself is not told where its value is counted.
            place = prefix + key if name == key else f"{prefix}{name}"
            after[unique] = self.value(value, key, place)
        return after

    def value(self, value: Value, key: str, place: str) -> Value:
        """A value below a key; what it is inside decides how."""
        if isinstance(value, str):
            return self.text(value, key, place)
        if isinstance(value, bool) or value is None:
            return value
        whole = self._redactor.verdict(key).whole
        if whole is not None:
            redacted = self._redactor.redact_whole(_said(value), whole)
            self._tally.add(place, redacted.entities)
            return redacted.text if redacted.entities else value
        if isinstance(value, (int, float)):
            text = _digits(value)
            after = self.text(text, key, place) if text else text
            return value if after == text else after
        if isinstance(value, bytes):
            text = _text_of(value)
            after = self.text(text, key, place)
            return value if after == text else _bytes_of(after, value)
        if isinstance(value, Mapping):
            return {
                name: self.value(item, inner, f"{place}.{name}")
                for (inner, item), name in zip(value.items(), self._names(value), strict=True)
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


def _digits(number: float) -> str:
    """A number as a sender would write it; empty when it has too few digits, or a fraction."""
    # A boolean is one or zero, and so too small.
    if not _SMALLEST <= abs(number) < _LARGEST or number % 1:
        return ""
    return str(int(number))


def _said(value: float | bytes | Sequence[Value] | Mapping[str, Value]) -> str:
    """A value that goes whole as a text, by which it can be joined and read back; arrays and maps as JSON."""
    if isinstance(value, bytes):
        return _text_of(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What JSON has no form for, as what it has one for."""
    if isinstance(value, bytes):
        return _text_of(value)
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, Sequence) else str(value)


def _text_of(data: bytes) -> str:
    """Bytes as text. What is no text may still hold some, and every byte stands for one character then."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _bytes_of(text: str, before: bytes) -> bytes:
    try:
        before.decode()
    except UnicodeDecodeError:
        return text.encode("latin-1", "replace")
    return text.encode(errors="replace")


def _blanked(span: Span, rewriting: _Rewriting) -> Span:
    """The span without anything that could be personal: what it is a part of, when, and for how long."""
    redactions = {REDACTION_ERROR: 1}
    rewriting.total.add("span", redactions)
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
        redaction_policy=rewriting.by,
    )
