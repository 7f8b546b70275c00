"""Stage one over a batch: every text that a sender can write, in one list, looked at in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from processors.redact_value import SMALLEST, digits_of, text_of
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from tracedata import Attributes, Resource, Scope, Span, Value


class Suspicion:
    """Which texts stage one wants to be looked at (None: all), and in which spans, resources and scopes there are such.

    ``marked`` are those in which a key says that its value has to go, whatever it is.
    """

    def __init__(self, hits: Mapping[str, Hits] | None, *, marked: AbstractSet[int], hit: AbstractSet[int]) -> None:
        self.hits = hits
        self._marked = marked
        self._owners = marked | hit

    def is_on(self, owner: Span | Resource | Scope) -> bool:
        """Whether to look at a part of the batch; at a span also when its resource or scope is to be looked at."""
        return self.hits is None or _is_in(self._owners, owner)

    def is_marked(self, span: Span) -> bool:
        """Whether a key decides in a span, its resource or its scope."""
        return _is_in(self._marked, span)


def _is_in(identities: AbstractSet[int], owner: Span | Resource | Scope) -> bool:
    if id(owner) in identities:
        return True
    return isinstance(owner, Span) and (id(owner.resource) in identities or id(owner.scope) in identities)


def everything() -> Suspicion:
    """Suspicion on all that there is."""
    return Suspicion(None, marked=frozenset(), hit=frozenset())


class Gathering:
    """Every text of a batch in one list, and which part of it belongs to whom."""

    def __init__(self, redactor: Redactor, plain: set[str]) -> None:
        self._redactor = redactor
        self._plain = plain
        self.texts: list[str] = []
        self.new_keys: set[str] = set()
        self._owners: dict[int, tuple[int, int]] = {}
        self.marked_parts: set[int] = set()
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
            self.marked_parts.add(id(part))

    def _attributes(self, attributes: Attributes) -> None:
        if not attributes.keys() <= self._plain:
            self._keys(attributes)
        self._values(attributes.values())

    def _keys(self, attributes: Attributes) -> None:
        for key in attributes:
            if key in self._plain:
                continue
            self.texts.append(key)
            if self._redactor.verdict(key).whole is not None:
                self._is_marked = True
            else:
                self.new_keys.add(key)

    def _values(self, values: Iterable[Value]) -> None:
        append = self.texts.append
        for value in values:
            if isinstance(value, str):
                append(value)
            elif isinstance(value, (int, float)):
                if value >= SMALLEST or value <= -SMALLEST:
                    append(digits_of(value))
            elif value is not None:
                self._nested(value)

    def _nested(self, value: Value) -> None:
        if isinstance(value, bytes):
            self.texts.append(text_of(value))
        elif isinstance(value, Mapping):
            # What is denied may be so by the keys around it.
            self._is_marked = self._is_marked or self._redactor.keys.has_paths
            self._attributes(value)
        elif isinstance(value, Sequence):
            self._values(value)

    def owners_of(self, hits: Mapping[str, Hits]) -> set[int]:
        """Identities of the spans, resources and scopes in which a text was hit."""
        if not hits:
            return set()
        texts = self.texts
        return {owner for owner, (start, end) in self._owners.items() if not hits.keys().isdisjoint(texts[start:end])}
