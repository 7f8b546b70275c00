"""Stage one over a batch: every text that a sender can write, in one list, looked at in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from processors.redact_value import SMALLEST, digits_of, text_of
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from tracedata import Attributes, LogRecord, Resource, Scope, Span, Value

BODY = "body"


def body_key(record: LogRecord, redactor: Redactor) -> str:
    """The key by which rules know the body of a record: ``body``, or that of the message that an event of that name brings."""
    message = f"{record.name}.content"
    return message if record.name and redactor.verdict(message).whole is not None else BODY


class Suspicion:
    """Which texts stage one wants to be looked at (None: all), and in which parts of the batch there are such.

    ``marked`` are those in which a key says that its value has to go, whatever it is.
    """

    def __init__(self, hits: Mapping[str, Hits] | None, *, marked: AbstractSet[int], hit: AbstractSet[int]) -> None:
        self.hits = hits
        self._marked = marked
        self._owners = marked | hit

    def is_on(self, owner: Span | LogRecord | Resource | Scope) -> bool:
        """Whether to look at a part of the batch; at a span or log record also when its resource or scope is."""
        return self.hits is None or _is_in(self._owners, owner)

    def is_marked(self, item: Span | LogRecord) -> bool:
        """Whether a key decides in a span or log record, its resource or its scope."""
        return _is_in(self._marked, item)


def _is_in(identities: AbstractSet[int], owner: Span | LogRecord | Resource | Scope) -> bool:
    if id(owner) in identities:
        return True
    return isinstance(owner, (Span, LogRecord)) and (id(owner.resource) in identities or id(owner.scope) in identities)


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
        self.marked: set[int] = set()
        """Identities of the parts in which a key says that its value has to go."""
        self._is_marked = False

    def span(self, span: Span) -> None:
        """Takes its texts."""
        start = self._begin(span)
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
        self._end(span, start)

    def log_record(self, record: LogRecord) -> None:
        """Takes its texts."""
        start = self._begin(record)
        self.texts += (record.event_name, record.severity_text)
        self._attributes(record.attributes)
        self._values((record.body,))
        if record.body is not None and self._redactor.verdict(body_key(record, self._redactor)).whole is not None:
            self._is_marked = True
        self._end(record, start)

    def _begin(self, item: Span | LogRecord) -> int:
        for part in (item.resource, item.scope):
            if id(part) not in self._owners:
                self._part(part)
        self._is_marked = False
        return len(self.texts)

    def _end(self, owner: Span | LogRecord | Resource | Scope, start: int) -> None:
        self._owners[id(owner)] = (start, len(self.texts))
        if self._is_marked:
            self.marked.add(id(owner))

    def _part(self, part: Resource | Scope) -> None:
        start = len(self.texts)
        self._is_marked = False
        self.texts.append(part.schema_url)
        if isinstance(part, Scope):
            self.texts += (part.name, part.version)
        self._attributes(part.attributes)
        self._end(part, start)

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
        """Identities of the parts in which a text was hit."""
        if not hits:
            return set()
        texts = self.texts
        return {owner for owner, (start, end) in self._owners.items() if not hits.keys().isdisjoint(texts[start:end])}
