"""Quick tests at ingest: could this tell of a decision, or of what became of a request? Most spans do not, so that must cost nothing."""

from __future__ import annotations

from collections.abc import Sequence

from processors.ai.detection import is_like, path_of
from processors.decisions.adapter import ADAPTERS
from processors.decisions.adapter.decision_trace import FINAL, PREFIX
from processors.decisions.subject import BY_NAME, OF_EVENT, adapters_of, event_of_record
from processors.plain_key import PlainKeys
from tracedata import Event, LogRecord, Span
from tracedata.memory import remembered

_EVENTS = frozenset(OF_EVENT) | {FINAL}
_MARKERS = frozenset(
    [path_of(key)[0] for adapter in ADAPTERS for key in adapter.keys]
    + [key for adapter in ADAPTERS for key in adapter.values]
)


def _is_marker(key: str) -> bool:
    return key.startswith(PREFIX) or key in _MARKERS


_plain_keys = PlainKeys(_is_marker)


def is_relevant(span: Span) -> bool:
    """Whether the span is a decision, has one among its events, or says what became of the request."""
    return (
        (bool(span.events) and _tells(span.events))
        or (
            not _plain_keys.covers(span.attributes)
            and not _plain_keys.lack_marker(span.attributes)
            and _is_told_by(span)
        )
        or (_is_scope_relevant(span.scope.name) and _is_told_by(span))
    )


def relevant_of(spans: Sequence[Span]) -> list[Span]:
    """Those of the spans that are relevant; quicker than to ask for each."""
    found = []
    # A batch has few scopes, and spans of one stand together.
    scope, is_known = None, False
    is_plain, lack_marker = _plain_keys.covers, _plain_keys.lack_marker
    for span in spans:
        if span.scope is not scope:
            scope = span.scope
            is_known = _is_scope_relevant(scope.name)
        if (span.events and _tells(span.events)) or (
            (is_known or (not is_plain(span.attributes) and not lack_marker(span.attributes))) and _is_told_by(span)
        ):
            found.append(span)
    return found


@remembered(4_096)
def _is_scope_relevant(scope: str) -> bool:
    """Whether spans of the scope may be decisions by their name alone."""
    return any(is_like(scope, pattern) for adapter in BY_NAME for pattern in adapter.scopes)


def _tells(events: Sequence[Event]) -> bool:
    return any(event.name in _EVENTS for event in events)


def _is_told_by(span: Span) -> bool:
    """Whether it is so, once a key says that it could be."""
    return any(key.startswith(PREFIX) for key in span.attributes) or next(adapters_of(span), None) is not None


def is_relevant_record(record: LogRecord) -> bool:
    """Whether the record tells of a decision, or of what became of a request: by the name of its event."""
    return bool(event_of_record(record))
