"""Receipts of redaction: what a span says about what was replaced in it, over several redactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from tracedata import Span


def without_receipt(span: Span) -> Span:
    """The span as if nothing had been replaced in it."""
    return msgspec.structs.replace(span, redactions={}, redacted_keys={}, redaction_policy="")


def with_receipts(after: Span, before: Span) -> Span:
    """``after``, redacted once more, with what ``before`` already told: counts add up."""
    return msgspec.structs.replace(
        after,
        redactions=_sums(before.redactions, after.redactions),
        redacted_keys={
            key: _sums(before.redacted_keys.get(key, {}), after.redacted_keys.get(key, {}))
            for key in {**before.redacted_keys, **after.redacted_keys}
        },
        redaction_policy=after.redaction_policy or before.redaction_policy,
    )


def _sums(before: Mapping[str, int], after: Mapping[str, int]) -> Mapping[str, int]:
    return dict(Counter(before) + Counter(after))
