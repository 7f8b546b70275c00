"""Compares what was recorded with what a rule set would have decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from query.replay.evaluation import Evaluation, is_of, names_rule
from query.replay.rule_set import ACTIONS, SELECTED, Choice
from tracedata import Decision, Value

# What became of a decision:
#   same         the same choice, by the same rule as far as one was recorded
#   other_rule   the same choice, by another rule
#   flip         another choice
#   failed       a rule could not be evaluated, so that nobody knows
#   undecided    no rule matches, and there is no default
#   not_decided  the rule set does not decide such decisions
#   unreadable   what was recorded is no choice that can be compared
Verdict: TypeAlias = Literal["same", "other_rule", "flip", "failed", "undecided", "not_decided", "unreadable"]
VERDICTS: tuple[Verdict, ...] = (
    "same", "other_rule", "flip", "failed", "undecided", "not_decided", "unreadable",
)  # fmt: skip

ERROR = "error"
# The outcomes that say all, and the member of the output that says the same, when true and when false.
_MEMBERS: Mapping[str, tuple[str, str, str]] = {
    "rule_evaluation": ("allow", "allow", "deny"),
    "cache_decision": ("hit", "hit", "miss"),
    "budget_check": ("allow", "within", "exceeded"),
}
_MAX_LABEL_CHARS = 255


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One decision after replay. ``recorded`` is None when it is unreadable; ``evaluation`` when it is not decided."""

    decision: Decision
    verdict: Verdict
    recorded: Choice | None = None
    evaluation: Evaluation | None = None

    @property
    def replayed(self) -> Choice | None:
        """What the rule set would have decided."""
        return None if self.evaluation is None else self.evaluation.choice


def compare(decision: Decision, evaluation: Evaluation | None) -> Comparison:
    """What became of the decision."""
    if evaluation is None:
        return Comparison(decision=decision, verdict="not_decided")
    recorded = recorded_choice(decision)
    return Comparison(
        decision=decision,
        verdict=_verdict(decision, recorded, evaluation),
        recorded=recorded,
        evaluation=evaluation,
    )


def _verdict(decision: Decision, recorded: Choice | None, evaluation: Evaluation) -> Verdict:
    failure, choice = evaluation.failure, evaluation.choice
    if failure is not None:
        # The gateway's rule failed as well, and it said so.
        has_failed = recorded is not None and recorded.outcome == ERROR
        return "same" if has_failed and (is_of(failure.rule, decision) or not names_rule(decision)) else "failed"
    if recorded is None:
        return "unreadable"
    if choice is None:
        return "undecided"
    if not recorded.is_like(choice):
        return "flip"
    if not names_rule(decision):
        return "same"
    return "same" if evaluation.rule is not None and is_of(evaluation.rule, decision) else "other_rule"


def recorded_choice(decision: Decision) -> Choice | None:
    """What was decided, from the outcome and the output; None when neither says it, or each says another thing."""
    outcome = decision.outcome.strip().lower()[:_MAX_LABEL_CHARS]
    if outcome == ERROR:
        return Choice(outcome=ERROR)
    routed = _routed(decision) if "route" in ACTIONS[decision.type] else None
    if routed is not None and outcome in ("", SELECTED):
        return routed
    if decision.type == "model_selection":
        return Choice(outcome=outcome) if outcome not in ("", SELECTED) else None
    said = _said(decision)
    if not outcome or (said and said == outcome):
        return Choice(outcome=said) if said else None
    # "modify" and the like say more than that something is allowed; "allow" beside {"allow": false} says nothing.
    return None if said and outcome in _both(decision) else Choice(outcome=outcome)


def _both(decision: Decision) -> tuple[str, ...]:
    return _MEMBERS.get(decision.type, ("", "", ""))[1:]


def _said(decision: Decision) -> str:
    """The outcome that the output tells of."""
    output = decision.output
    if decision.type == "other" and isinstance(output, Mapping):
        members = [found for type_ in _MEMBERS if (found := _member(output, type_))]
        return members[0] if members else ""
    return _member(output, decision.type) if isinstance(output, Mapping) else ""


def _member(output: Mapping[str, Value], type_: str) -> str:
    if type_ not in _MEMBERS:
        return ""
    name, true, false = _MEMBERS[type_]
    value = output.get(name)
    if value is True:
        return true
    return false if value is False else ""


def _routed(decision: Decision) -> Choice | None:
    output = decision.output
    if isinstance(output, str) and output and decision.type == "model_selection":
        return Choice(outcome=SELECTED, model=output[:_MAX_LABEL_CHARS])
    if not isinstance(output, Mapping):
        return None
    model = _text(output.get("model")) or _text(output.get("selected"))
    if not model:
        return None
    return Choice(outcome=SELECTED, provider=_text(output.get("provider")), model=model)


def _text(value: Value) -> str:
    return value[:_MAX_LABEL_CHARS] if isinstance(value, str) else ""
