"""Whose request a decision was made for: as its carrier says, else the spans above it, else the root, else the trace's interactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from processors.ai.context import MAX_ANCESTORS
from processors.ai.decoding import as_text
from processors.ai.detection import plan_for, scope_of_event
from processors.ai.reader import Reader
from processors.decisions.subject import PATH_KEYS, Subject
from processors.decisions.value import identifier
from tracedata import Attributes, Span
from tracedata.interaction import Interaction

FIELDS = ("request_id", "user_id", "session_id", "organization_id")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of ``Decision`` of the same names."""

    request_id: str = ""
    user_id: str = ""
    session_id: str = ""
    organization_id: str = ""
    request_path: str = ""


def said_in(attributes: Attributes, scope: str) -> Context:
    """What attributes say, in any convention."""
    plan, reader = plan_for(scope, attributes), Reader(attributes)
    said = {name: identifier(reader.text(paths)) for name in FIELDS if (paths := getattr(plan, name))}
    return Context(**said, request_path=_path(attributes))


def _path(attributes: Attributes) -> str:
    for key in PATH_KEYS:
        if key in attributes and (path := as_text(attributes[key])):
            return identifier(path.partition("?")[0])
    return ""


class TraceContext:
    """The contexts of one trace. ``index`` has its spans by trace and id; ``spans`` are those, ``interactions`` those told of in it."""

    def __init__(self, spans: Sequence[Span], index: Mapping[bytes, Span], interactions: Sequence[Interaction]) -> None:
        self._index = index
        self._interactions = interactions
        self._roots = [span for span in spans if span.trace_id + span.parent_span_id not in index]
        self._known: dict[bytes, Context] = {}

    def of(self, subjects: Sequence[Subject]) -> Context:
        """The context of a decision that these tell of, the first one first."""
        line = self._line(subjects)
        sources = [*(_own(subject) for subject in subjects), *map(self._said, line)]
        said = {name: next(filter(None, (getattr(one, name) for one in sources)), "") for name in FIELDS}
        for name in FIELDS:
            said[name] = said[name] or self._agreed(name)
        own_path = next(filter(None, (one.request_path for one in sources[: len(subjects)])), "")
        # The root's request is the one that the decision was made for; what is below it asks for other things.
        above = next(filter(None, (one.request_path for one in reversed(sources[len(subjects) :]))), "")
        return Context(**said, request_path=own_path or above)

    def _line(self, subjects: Sequence[Subject]) -> list[Span]:
        """The spans of the decision and above it, the nearest first, then the root."""
        line: dict[bytes, Span] = {}
        for subject in subjects:
            if subject.span_id:
                line.update((span.span_id, span) for span in self.ancestors(subject.trace_id, subject.span_id))
        if self._roots:
            root = min(self._roots, key=lambda one: (bool(one.parent_span_id), one.start_time_unix_nano, one.span_id))
            line[root.span_id] = root
        return list(line.values())

    def ancestors(self, trace_id: bytes, span_id: bytes) -> Iterator[Span]:
        """The span and those above it, as far as they are at hand."""
        for _ in range(MAX_ANCESTORS):
            span = self._index.get(trace_id + span_id) if span_id else None
            if span is None:
                return
            yield span
            span_id = span.parent_span_id

    def _said(self, span: Span) -> Context:
        known = self._known.get(span.span_id)
        if known is None:
            known = self._known[span.span_id] = said_in(span.attributes, span.scope.name)
        return known

    def _agreed(self, name: str) -> str:
        """What all interactions of the trace say that say anything."""
        said = {text for one in self._interactions if (text := getattr(one, name))}
        return identifier(said.pop()) if len(said) == 1 else ""


def _own(subject: Subject) -> Context:
    """What an event or a log record says; a span is among those above."""
    if subject.carrier == "span":
        return Context()
    name = as_text(subject.attributes.get("@name"))
    return said_in(subject.own, scope_of_event(name) or subject.scope)
