"""Quick tests at ingest: could this be, or describe, an operation of an AI application?

Most spans are none, so what costs nothing comes first. Keys that are nobody's are learned, and a span of which all keys are known to be
nobody's is passed over at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from processors.ai.context import KEYS as CONTEXT_KEYS
from processors.ai.convention import CONVENTIONS
from processors.ai.detection import convention_of_scope
from processors.ai.event import MEANINGS
from processors.ai.record import name_of
from processors.plain_key import PlainKeys
from tracedata import LogRecord, Span

_MARKERS = frozenset(marker for convention in CONVENTIONS for marker in convention.markers)
_PREFIXES = tuple({prefix for convention in CONVENTIONS for prefix in convention.relevant_prefixes})
# What a user's conversation, or a prompt's name, has to do with spans that are no operations.
_CONTEXT_ONLY = CONTEXT_KEYS - _MARKERS


def is_marker(key: str) -> bool:
    """Whether a key stands on operations only, or mostly: context is on every span of an application."""
    return key in _MARKERS or (key.startswith(_PREFIXES) and key not in _CONTEXT_ONLY)


_plain_keys = PlainKeys(is_marker)


def is_relevant(span: Span) -> bool:
    """Whether the span could be an AI operation: by the name of its scope, or by a key of its attributes."""
    is_told_by_keys = not _plain_keys.covers(span.attributes) and not _plain_keys.lack_marker(span.attributes)
    return is_told_by_keys or is_scope_relevant(span.scope.name)


def relevant_of(spans: Sequence[Span]) -> list[Span]:
    """Those of the spans that are relevant; quicker than to ask for each."""
    found = []
    # A batch has few scopes, and spans of one stand together.
    scope, is_known = None, False
    is_plain, lack_marker = _plain_keys.covers, _plain_keys.lack_marker
    for span in spans:
        if span.scope is not scope:
            scope = span.scope
            is_known = is_scope_relevant(scope.name)
        if is_known or (not is_plain(span.attributes) and not lack_marker(span.attributes)):
            found.append(span)
    return found


def is_scope_relevant(scope: str) -> bool:
    """Whether the name of a scope is that of a convention."""
    return convention_of_scope(scope) is not None


def is_relevant_record(record: LogRecord) -> bool:
    """Whether the record tells of an AI operation: by the name of its event."""
    return name_of(record) in MEANINGS


def carries_context(span: Span) -> bool:
    """Whether the span says whose, or of which conversation, what is below it is."""
    return not CONTEXT_KEYS.isdisjoint(span.attributes)
