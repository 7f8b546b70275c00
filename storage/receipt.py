"""Receipts of redaction: what a span or log record says about what was replaced in it, over several redactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from tracedata import LogRecord, Span

_Item = TypeVar("_Item", Span, LogRecord)


def without_receipt(item: _Item) -> _Item:
    """It as if nothing had been replaced in it."""
    return msgspec.structs.replace(item, redactions={}, redacted_keys={}, redaction_policy="")


def with_receipts(after: _Item, before: _Item) -> _Item:
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
