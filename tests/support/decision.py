"""Decisions for tests: what the mapper makes of spans and log records."""

from __future__ import annotations

from collections.abc import Sequence

from processors.ai.mapper import Mapper
from processors.decisions.mapper import DecisionMapper
from tracedata import LogRecord, Span
from tracedata.decision import Decision


def decided(*spans: Span, records: Sequence[LogRecord] = ()) -> Sequence[Decision]:
    """What the mappers make of them; they must not have failed."""
    failures: list[int] = []
    interactions = Mapper(failed=failures.append).interactions(spans, records)
    made = DecisionMapper(failed=failures.append).decisions(spans, records, interactions)
    assert failures == []
    return made


def only_decision(*spans: Span, records: Sequence[LogRecord] = ()) -> Decision:
    """The one decision that they make of them."""
    (made,) = decided(*spans, records=records)
    return made
