"""Who asked, and in which conversation: from the span, else from the nearest span above it that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from processors.ai.convention import CONVENTIONS
from processors.ai.detection import path_of, plan_for
from processors.ai.draft import Draft
from processors.ai.reader import Reader
from tracedata import Span

FIELDS = ("user_id", "session_id", "organization_id", "agent", "request_id")
MAX_ANCESTORS = 256
"""Spans above one that are looked at; what is deeper has no context, and is nobody's part."""


def _keys(fields: Iterable[str]) -> frozenset[str]:
    return frozenset(
        path_of(key)[0]
        for convention in CONVENTIONS
        if not convention.is_private
        for field in fields
        for key in getattr(convention, field)
    )


# Keys that only say something of the span itself, or stand on every second span.
_WEAK = frozenset({"input.value", "output.value", "gen_ai.completion", "resource.name", "model_name"})
KEYS = _keys(FIELDS) - _WEAK
_KEYS_BUT_REQUEST = _keys(FIELDS[:-1]) - _WEAK


def ancestors(draft: Draft, index: Mapping[bytes, Span]) -> list[tuple[bytes, Span]]:
    """The spans above what a draft tells of, with their keys, the nearest first, as far as they are at hand."""
    found: list[tuple[bytes, Span]] = []
    trace_id, parent = draft.trace_id, draft.parent_span_id
    while parent and len(found) < MAX_ANCESTORS:
        key = trace_id + parent
        span = index.get(key)
        if span is None:
            break
        found.append((key, span))
        parent = span.parent_span_id
    return found


def inherit(draft: Draft, above: Iterable[tuple[bytes, Span]], drafts: Mapping[bytes, Draft]) -> None:
    """Fills what the draft lacks from the spans above it."""
    missing = [field for field in FIELDS if not getattr(draft, field)]
    if not missing:
        return
    keys = KEYS if not draft.request_id else _KEYS_BUT_REQUEST
    for key, span in above:
        attributes = span.attributes
        if keys.isdisjoint(attributes):
            continue
        source = drafts.get(key)
        if source is not None:
            draft.made_up_session = draft.made_up_session or source.made_up_session
            values = {field: getattr(source, field) for field in missing}
        else:
            plan, reader = plan_for(span.scope.name, attributes), Reader(attributes)
            values = {field: reader.text(getattr(plan, field)) for field in missing}
        for field, value in values.items():
            if value:
                setattr(draft, field, value)
        missing = [field for field in missing if not values[field]]
        if not missing:
            return
        if draft.request_id:
            keys = _KEYS_BUT_REQUEST
