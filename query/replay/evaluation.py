"""Evaluates a rule set over a decision: what it would have decided, by which rule, or which rule failed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from query.replay.condition import Condition, ConditionFailure, Facts, Language, rule_language
from query.replay.rule_set import Choice, DecisionPoint, Rule, RuleSet
from tracedata import Decision

_NO_INPUT = "the decision has no recorded input"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that could not be evaluated over a decision."""

    rule: Rule
    reason: str


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision point says of a decision.

    With a ``failure``, nobody knows what would have been decided, and there is no ``choice``. A ``choice`` without a ``rule`` is
    the default; neither means that nothing was decided. ``tied`` are the other rules of the same priority that match as well.
    ``shadows`` are the shadow rules that match, and ``shadow_failures`` those that cannot be evaluated; they change nothing.
    """

    point: DecisionPoint
    choice: Choice | None = None
    rule: Rule | None = None
    failure: Failure | None = None
    tied: Sequence[Rule] = ()
    shadows: Sequence[Rule] = ()
    shadow_failures: Sequence[Failure] = ()


class Evaluator:
    """A rule set whose conditions are compiled. Pure: the same decision gives the same evaluation."""

    def __init__(self, rule_set: RuleSet) -> None:
        self._language = rule_language()
        self._points = {(point.type, point.component): _Point(point, self._language) for point in rule_set.points}

    def evaluate(self, decision: Decision) -> Evaluation | None:
        """What the rule set says; None when it does not decide this decision.

        A decision that was recorded as not enforced is one of a shadow rule: it is evaluated by that rule alone.
        """
        point = self._points.get((decision.type, decision.component))
        if point is None:
            return None
        try:
            facts = self._language.facts(decision)
        except ConditionFailure as exc:
            return point.fail_at_first(str(exc))
        missing = _NO_INPUT if decision.input is None else ""
        if decision.is_enforced is False:
            return point.in_the_shadow(facts, decision, missing)
        return point.decide(facts, missing)


class _Point:
    """A decision point with its rules in the order in which they are asked."""

    def __init__(self, point: DecisionPoint, language: Language) -> None:
        self._point = point
        compiled = [(rule, language.compile(rule.when)) for rule in point.rules]
        # The first in the file comes first among those of one priority. All have the same with first_match.
        compiled.sort(key=lambda one: -one[0].priority)
        self._enforced = [one for one in compiled if one[0].is_enforced]
        self._shadows = [one for one in compiled if not one[0].is_enforced]

    def decide(self, facts: Facts, missing: str) -> Evaluation:
        shadows, shadow_failures = _matching(self._shadows, facts, missing)
        found = self._first(facts, missing)
        if not shadows and not shadow_failures:
            return found
        return msgspec.structs.replace(found, shadows=shadows, shadow_failures=shadow_failures)

    def _first(self, facts: Facts, missing: str) -> Evaluation:
        """A rule that fails before one matches may have been the one: then nobody can know."""
        for number, (rule, condition) in enumerate(self._enforced):
            try:
                holds = condition.holds(facts)
            except ConditionFailure as exc:
                return Evaluation(point=self._point, failure=Failure(rule=rule, reason=missing or str(exc)))
            if holds:
                tied = self._tied(number, facts) if self._point.strategy == "priority" else ()
                return Evaluation(point=self._point, choice=rule.then, rule=rule, tied=tied)
        return Evaluation(point=self._point, choice=self._point.default)

    def _tied(self, winner: int, facts: Facts) -> Sequence[Rule]:
        """The first in the file has won already, so one that fails changes nothing."""
        priority = self._enforced[winner][0].priority
        others = [one for one in self._enforced[winner + 1 :] if one[0].priority == priority]
        return _matching(others, facts, "")[0]

    def in_the_shadow(self, facts: Facts, decision: Decision, missing: str) -> Evaluation | None:
        asked = [one for one in self._shadows if is_of(one[0], decision) or not names_rule(decision)]
        if not asked:
            return None
        for rule, condition in asked:
            try:
                if condition.holds(facts):
                    return Evaluation(point=self._point, choice=rule.then, rule=rule)
            except ConditionFailure as exc:
                return Evaluation(point=self._point, failure=Failure(rule=rule, reason=missing or str(exc)))
        return Evaluation(point=self._point)

    def fail_at_first(self, reason: str) -> Evaluation:
        """Nothing can be evaluated."""
        first = [*self._enforced, *self._shadows][:1]
        if not first:
            return Evaluation(point=self._point, choice=self._point.default)
        return Evaluation(point=self._point, failure=Failure(rule=first[0][0], reason=reason))


def names_rule(decision: Decision) -> bool:
    """Whether it was recorded which rule decided."""
    return bool(decision.rule_id or decision.rule_name)


def is_of(rule: Rule, decision: Decision) -> bool:
    """Whether the recorded decision is by this rule: by its id, or by its name when no id was recorded."""
    if decision.rule_id:
        return decision.rule_id == rule.id
    return bool(decision.rule_name) and decision.rule_name == rule.name


def _matching(
    asked: Sequence[tuple[Rule, Condition]], facts: Facts, missing: str
) -> tuple[Sequence[Rule], Sequence[Failure]]:
    matching: list[Rule] = []
    failures: list[Failure] = []
    for rule, condition in asked:
        try:
            if condition.holds(facts):
                matching.append(rule)
        except ConditionFailure as exc:
            failures.append(Failure(rule=rule, reason=missing or str(exc)))
    return matching, failures
