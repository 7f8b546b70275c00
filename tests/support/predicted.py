"""What docs/replay.md says would flip under docs/rules/relaycore-4.yaml, in plain Python, from what was recorded alone.

Nothing of the product is used: neither CEL nor the rules of the demo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# Component, from, to.
Flip = tuple[str, str, str]

_SMALL = "openai/gpt-4o-mini"


def predicted_flip(component: str, facts: Mapping[str, Any], output: Mapping[str, Any]) -> Flip | None:
    """The flip of one enforced decision, from its input and its output."""
    if component == "semantic_cache" and facts["similarity"] >= 0.8 and not output["hit"]:
        return component, "miss", "hit"
    if component == "router" and facts["tier"] == "large" and facts["plan"] == "free":
        # When Anthropic does not answer, the fallback still comes first.
        chosen = f"{output['provider']}/{output['model']}"
        if "anthropic" not in facts["unavailable"] and chosen != _SMALL:
            return component, chosen, _SMALL
    return None


def predicted_flips(decisions: Iterable[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> Counter[Flip]:
    """The flips of many, counted."""
    return Counter(flip for one in decisions if (flip := predicted_flip(*one)) is not None)
