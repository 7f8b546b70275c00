"""Decisions of all spans and log records that are at hand: one pure function. See docs/adr/0012-decisions-and-replay.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec.structs import replace

from processors.decisions.relevance import is_relevant
from processors.decisions.source import Source, source_of_record, source_of_span
from processors.decisions.trace import DecidedTrace
from processors.span_index import span_index
from tracedata import LogRecord, Span
from tracedata.decision import Decision
from tracedata.interaction import Interaction

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

DECISION_MAPPER_VERSION: int = 1
"""Goes up whenever the same spans give other decisions: rows of older versions can be made anew."""


class DecisionMapper:
    """Makes decisions. ``failed`` hears of spans, log records and traces that could not be read."""

    def __init__(self, *, failed: Callable[[int], None] | None = None) -> None:
        self._failed = failed or _ignored

    def decisions(
        self,
        spans: Sequence[Span],
        log_records: Sequence[LogRecord] = (),
        interactions: Sequence[Interaction] = (),
    ) -> Sequence[Decision]:
        """The decisions, in the order of time, sequence and id. Does not depend on order, nor on duplicates.

        The spans above those that tell of decisions belong to ``spans``: context and the final outcome come from them.
        ``interactions`` are those made of the same spans and records.
        """
        index = span_index(spans, is_relevant)
        return self.mapped([span for span in index.values() if is_relevant(span)], index, log_records, interactions)

    def mapped(
        self,
        relevant: Sequence[Span],
        index: Mapping[bytes, Span],
        log_records: Sequence[LogRecord] = (),
        interactions: Sequence[Interaction] = (),
    ) -> Sequence[Decision]:
        """The same for spans that are known to be relevant, distinct, and part of ``index``: spans by trace id and span id."""
        sources: dict[bytes, list[Source]] = defaultdict(list)
        for span in relevant:
            if (of_span := self._tried(source_of_span, span)) is not None:
                sources[span.trace_id].append(of_span)
        for record in log_records:
            if (told := self._tried(source_of_record, record)) is not None:
                sources[told.trace_id].append(told)
        deciding = {trace_id for trace_id, told in sources.items() if any(one.tellings for one in told)}
        if not deciding:
            return []
        spans = _by_trace(index.values(), deciding)
        calls = _told_in(interactions, deciding)
        found: list[Decision] = []
        for trace_id in deciding:
            trace = DecidedTrace(sources[trace_id], spans[trace_id], index, calls[trace_id])
            found.extend(self._tried(DecidedTrace.decisions, trace) or ())
        return sorted((replace(one, mapper_version=DECISION_MAPPER_VERSION) for one in found), key=_order)

    def _tried(self, make: Callable[[_Given], _Made | None], given: _Given) -> _Made | None:
        try:
            return make(given)
        except Exception:  # noqa: BLE001 - whatever a sender wrote, its neighbours are kept, and it is counted
            self._failed(1)
            return None


def _ignored(_: int) -> None:
    """Nobody counts."""


def _order(one: Decision) -> tuple[int, bool, int, str, bytes]:
    return one.time_unix_nano, one.sequence is None, one.sequence or 0, one.id, one.trace_id


def _by_trace(spans: Iterable[Span], wanted: set[bytes]) -> Mapping[bytes, Sequence[Span]]:
    found: dict[bytes, list[Span]] = {trace_id: [] for trace_id in wanted}
    for span in spans:
        if span.trace_id in found:
            found[span.trace_id].append(span)
    return found


def _told_in(interactions: Iterable[Interaction], wanted: set[bytes]) -> Mapping[bytes, Sequence[Interaction]]:
    """The interactions by every trace that tells of them."""
    found: dict[bytes, list[Interaction]] = {trace_id: [] for trace_id in wanted}
    for one in interactions:
        for trace_id in {one.trace_id, *(source.trace_id for source in one.sources)}:
            if trace_id in found:
                found[trace_id].append(one)
    return found
