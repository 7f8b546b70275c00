"""One call of a model as the field's conventions tell of it: one call, one interaction, however many libraries reported it.

Source: DESIGN, "AI interaction"; docs/conventions.md says where each field comes from. ``None`` and the empty string mean that
nobody said: zero is not unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

OperationName: TypeAlias = Literal[
    "chat",
    "completion",
    "embedding",
    "tool",
    "agent",
    "workflow",
    "retriever",
    "rerank",
    "guardrail",
    "evaluator",
    "decision",
    "memory",
    "other",
]
# What calls a model, and so has usage and cost of its own. Everything else is what calls are made in.
MODEL_OPERATIONS: frozenset[OperationName] = frozenset({"chat", "completion", "embedding", "rerank", "decision"})

Basis: TypeAlias = Literal["", "inclusive", "exclusive"]
InteractionStatus: TypeAlias = Literal["success", "error", "timeout"]
FinishReason: TypeAlias = Literal["", "stop", "tool_call", "length", "content_filter", "error", "other"]
ErrorClass: TypeAlias = Literal[
    "",
    "rate_limit",
    "auth",
    "not_found",
    "invalid_request",
    "timeout",
    "content_filter",
    "server",
    "cancelled",
    "other",
]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens in buckets that never overlap. A bucket that nobody told of is None.

    ``cache_write`` holds all tokens written to a cache; ``cache_write_5m`` and ``cache_write_1h`` are the parts of it whose
    lifetime is known. ``reported_input`` and ``reported_output`` are the numbers as they came, ``basis`` says whether that input
    counted what came from or went into a cache. ``is_estimated``: counted from the text, not reported.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_5m: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_output: int | None = None
    reported_input: int | None = None
    reported_output: int | None = None
    basis: Basis = ""
    is_estimated: bool = False

    @property
    def input_total(self) -> int | None:
        return _sum(self.input, self.cache_read, self.cache_write, self.audio_input)

    @property
    def output_total(self) -> int | None:
        return _sum(self.output, self.reasoning, self.audio_output)

    @property
    def total(self) -> int | None:
        return _sum(self.input_total, self.output_total)


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


NO_USAGE = Usage()


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket's part of a cost: ``tokens`` at ``per_million`` make ``amount``. Decimal numbers as text, so nothing is rounded."""

    bucket: str
    tokens: int
    per_million: str
    amount: str


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a call cost, in ``currency``; ``amount`` is None when nobody knows.

    ``source`` is ``reported:KEY`` (the attribute that said so), ``computed:VERSION`` (of the price data), ``estimated:VERSION`` (from
    estimated tokens), or empty. ``computed`` is what the price data say, also when a reported amount counts; ``is_discrepant``:
    the two differ by more than a hundredth. ``computed_by`` is the source that ``computed`` would have beside a reported amount, with the
    version of the price data. ``price`` names the provider and the model whose prices were taken.
    """

    amount: float | None = None
    currency: str = "USD"
    source: str = ""
    computed: float | None = None
    is_discrepant: bool = False
    computed_by: str = ""
    price: str = ""
    lines: Sequence[CostLine] = ()


NO_COST = Cost()


class SpanReference(msgspec.Struct, frozen=True, kw_only=True):
    """A span, or the place that a log record names, that told something of a call. ``start_time_unix_nano`` finds its partition."""

    trace_id: bytes
    span_id: bytes
    start_time_unix_nano: int
    convention: str


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of an AI application: a model call, or an agent, tool, workflow, ... around such calls.

    ``span_id`` is that of the richest span that told of it, the primary one; what is told by log records alone, without a span, has
    an id made from what they say. ``sources`` are all that told of it, the primary one first. Only operations in ``MODEL_OPERATIONS``
    have usage and cost, so sums never count anything twice; what others reported is in ``reported_aggregate``, and is their usage only
    where nobody told of the calls that it sums up.

    Times are nanoseconds. ``prompt`` is the new part of the input as text: what came after the last answer of the model;
    ``response`` is the output as text. Both are cut at ``MAX_TEXT_CHARS``. Whole messages are read from the sources by the same mapper.
    """

    trace_id: bytes
    span_id: bytes
    start_time_unix_nano: int
    end_time_unix_nano: int
    operation: OperationName
    name: str = ""
    service_name: str = ""
    parent_span_id: bytes = b""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    model_family: str = ""
    response_id: str = ""
    request_id: str = ""
    user_id: str = ""
    session_id: str = ""
    organization_id: str = ""
    agent: str = ""
    is_streaming: bool | None = None
    time_to_first_token_ns: int | None = None
    usage: Usage = NO_USAGE
    reported_aggregate: Usage | None = None
    cost: Cost = NO_COST
    finish_reason: FinishReason = ""
    status: InteractionStatus = "success"
    error_class: ErrorClass = ""
    error_type: str = ""
    error_message: str = ""
    parameters: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])
    tags: Sequence[str] = ()
    prompt: str = ""
    response: str = ""
    tool_calls: Sequence[str] = ()
    endpoint: str = ""
    convention: str = ""
    mapper_version: int = 0
    sources: Sequence[SpanReference] = ()

    @property
    def model(self) -> str:
        """The model that answered, or that was asked for."""
        return self.model_served or self.model_requested

    @property
    def latency_ns(self) -> int:
        return self.end_time_unix_nano - self.start_time_unix_nano

    @property
    def tokens_per_second(self) -> float | None:
        """Output by the time that it took to write it: from the first token on where that is known."""
        output = self.usage.output_total
        duration = self.latency_ns - (self.time_to_first_token_ns or 0)
        return output * 1e9 / duration if output and duration > 0 else None


MAX_TEXT_CHARS = 16_000
"""Characters of ``prompt`` and ``response`` that are kept."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message. ``type`` is text, reasoning, tool_call, tool_call_response, blob, uri, file, or what the sender said.

    ``text`` is its text, arguments, or result; ``data`` is the part as it came, without base64 content.
    """

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    data: Mapping[str, object] = msgspec.field(default_factory=dict[str, object])


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to or from a model. ``role`` is system, user, assistant, tool, or what the sender said."""

    role: str
    parts: Sequence[Part] = ()
    name: str = ""
    finish_reason: str = ""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What an interaction said: the messages that went in, those that came out, and the tools that the model was offered."""

    input: Sequence[Message] = ()
    output: Sequence[Message] = ()
    tools: Sequence[Mapping[str, object]] = ()
