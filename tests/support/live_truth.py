"""What the models knew of their calls, held against the interactions that were made of what instrumentations told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from tests.support.served_call import ModelCall
from tracedata.interaction import MODEL_OPERATIONS, NO_USAGE, Conversation, Interaction, Message

# US dollars for a million tokens, from the companies' pages of prices: input, from the cache, into the cache for five
# minutes and for an hour, output.
_PRICES: Mapping[str, tuple[str, str, str, str, str]] = MappingProxyType(
    {
        "gpt-4o-mini": ("0.15", "0.075", "0", "0", "0.60"),
        "o4-mini": ("1.10", "0.275", "0", "0", "4.40"),
        "text-embedding-3-small": ("0.02", "0", "0", "0", "0"),
        "claude-haiku-4-5": ("1.00", "0.10", "1.25", "2.00", "5.00"),
    }
)
# The calls that are made inside a span of the program which says whose they are.
PARALLEL = "All at once."
Difference = tuple[str, object, object]
# What something should say, and what it says.
Said = tuple[object, object]
MESSAGE_FIELDS = frozenset({"last input", "tools", "tool ids"})


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """``problems`` are sentences about calls that are missing or there more than once, and about counts where none belong.

    ``differences`` are what a field should say and what it says, by the number of the call and the field.
    """

    problems: Sequence[str]
    differences: Mapping[tuple[int, str], Said]


def compare(calls: Sequence[ModelCall], interactions: Sequence[Interaction]) -> Comparison:
    """Finds the interaction of each call, by its response id or by time, and compares them."""
    told = [one for one in interactions if one.operation in MODEL_OPERATIONS]
    context = [one for one in interactions if one.operation not in MODEL_OPERATIONS]
    found = [(call, [one for one in told if _is_of(call, one, calls)]) for call in calls]
    of_calls = [one for _, ones in found for one in ones]
    return Comparison(
        problems=[
            *(f"call {call.number} has {len(ones)} interactions" for call, ones in found if len(ones) != 1),
            *(f"{one.name} ({one.convention}) is of no call" for one in told if one not in of_calls),
            *(f"{one.name} ({one.convention}) is no call, but counts" for one in context if _counts(one)),
        ],
        differences={
            (call.number, field): (expected, actual)
            for call, ones in found
            for one in ones[:1]
            for field, expected, actual in _compared(call, one)
            if expected != actual
        },
    )


def _counts(one: Interaction) -> bool:
    return one.usage != NO_USAGE or one.cost.amount is not None


def _is_of(call: ModelCall, one: Interaction, calls: Sequence[ModelCall]) -> bool:
    if one.response_id in {other.response_id for other in calls if other.response_id}:
        return one.response_id == call.response_id
    # Answers without an id are matched by time: such calls are made one after the other.
    is_alike = one.operation == call.operation and _bare(one.model_requested) == call.model_requested
    return is_alike and one.start_time_unix_nano <= call.received_unix_nano <= one.end_time_unix_nano


def _bare(model: str) -> str:
    # LiteLLM calls models by their provider too.
    return model.rpartition("/")[2]


def _compared(call: ModelCall, one: Interaction) -> Iterator[Difference]:
    # A bucket with nothing in it may be zero or unknown.
    is_done = not call.error_class
    status = "success" if is_done else "timeout" if call.error_class == "timeout" else "error"
    yield "operation", call.operation, one.operation
    yield "provider", call.provider, one.provider
    yield "model_requested", call.model_requested, _bare(one.model_requested)
    yield "model_served", call.model_served, one.model_served
    yield "response_id", call.response_id, one.response_id
    yield "status", status, one.status
    yield "error_class", call.error_class, one.error_class
    yield "finish_reason", call.finish_reason, one.finish_reason
    yield "streaming", call.is_streaming, bool(one.is_streaming)
    yield "first token", True, _is_timely(call, one)
    yield from _tokens(call, one)
    yield "cost", _cost(call), None if one.cost.amount is None else round(Decimal(one.cost.amount), 10)
    yield "prompt", call.prompt, one.prompt
    yield "response", call.response, one.response
    yield "tool calls", [tool.name for tool in call.tool_calls], list(one.tool_calls)
    if call.prompt == PARALLEL:
        yield "session", "session-1", one.session_id
        yield "user", "user-1", one.user_id


def _is_timely(call: ModelCall, one: Interaction) -> bool:
    first = one.time_to_first_token_ns
    if not call.first_chunk_after_ns:
        return first is None
    return first is not None and call.first_chunk_after_ns <= first <= one.latency_ns


def _tokens(call: ModelCall, one: Interaction) -> Iterator[Difference]:
    usage = one.usage
    counts = {
        "input": (call.input, usage.input),
        "cache read": (call.cache_read, usage.cache_read),
        "cache write": (call.cache_write_5m + call.cache_write_1h, usage.cache_write),
        "cache write 5m": (call.cache_write_5m, usage.cache_write_5m),
        "cache write 1h": (call.cache_write_1h, usage.cache_write_1h),
        "output": (call.output, usage.output),
        "reasoning": (call.reasoning, usage.reasoning),
    }
    for bucket, (expected, actual) in counts.items():
        if call.has_usage:
            yield bucket, expected, actual or 0
        else:
            # Nobody told the client, so nothing is known.
            yield bucket, None, actual


def _cost(call: ModelCall) -> Decimal | None:
    if not call.has_usage:
        return None
    tokens = (call.input, call.cache_read, call.cache_write_5m, call.cache_write_1h, call.output + call.reasoning)
    prices = _PRICES[call.model_requested]
    amount = sum(count * Decimal(price) for count, price in zip(tokens, prices, strict=True)) / 1_000_000
    return round(Decimal(amount), 10)


def compare_messages(call: ModelCall, conversation: Conversation) -> Mapping[tuple[int, str], Said]:
    """The differences between what a call said and what is told of it; see ``MESSAGE_FIELDS``."""
    told = list(_tools(conversation.output))
    compared: list[Difference] = [
        ("last input", call.prompt, _text(conversation.input[-1:])),
        ("output", call.response, _text(conversation.output)),
        ("tools", [(tool.name, json.loads(tool.arguments)) for tool in call.tool_calls], [one[1:] for one in told]),
        ("tool ids", [tool.id for tool in call.tool_calls], [one[0] for one in told]),
    ]
    return {(call.number, field): (expected, actual) for field, expected, actual in compared if expected != actual}


def _text(messages: Sequence[Message]) -> str:
    kinds = ("text", "tool_call_response")
    return "".join(part.text for message in messages for part in message.parts if part.type in kinds)


def _tools(messages: Sequence[Message]) -> Iterator[tuple[str, str, object]]:
    for message in messages:
        for part in message.parts:
            if part.type == "tool_call":
                yield part.id, part.name, json.loads(part.text)
