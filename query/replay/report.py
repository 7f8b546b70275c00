"""What a replay tells. Times are ISO-8601 in UTC; costs are in the currency that is named, latencies in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Basis: TypeAlias = Literal["recorded", "unknown", "other"]


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class ReplayedDecision(_Json, frozen=True, kw_only=True):
    """One decision with both outcomes."""

    trace_id: str
    decision_id: str
    time: str
    type: str
    component: str
    verdict: str
    recorded: Annotated[str | None, Meta(description="The recorded choice in a word; null when it cannot be read.")]
    recorded_rule: Annotated[str | None, Meta(description="The rule that was recorded: its id, or else its name.")]
    replayed: Annotated[str | None, Meta(description="What the rule set decides; null when it decides nothing.")]
    replayed_rule: Annotated[str | None, Meta(description="The rule that decides, or that failed; null: the default.")]
    reason: Annotated[str | None, Meta(description="Why the rule could not be evaluated.")]
    input: Annotated[str, Meta(description="The recorded input as JSON, cut to 300 characters.")]


class PointReport(_Json, frozen=True, kw_only=True):
    """What became of the decisions of one point."""

    type: str
    component: str
    decisions: int
    verdicts: Mapping[str, int]


class RuleReport(_Json, frozen=True, kw_only=True):
    """How often a rule decided, and failed. Of a shadow rule: how often it matched, and would have decided otherwise."""

    type: str
    component: str
    rule: str
    enforced: bool
    decided: int
    differing: int
    failed: int


class FlipReport(_Json, frozen=True, kw_only=True):
    """Decisions of a point that went from one choice to another."""

    type: str
    component: str
    recorded: str
    replayed: str
    count: int
    examples: Sequence[ReplayedDecision]


class FailureReport(_Json, frozen=True, kw_only=True):
    """Decisions over which a rule could not be evaluated, for one reason."""

    type: str
    component: str
    rule: str
    reason: str
    count: int
    examples: Sequence[ReplayedDecision]


class TieReport(_Json, frozen=True, kw_only=True):
    """Decisions for which several rules of the highest priority match. The first one decided."""

    type: str
    component: str
    rules: Sequence[str]
    count: int


class Unexplained(_Json, frozen=True, kw_only=True):
    """Decisions that this rule set took, by what was recorded, and that it does not reproduce."""

    basis: Annotated[
        Basis,
        Meta(
            description="recorded: decisions name the version of this rule set. unknown: no decision names a version, so "
            "each is held to be one of it. other: decisions name other versions only, so none is."
        ),
    ]
    count: int
    examples: Sequence[ReplayedDecision]


class SelectionReport(_Json, frozen=True, kw_only=True):
    """What was replayed."""

    read: Annotated[int, Meta(description="Decisions that the filters let through.")]
    replayed: Annotated[int, Meta(description="Those on which the condition holds, or all without one.")]
    undecidable: Annotated[int, Meta(description="Those over which the condition could not be evaluated.")]
    reasons: Annotated[Mapping[str, int], Meta(description="Why it could not.")]
    without_input: Annotated[int, Meta(description="Replayed decisions whose input was not recorded.")]


class Estimated(_Json, frozen=True, kw_only=True):
    """A number with the ends of its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


class Change(_Json, frozen=True, kw_only=True):
    """An estimated change, over ``flips`` decisions that flip between models that were both observed."""

    flips: int
    per_decision: Estimated
    total: Estimated


class CostChange(Change, frozen=True, kw_only=True):
    """An estimated change of costs in a currency."""

    currency: str


class ModelReport(_Json, frozen=True, kw_only=True):
    """A model that was recorded or replayed as a choice, and what was observed of it for an operation."""

    provider: str
    model: str
    operation: str
    recorded: Annotated[int, Meta(description="Decisions that had chosen it.")]
    replayed: Annotated[int, Meta(description="Decisions that would choose it.")]
    calls: Annotated[int, Meta(description="Observed calls; 0: nothing is known of it.")]
    error_rate: Estimated | None
    latency_ms: Annotated[Estimated | None, Meta(description="The mean of calls that succeeded.")]
    cost: Annotated[Estimated | None, Meta(description="The mean of calls whose cost is known.")]
    currency: str


class Overlap(_Json, frozen=True, kw_only=True):
    """How much of what would be chosen was observed at all."""

    routed: Annotated[int, Meta(description="Decisions for which the rule set chooses a model.")]
    observed: Annotated[
        int, Meta(description="Those whose model was called in the same window for the same operation.")
    ]
    flips: Annotated[int, Meta(description="Decisions that flip from one model to another.")]
    flips_observed: Annotated[int, Meta(description="Those of which both models were called.")]
    without_observations: Annotated[Sequence[str], Meta(description="Chosen models of which no call was observed.")]
    other_flips: Annotated[int, Meta(description="Flips that are not between models; nothing is estimated for them.")]


class Estimates(_Json, frozen=True, kw_only=True):
    """What the flips between models would change, if calls went as those that were observed. See docs/replay.md."""

    overlap: Overlap
    cost: Sequence[CostChange]
    latency_ms: Change | None
    error_rate: Change | None
    models: Sequence[ModelReport]


class ReplayReport(_Json, frozen=True, kw_only=True):
    """What would have been decided under a rule set."""

    name: str
    version: str
    start: str
    end: str
    selection: SelectionReport
    verdicts: Mapping[str, int]
    points: Sequence[PointReport]
    flips: Sequence[FlipReport]
    flips_not_listed: int
    failures: Sequence[FailureReport]
    failures_not_listed: int
    ties: Sequence[TieReport]
    rules: Sequence[RuleReport]
    unexplained: Unexplained
    estimates: Estimates
