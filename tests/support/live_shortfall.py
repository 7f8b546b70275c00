"""What real instrumentations leave out or get wrong, so that no mapper can know better: held to what the recordings show.

Each is of some pairs, of some fields of their interactions (as ``tests.support.live_truth`` names them), and of some calls.
``text`` is its line in docs/conventions-live.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tests.support.live_pair import PAIRS, Pair
from tests.support.live_truth import compare
from tests.support.served_call import ModelCall
from tracedata import Interaction


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """``of`` says which calls suffer from it."""

    pairs: tuple[str, ...]
    fields: tuple[str, ...]
    of: Callable[[ModelCall], bool]
    text: str


def _is_reasoning_stream(call: ModelCall) -> bool:
    return call.is_streaming and call.reasoning > 0


def _is_embedding(call: ModelCall) -> bool:
    return call.operation == "embedding"


def _is_failure(call: ModelCall) -> bool:
    return call.error_class != ""


def _is_stream(call: ModelCall) -> bool:
    return call.is_streaming


def _is_response_stream(call: ModelCall) -> bool:
    return call.is_streaming and call.path == "/v1/responses"


SHORTFALLS: tuple[Shortfall, ...] = (
    Shortfall(
        pairs=("openllmetry-openai",),
        fields=("reasoning", "output"),
        of=_is_reasoning_stream,
        text="Streams lose the count of reasoning tokens: they are counted as output, so the cost is right.",
    ),
    Shortfall(
        pairs=("openllmetry-openai",),
        fields=("first token",),
        of=_is_response_stream,
        text="Streams of the Responses API have no event for their first chunk.",
    ),
    Shortfall(
        pairs=("genai-openai",),
        fields=("prompt",),
        of=_is_embedding,
        text="Embeddings lack what was embedded, with content on too.",
    ),
    Shortfall(
        pairs=("pydantic-ai",),
        fields=("prompt",),
        of=_is_failure,
        text="Failed requests lack their messages; those of the agent around them are whole.",
    ),
    Shortfall(
        pairs=("litellm",),
        fields=("model_served",),
        of=_is_stream,
        text="Streams say that the model that was asked for has answered.",
    ),
    Shortfall(
        pairs=("litellm",),
        fields=("first token",),
        of=_is_stream,
        text="Streams do not say when their first chunk came.",
    ),
)


def faults(pair: Pair, calls: Sequence[ModelCall], interactions: Sequence[Interaction]) -> list[str]:
    """All that is wrong with the interactions that were made of what a pair told, and that it did tell; what it ought to
    fall short of, but does not, is wrong too.
    """
    comparison = compare(calls, interactions)
    known = {
        (call.number, field)
        for shortfall in SHORTFALLS
        if pair.name in shortfall.pairs
        for call in calls
        if shortfall.of(call)
        for field in shortfall.fields
    }
    found = comparison.differences
    return [
        *comparison.problems,
        *(
            f"call {place[0]}, {place[1]}: {said[0]!r} is {said[1]!r}"
            for place, said in found.items()
            if place not in known
        ),
        *(f"call {place[0]}, {place[1]}: is right, after all" for place in sorted(known - found.keys())),
    ]


TABLE_HEAD = "| pair | fields | what happens |\n| --- | --- | --- |\n"


def table() -> str:
    """The shortfalls as a table in Markdown, in the order of the pairs."""
    return TABLE_HEAD + "\n".join(
        f"| {pair.name} | {', '.join(shortfall.fields)} | {shortfall.text} |"
        for pair in PAIRS
        for shortfall in SHORTFALLS
        if pair.name in shortfall.pairs
    )
