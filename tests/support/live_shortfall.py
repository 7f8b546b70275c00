"""What real instrumentations leave out or get wrong, so that no mapper can know better: held to what the recordings show.

Each is of some pairs, of some fields of their interactions (as ``tests.support.live_truth`` names them), and of some calls.
``text`` is its line in docs/conventions-live.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from tests.support.live_pair import PAIRS, Pair
from tests.support.live_truth import MESSAGE_FIELDS, PARALLEL, Said, compare
from tests.support.served_call import ModelCall
from tracedata import Interaction


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """``of`` says which calls suffer from it; only some of them do, whichever, when it ``is_partial``."""

    pairs: tuple[str, ...]
    fields: tuple[str, ...]
    of: Callable[[ModelCall], bool]
    text: str
    is_partial: bool = False


def _is_reasoning_stream(call: ModelCall) -> bool:
    return call.is_streaming and call.reasoning > 0


def _is_embedding(call: ModelCall) -> bool:
    return call.operation == "embedding"


def _is_failure(call: ModelCall) -> bool:
    return call.error_class != ""


def _is_stream(call: ModelCall) -> bool:
    return call.is_streaming


def _is_parallel(call: ModelCall) -> bool:
    return call.prompt == PARALLEL


def _has_tools(call: ModelCall) -> bool:
    return bool(call.tool_calls)


def _is_response_tool(call: ModelCall) -> bool:
    return bool(call.tool_calls) and call.path == "/v1/responses"


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
    Shortfall(
        pairs=("litellm",),
        fields=("model_requested",),
        of=_is_parallel,
        text="Calls inside a span of the application lose the model that was asked for: the next call overwrites it.",
        is_partial=True,
    ),
    Shortfall(
        pairs=("openllmetry-openai",),
        fields=("tool ids",),
        of=_is_response_tool,
        text="Tool calls of the Responses API have the id of the item, which answers do not refer to.",
    ),
    Shortfall(
        pairs=("litellm",),
        fields=("tool ids",),
        of=_has_tools,
        text="Tool calls have no id.",
    ),
)


def faults(pair: Pair, calls: Sequence[ModelCall], interactions: Sequence[Interaction]) -> list[str]:
    """All that is wrong with the interactions that were made of what a pair told, and that it did tell; what it ought to
    fall short of, but does not, is wrong too.
    """
    comparison = compare(calls, interactions)
    fields = {field for shortfall in SHORTFALLS for field in shortfall.fields} - MESSAGE_FIELDS
    return [*comparison.problems, *unknown(pair, calls, comparison.differences, fields)]


def unknown(
    pair: Pair, calls: Sequence[ModelCall], found: Mapping[tuple[int, str], Said], fields: Collection[str]
) -> list[str]:
    """Differences that are no known shortfall, and shortfalls in ``fields`` that are no difference."""
    allowed = {*_places(pair, calls, SHORTFALLS)}
    required = {*_places(pair, calls, [one for one in SHORTFALLS if not one.is_partial])}
    gone = {place for place in required - found.keys() if place[1] in fields}
    return [
        *(f"call {at[0]}, {at[1]}: {said[0]!r} is {said[1]!r}" for at, said in found.items() if at not in allowed),
        *(f"call {at[0]}, {at[1]}: is right, after all" for at in sorted(gone)),
    ]


def _places(pair: Pair, calls: Sequence[ModelCall], shortfalls: Iterable[Shortfall]) -> Iterator[tuple[int, str]]:
    for shortfall in shortfalls:
        if pair.name in shortfall.pairs:
            yield from ((call.number, field) for call in calls if shortfall.of(call) for field in shortfall.fields)


TABLE_HEAD = "| pair | fields | what happens |\n| --- | --- | --- |\n"


def table() -> str:
    """The shortfalls as a table in Markdown, in the order of the pairs."""
    return TABLE_HEAD + "\n".join(
        f"| {pair.name} | {', '.join(shortfall.fields)} | {shortfall.text} |"
        for pair in PAIRS
        for shortfall in SHORTFALLS
        if pair.name in shortfall.pairs
    )
