"""Decisions in the ``decision_trace.*`` convention: as an event of a span, or as a span of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec
from opentelemetry.util.types import AttributeValue

from relayscope.demo.scene import Scene
from relayscope.demo.service import Work

DecisionType: TypeAlias = Literal["rule_evaluation", "model_selection", "cache_decision", "budget_check"]
FinalStatus: TypeAlias = Literal[
    "success", "fallback_success", "served_from_cache", "blocked", "budget_exceeded", "error"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the gateway's configuration."""

    rule_id: str
    name: str
    version: str = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, from what, and why."""

    kind: DecisionType
    component: str
    facts: Mapping[str, object]
    result: Mapping[str, object]
    outcome: str
    reasoning: str
    sequence: int
    evaluation_ms: float
    rule: Rule | None = None
    candidates: tuple[str, ...] = ()
    parent_id: str | None = None


def record_decision(scene: Scene, work: Work, decision: Decision) -> str:
    """Writes the decision as an event of ``work``'s span and returns its id; the evaluation takes its time."""
    work.clock.advance(decision.evaluation_ms)
    decision_id = scene.new_uuid()
    work.event("decision_trace.decision", _attributes(decision_id, decision))
    return decision_id


@contextmanager
def decision_span(scene: Scene, work: Work, decision: Decision) -> Iterator[str]:
    """A child span that is the decision; yields its id. It lasts as long as the evaluation and the block."""
    decision_id = scene.new_uuid()
    name = f"decision {decision.kind} {decision.component}"
    with work.step(name, attributes=_attributes(decision_id, decision)) as step:
        step.clock.advance(decision.evaluation_ms)
        yield decision_id


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
        "decision_trace.output": msgspec.json.encode(decision.result).decode(),
        "decision_trace.outcome": decision.outcome,
        "decision_trace.reasoning": decision.reasoning,
        "decision_trace.sequence": decision.sequence,
        "decision_trace.evaluation_time_ms": round(decision.evaluation_ms, 3),
        "decision_trace.enforced": True,
    }
    if decision.rule is not None:
        attributes["decision_trace.rule.id"] = decision.rule.rule_id
        attributes["decision_trace.rule.name"] = decision.rule.name
        attributes["decision_trace.rule.version"] = decision.rule.version
    if decision.candidates:
        attributes["decision_trace.candidates"] = decision.candidates
    if decision.parent_id is not None:
        attributes["decision_trace.parent_id"] = decision.parent_id
    return attributes
