"""The rules that the simulated gateway decides by: what rules.yaml says, in Python. A test holds the two together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VERSION = "3"
SMALL_MODEL = {"provider": "openai", "model": "gpt-4o-mini"}
SIMILARITY_NEEDED = 0.92
_LOOSER_SIMILARITY = 0.8
# Requests of a tier are spread over a hundred buckets, of which these go to the first provider.
FIRST_BUCKETS = 60
_SHORTEST_TOKENS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the gateway's configuration."""

    rule_id: str
    name: str
    version: str = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the rules say: the result, in a word too, by which rule (None: by default), and why."""

    result: Mapping[str, object]
    outcome: str
    reasoning: str
    rule: Rule | None = None


_CARDS = Rule(rule_id="r-04", name="no-payment-cards-in-prompts")
_FLAGGED = Rule(rule_id="r-05", name="no-flagged-prompts")
_ALLOWED = Rule(rule_id="r-09", name="allow-the-rest")
_SIMILAR = Rule(rule_id="r-10", name="similar-enough")
_LOOSER = Rule(rule_id="r-11", name="looser-similarity")
_OVER = Rule(rule_id="r-50", name="over-the-monthly-limit")
_KNOWN_TOOL = Rule(rule_id="r-60", name="known-tools")
_FREE = Rule(rule_id="r-40", name="free-plan-small-model")
_FALLBACKS = {
    "small": Rule(rule_id="r-30", name="small-elsewhere-when-openai-is-down"),
    "large": Rule(rule_id="r-31", name="large-elsewhere-when-anthropic-is-down"),
}
_REASONING = Rule(rule_id="r-25", name="reasoning-model")
_FIRST = {
    "small": Rule(rule_id="r-17", name="short-prompt-small-model"),
    "large": Rule(rule_id="r-21", name="large-model"),
}
_SECOND = {
    "small": Rule(rule_id="r-18", name="small-model-elsewhere"),
    "large": Rule(rule_id="r-22", name="large-model-elsewhere"),
}
_TYING = "r-19"


def screened(*, card_numbers: int, is_moderated: bool) -> Ruling:
    """Whether a prompt may pass. A rule that fails decides nothing: the gateway goes on, and says so."""
    if card_numbers:
        return Ruling(
            result={"allow": False},
            outcome="deny",
            reasoning="the prompt looks like it holds a payment card",
            rule=_CARDS,
        )
    if not is_moderated:
        return Ruling(
            result={"allow": True},
            outcome="error",
            reasoning="r-05 could not be evaluated: the input has no field moderation; the gateway goes on",
            rule=_FLAGGED,
        )
    return Ruling(result={"allow": True}, outcome="allow", reasoning="no payment card in the prompt", rule=_ALLOWED)


def looked_up(similarity: float) -> tuple[Ruling, Ruling | None]:
    """Whether an answer of the cache is used, and what a looser rule would have done, if anything."""
    if similarity >= SIMILARITY_NEEDED:
        ruling = Ruling(
            result={"hit": True}, outcome="hit", reasoning="a like question was answered before", rule=_SIMILAR
        )
    else:
        ruling = Ruling(result={"hit": False}, outcome="miss", reasoning="nothing similar enough is cached")
    shadow = Ruling(result={"hit": True}, outcome="hit", reasoning="at least 0.8 alike", rule=_LOOSER)
    return ruling, shadow if similarity >= _LOOSER_SIMILARITY else None


def within_budget(*, spent: float, limit: float) -> Ruling:
    """Whether the organization may spend more."""
    if spent > limit:
        return Ruling(result={"allow": False}, outcome="exceeded", reasoning="the monthly limit is used up", rule=_OVER)
    return Ruling(result={"allow": True}, outcome="within", reasoning="below the monthly limit")


def routing_rule(*, tier: str, bucket: int, has_fallen_back: bool) -> Rule:
    """The rule that chooses a model for a request."""
    if has_fallen_back:
        return _FALLBACKS[tier]
    if tier == "reasoning":
        return _REASONING
    return (_FIRST if bucket < FIRST_BUCKETS else _SECOND)[tier]


def tie(rule: Rule, *, tier: str, prompt_tokens: int) -> str:
    """The id of the rule of the same priority that matches too; empty when none does. The first in the file wins."""
    is_asked = tier == "small" and rule is not _FALLBACKS["small"]
    return _TYING if is_asked and prompt_tokens < _SHORTEST_TOKENS else ""


def saved(*, plan: str, tier: str) -> Ruling | None:
    """What the shadow rule for free plans would have chosen, if anything."""
    if plan != "free" or tier != "large":
        return None
    return Ruling(
        result=SMALL_MODEL, outcome="selected", reasoning="a small model would do for a free plan", rule=_FREE
    )


def permitted(tool: str) -> Ruling:
    """Whether an agent may call a tool."""
    return Ruling(result={"allow": True}, outcome="allow", reasoning=f"{tool} is known", rule=_KNOWN_TOOL)
