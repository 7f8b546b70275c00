"""Decisions in the ``decision_trace.*`` convention: as an event of a span, as a span of their own, or as a log record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
from opentelemetry.util.types import AttributeValue

from relayscope.demo.rule import Ruling
from relayscope.demo.scene import Scene
from relayscope.demo.service import Work

DecisionType: TypeAlias = Literal["rule_evaluation", "model_selection", "cache_decision", "budget_check", "other"]
FinalStatus: TypeAlias = Literal[
    "success", "fallback_success", "served_from_cache", "blocked", "budget_exceeded", "error"
]
_EVENT = "decision_trace.decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, from what, and why. Of a decision that is not enforced, nothing follows."""

    kind: DecisionType
    component: str
    facts: Mapping[str, object]
    ruling: Ruling
    sequence: int
    evaluation_ms: float
    candidates: tuple[str, ...] = ()
    parent_id: str | None = None
    is_enforced: bool = True


def record_decision(scene: Scene, work: Work, decision: Decision) -> str:
    """Writes the decision as an event of ``work``'s span and returns its id; the evaluation takes its time."""
    work.clock.advance(decision.evaluation_ms)
    decision_id = scene.new_uuid()
    work.event(_EVENT, _attributes(decision_id, decision))
    return decision_id


def log_decision(scene: Scene, work: Work, decision: Decision) -> str:
    """Writes the decision as a log record in the context of ``work``'s span and returns its id."""
    work.clock.advance(decision.evaluation_ms)
    decision_id = scene.new_uuid()
    work.log(_EVENT, _attributes(decision_id, decision))
    return decision_id


def decide_in_span(scene: Scene, work: Work, decision: Decision) -> str:
    """Writes the decision as a child span, which lasts as long as the evaluation, and returns its id."""
    decision_id = scene.new_uuid()
    _span(work, decision_id, decision)
    return decision_id


def decide_everywhere(scene: Scene, work: Work, decision: Decision) -> str:
    """Writes the decision as a child span, and again as an event and as a log record, as several libraries would."""
    decision_id = scene.new_uuid()
    _span(work, decision_id, decision)
    attributes = _attributes(decision_id, decision)
    work.event(_EVENT, attributes)
    work.log(_EVENT, attributes)
    return decision_id


def _span(work: Work, decision_id: str, decision: Decision) -> None:
    name = f"decision {decision.kind} {decision.component}"
    with work.step(name, attributes=_attributes(decision_id, decision)) as step:
        step.clock.advance(decision.evaluation_ms)


def conclude(work: Work, *, status: FinalStatus, provider: str | None = None, model: str | None = None) -> None:
    """Writes the final outcome of the request on the span that owns it."""
    work.note({"decision_trace.final.status": status})
    if provider is not None and model is not None:
        work.note({"decision_trace.final.provider": provider, "decision_trace.final.model": model})


def _attributes(decision_id: str, decision: Decision) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "decision_trace.id": decision_id,
        "decision_trace.type": decision.kind,
        "decision_trace.component": decision.component,
        "decision_trace.input": msgspec.json.encode(decision.facts).decode(),
        "decision_trace.output": msgspec.json.encode(decision.ruling.result).decode(),
        "decision_trace.outcome": decision.ruling.outcome,
        "decision_trace.reasoning": decision.ruling.reasoning,
        "decision_trace.sequence": decision.sequence,
        "decision_trace.evaluation_time_ms": round(decision.evaluation_ms, 3),
        "decision_trace.enforced": decision.is_enforced,
    }
    rule = decision.ruling.rule
    if rule is not None:
        attributes["decision_trace.rule.id"] = rule.rule_id
        attributes["decision_trace.rule.name"] = rule.name
        attributes["decision_trace.rule.version"] = rule.version
    if decision.candidates:
        attributes["decision_trace.candidates"] = decision.candidates
    if decision.parent_id is not None:
        attributes["decision_trace.parent_id"] = decision.parent_id
    return attributes
