"""Interactions and decisions at ingest: at once of what came whole, and arrivals for what has to be settled. See ADR 0010, item 3, and ADR 0012."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from processors.ai.context import MAX_ANCESTORS
from processors.ai.mapper import Mapper, reported_cost
from processors.ai.merge import Price
from processors.ai.record import ai_trace_id_of
from processors.ai.relevance import is_relevant_record, relevant_of
from processors.decisions import relevance as decision_relevance
from processors.decisions.mapper import DecisionMapper
from processors.decisions.subject import trace_id_of
from tracedata import Batch, LogRecord, Span


class EnrichInstruments(Protocol):
    """What the making of interactions and decisions tells. Must not raise."""

    def enriched(self, *, interactions: int, arrivals: int) -> None:
        """So many interactions were made of a batch, and so many of its traces are left to be settled."""
        ...

    def unmapped(self, count: int) -> None:
        """So many spans or log records could not be read: they are stored, but tell of nothing."""
        ...


class _Silence:
    def enriched(self, *, interactions: int, arrivals: int) -> None:
        """Nobody listens."""

    def unmapped(self, count: int) -> None:
        """Nobody listens."""


class Enrich:
    """Fills ``interactions``, ``decisions`` and ``arrivals`` of batches. Comes after redaction: they are made of what is stored."""

    def __init__(self, price: Price = reported_cost, *, instruments: EnrichInstruments | None = None) -> None:
        self._instruments = instruments or _Silence()
        self._mapper = Mapper(price, failed=self._instruments.unmapped)
        self._decisions = DecisionMapper(failed=self._instruments.unmapped)

    def process(self, batch: Batch) -> Batch:
        """The batch itself when nothing in it is of AI applications, nor of decisions."""
        spans = batch.spans
        relevant, deciding = relevant_of(spans), decision_relevance.relevant_of(spans)
        arrivals: dict[bytes, None] = {}
        records = [self._placed(record, arrivals) for record in batch.log_records]
        if not relevant and not deciding and not arrivals:
            return batch
        index = _settle_parts([*relevant, *deciding] if deciding else relevant, spans, arrivals)
        interactions = self._mapper.mapped([span for span in relevant if span.trace_id not in arrivals], index)
        decided = [span for span in deciding if span.trace_id not in arrivals]
        decisions = self._decisions.mapped(decided, index, interactions=interactions)
        # They say what became of a request whose decisions are elsewhere, or stored already.
        silent = {span.trace_id for span in deciding} - {one.trace_id for one in decisions}
        arrivals.update(dict.fromkeys(silent))
        self._instruments.enriched(interactions=len(interactions), arrivals=len(arrivals))
        return replace(
            batch,
            log_records=records,
            interactions=tuple(interactions),
            decisions=tuple(decisions),
            arrivals=tuple(arrivals),
        )

    def _placed(self, record: LogRecord, arrivals: dict[bytes, None]) -> LogRecord:
        """The record, with a trace id for what it tells of when it has none; what it tells of has to be settled."""
        is_of_call, is_of_decision = is_relevant_record(record), decision_relevance.is_relevant_record(record)
        if not is_of_call and not is_of_decision:
            return record
        if record.trace_id:
            arrivals[record.trace_id] = None
            return record
        try:
            trace_id = (is_of_call and ai_trace_id_of(record)) or (is_of_decision and trace_id_of(record))
        except Exception:  # noqa: BLE001 - whatever a sender wrote, its neighbours are kept, and it is counted
            self._instruments.unmapped(1)
            return record
        if not trace_id:
            return record
        arrivals[trace_id] = None
        return replace(record, ai_trace_id=trace_id)


def _settle_parts(relevant: Sequence[Span], spans: Sequence[Span], arrivals: dict[bytes, None]) -> dict[bytes, Span]:
    """Adds the traces of which a relevant span has not all its ancestors here. Returns what finds spans by trace and id."""
    traces = {span.trace_id for span in relevant}
    index: dict[bytes, Span] = {}
    for span in spans:
        trace_id = span.trace_id
        if trace_id in traces and index.setdefault(trace_id + span.span_id, span) is not span:
            # The same span twice, or another with its id: the leader sees them all.
            arrivals[trace_id] = None
    for span in relevant:
        if span.trace_id not in arrivals and not _reaches_root(span, index):
            arrivals[span.trace_id] = None
    return index


def _reaches_root(span: Span, index: dict[bytes, Span]) -> bool:
    trace_id, parent = span.trace_id, span.parent_span_id
    for _ in range(MAX_ANCESTORS):
        if not parent:
            return True
        above = index.get(trace_id + parent)
        if above is None:
            return False
        parent = above.parent_span_id
    return False
