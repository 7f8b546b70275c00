"""The decisions of one trace, with what they have in common: whose request it was, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from processors.decisions.context import TraceContext
from processors.decisions.final import PURPOSES, Statement, derived, outcome_of, stated
from processors.decisions.merge import merged, ranked
from processors.decisions.source import Source
from processors.decisions.telling import Telling
from processors.decisions.value import encoded
from tracedata import Span
from tracedata.decision import Decision, FinalOutcome
from tracedata.interaction import Interaction, OperationName


class DecidedTrace:
    """What is at hand of a trace. ``index`` finds spans by trace and id, ``interactions`` are those that the trace tells of."""

    def __init__(
        self,
        sources: Sequence[Source],
        spans: Sequence[Span],
        index: Mapping[bytes, Span],
        interactions: Sequence[Interaction],
    ) -> None:
        self._sources = sources
        self._interactions = interactions
        self._context = TraceContext(spans, index, interactions)

    def decisions(self) -> Sequence[Decision]:
        """The decisions, each once."""
        tellings = _without_echoes([telling for source in self._sources for telling in source.tellings])
        if not tellings:
            return ()
        final = self._final(tellings)
        by_id: dict[str, list[Telling]] = {}
        for telling in tellings:
            by_id.setdefault(telling.decision.id, []).append(telling)
        return [self._made(told, final) for told in by_id.values()]

    def _made(self, told: Sequence[Telling], final: FinalOutcome) -> Decision:
        decision = merged([telling.decision for telling in told])
        order = ranked([telling.decision for telling in told])
        by_decision = {id(telling.decision): telling.subject for telling in told}
        evaluation_ns = decision.evaluation_ns
        if evaluation_ns is None:
            lasted = [telling.duration_ns for telling in told if telling.duration_ns is not None]
            evaluation_ns = max(lasted, default=None)
        context = self._context.of([by_decision[id(one)] for one in order])
        return replace(
            decision,
            evaluation_ns=evaluation_ns,
            request_id=context.request_id,
            user_id=context.user_id,
            session_id=context.session_id,
            organization_id=context.organization_id,
            request_path=context.request_path,
            final=final,
        )

    def _statements(self) -> list[Statement]:
        return [
            Statement(
                depth=sum(1 for _ in self._context.ancestors(source.trace_id, source.span_id)),
                time_unix_nano=source.time_unix_nano,
                outcome=outcome,
            )
            for source in self._sources
            for outcome in source.outcomes
        ]

    def _final(self, tellings: Sequence[Telling]) -> FinalOutcome:
        deciding = {telling.decision.span_id for telling in tellings if telling.is_span}
        operations: dict[bytes, OperationName] = {}
        for one in self._interactions:
            operations.update((source.trace_id + source.span_id, one.operation) for source in one.sources)

        def is_inside(call: Interaction) -> bool:
            own = {source.span_id for source in call.sources}
            for source in call.sources:
                for span in self._context.ancestors(source.trace_id, source.span_id):
                    key = span.trace_id + span.span_id
                    if span.span_id not in own and (operations.get(key) in PURPOSES or span.span_id in deciding):
                        return True
            return False

        return outcome_of(stated(self._statements()), derived(self._interactions, is_inside))


def _without_echoes(tellings: Sequence[Telling]) -> Sequence[Telling]:
    """Without those that repeat what another span tells better."""
    if not any(telling.is_echo for telling in tellings):
        return tellings
    told = {_core(telling.decision) for telling in tellings if not telling.is_echo}
    return [telling for telling in tellings if not telling.is_echo or _core(telling.decision) not in told]


def _core(decision: Decision) -> bytes:
    return encoded([decision.convention, decision.type, decision.output])
