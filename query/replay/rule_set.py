"""A rule set: which decisions it decides, by which rules, in which order.

Source: docs/replay.md. Conditions are texts here; ``query.replay.evaluation`` compiles them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from tracedata.decision import DecisionType

Strategy: TypeAlias = Literal["first_match", "priority"]
ActionKind: TypeAlias = Literal["route", "allow", "deny", "cache", "budget"]

# What decides what.
ACTIONS: Mapping[DecisionType, tuple[ActionKind, ...]] = {
    "rule_evaluation": ("allow", "deny"),
    "model_selection": ("route",),
    "cache_decision": ("cache",),
    "budget_check": ("budget",),
    "other": ("route", "allow", "deny", "cache", "budget"),
}
SELECTED = "selected"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, decided. ``provider`` and ``model`` belong to a route; a model may stand alone."""

    outcome: str
    provider: str = ""
    model: str = ""

    @property
    def label(self) -> str:
        """The choice in a word."""
        if not self.model:
            return self.outcome
        return f"{self.provider}/{self.model}" if self.provider else self.model

    def is_like(self, other: Choice) -> bool:
        """Whether both are the same as far as both say: a provider that is not named may be any."""
        if self.provider and other.provider and self.provider != other.provider:
            return False
        return (self.outcome, self.model) == (other.outcome, other.model)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. ``is_enforced`` is False for a shadow rule, which never decides for the others."""

    id: str
    when: str
    action: ActionKind
    then: Choice
    name: str = ""
    reason: str = ""
    priority: int = 0
    is_enforced: bool = True


class DecisionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of a type that a component takes, and the rules for them in the order of the file."""

    type: DecisionType
    component: str
    strategy: Strategy = "first_match"
    rules: tuple[Rule, ...] = ()
    default: Choice | None = None

    @property
    def name(self) -> str:
        """The point in a word."""
        return f"{self.type} {self.component}"


class RuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """Rules with a name and a version. No two points have the same type and component."""

    name: str
    version: str
    points: tuple[DecisionPoint, ...]
