"""Receipts of redaction: what a span says about what was replaced in it, over several redactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from tracedata import Span


def without_receipt(span: Span) -> Span:
    """The span as if nothing had been replaced in it."""
    blank = Span(trace_id=span.trace_id, span_id=span.span_id, resource=span.resource, scope=span.scope)
    return msgspec.structs.replace(span, redactions=blank.redactions)


def with_receipts(after: Span, before: Span) -> Span:
    """``after``, redacted once more, with what ``before`` already told: counts add up."""
    merged = Counter(before.redactions)
    merged.update(after.redactions)
    return msgspec.structs.replace(after, redactions=dict(merged))


def entities_of(span: Span) -> Mapping[str, int]:
    """What was replaced, by entity."""
    return span.redactions
