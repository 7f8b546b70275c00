"""The JSON of AI interactions and sessions as types: the fields of document 1, and what more is known.

Times are ISO-8601 in UTC with nine fraction digits; durations are milliseconds. What nobody told is null, or left out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.schema import ErrorDetails, Milliseconds, NextCursor, SpanId, Time, TraceId

Tokens: TypeAlias = Annotated[int | None, Meta(description="Tokens; null when nobody told.", examples=[1250])]
Amount: TypeAlias = Annotated[float | None, Meta(description="null when nobody knows.", examples=[0.0725])]
InteractionId: TypeAlias = Annotated[
    str,
    Meta(
        description="Trace id and span id of the span that tells most of the call, in hex, with a hyphen between them.",
        examples=["5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174"],
    ),
]


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class TokenUsage(_Json, frozen=True, kw_only=True):
    """Tokens in buckets that never overlap."""

    input: Annotated[Tokens, Meta(description="Neither from a cache, nor written to one, nor audio.")]
    cache_read: Tokens
    cache_write: Tokens
    cache_write5m: Annotated[Tokens, Meta(description="The part of cacheWrite that is kept for five minutes.")] = (
        msgspec.field(name="cacheWrite5m")
    )
    cache_write1h: Annotated[Tokens, Meta(description="The part of cacheWrite that is kept for an hour.")] = (
        msgspec.field(name="cacheWrite1h")
    )
    audio_input: Tokens
    output: Annotated[Tokens, Meta(description="Neither reasoning nor audio.")]
    reasoning: Tokens
    audio_output: Tokens
    is_estimated: Annotated[bool, Meta(description="Counted from the text, not reported.")]


class Interaction(_Json, frozen=True, kw_only=True):
    """One call of a model, or an agent, a tool, a workflow around such calls."""

    id: InteractionId
    request_id: str | UnsetType = UNSET
    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None
    timestamp: Annotated[Time, Meta(description="The same as startTime.")]
    user_id: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    organization_id: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    service: str
    operation: Annotated[str, Meta(examples=["chat"])]
    name: str
    provider: str
    model: Annotated[str, Meta(description="The model that answered, or that was asked for.")]
    model_requested: str | UnsetType = UNSET
    model_served: str | UnsetType = UNSET
    model_family: str | UnsetType = UNSET
    response_id: str | UnsetType = UNSET
    prompt_tokens: Annotated[Tokens, Meta(description="All input, that from a cache included.")]
    response_tokens: Annotated[Tokens, Meta(description="All output, reasoning included.")]
    total_tokens: Tokens
    usage: TokenUsage
    start_time: Time
    end_time: Time
    latency_ms: Milliseconds
    time_to_first_token: Annotated[float | None, Meta(description="Milliseconds.", examples=[800.0])]
    tokens_per_second: float | None
    is_streaming: bool | None
    prompt: Annotated[
        str, Meta(description="What is new in the input: what came after the last answer. Cut in lists and in hits.")
    ]
    response: str
    tool_calls: Annotated[Sequence[str], Meta(description="The names of the tools that the answer calls.")]
    cost: Amount
    currency: str
    cost_source: Annotated[
        str, Meta(description="reported:KEY, computed:VERSION of the price data, estimated:VERSION, or empty.")
    ]
    is_cost_discrepant: Annotated[
        bool, Meta(description="The reported and the computed cost differ by more than a hundredth.")
    ]
    finish_reason: str
    status: Literal["success", "error", "timeout"]
    error_class: str | UnsetType = UNSET
    error_details: ErrorDetails | UnsetType = UNSET
    tags: Sequence[str]
    endpoint: str | UnsetType = UNSET
    convention: str
    mapper_version: int


class InteractionList(_Json, frozen=True, kw_only=True):
    """A page of interactions, newest first."""

    items: Sequence[Interaction]
    next_cursor: NextCursor


class MessagePart(_Json, frozen=True, kw_only=True):
    """A part of a message."""

    type: Annotated[
        str, Meta(description="text, reasoning, tool_call, tool_call_response, blob, uri, file, or as sent.")
    ]
    text: Annotated[str, Meta(description="Its text, arguments or result.")]
    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    # ``Any``: msgspec has no schema for ``object``.
    data: Annotated[Mapping[str, Any], Meta(description="The part as it came.")] | UnsetType = UNSET


class Message(_Json, frozen=True, kw_only=True):
    """A message to or from a model."""

    role: Annotated[str, Meta(description="system, user, assistant, tool, or as sent.")]
    parts: Sequence[MessagePart]
    name: str | UnsetType = UNSET
    finish_reason: str | UnsetType = UNSET


class Messages(_Json, frozen=True, kw_only=True):
    """What was said."""

    input: Sequence[Message]
    output: Sequence[Message]
    tools: Annotated[Sequence[Mapping[str, Any]], Meta(description="The tools that the model was offered.")]
    source: Annotated[
        Literal["spans", "texts"],
        Meta(
            description="texts: the spans are gone or hold no messages; these are the new prompt and the answer alone."
        ),
    ]


class CostLine(_Json, frozen=True, kw_only=True):
    """A bucket's part of the cost. Numbers as text, so that nothing is rounded."""

    bucket: Annotated[str, Meta(examples=["input"])]
    tokens: int
    per_million: Annotated[str, Meta(examples=["2.5"])]
    amount: Annotated[str, Meta(examples=["0.0025"])]


class CostExplanation(_Json, frozen=True, kw_only=True):
    """How the cost came about."""

    amount: Amount
    currency: str
    source: str
    computed: Annotated[Amount, Meta(description="What the price data say, also when a reported amount counts.")]
    computed_by: Annotated[
        str,
        Meta(description="computed:VERSION or estimated:VERSION, where source names what was reported; else empty."),
    ]
    is_discrepant: bool
    price: Annotated[str, Meta(description="The provider and the model whose prices were taken.")]
    lines: Sequence[CostLine]


class RelatedSpan(_Json, frozen=True, kw_only=True):
    """A span near the interaction."""

    relation: Annotated[Literal["source", "parent", "child"], Meta(description="source: it told of the call.")]
    trace_id: TraceId
    span_id: SpanId
    parent_span_id: SpanId | None
    name: str
    component: Annotated[str, Meta(description="The service.")]
    start_time: Time
    duration: Milliseconds
    status: Literal["success", "error"]
    convention: str | UnsetType = UNSET


class ReportedUsage(_Json, frozen=True, kw_only=True):
    """Tokens as they were reported."""

    input: Tokens
    output: Tokens
    basis: Annotated[str, Meta(description="inclusive: the input counts what came from or went into a cache.")]
    aggregate: Annotated[
        TokenUsage | None,
        Meta(description="Of an agent or a workflow: what it said of the calls inside it. Never summed."),
    ]


class InteractionDetail(Interaction, frozen=True, kw_only=True):
    """One interaction with its messages, its parameters, its cost line by line, and the spans around it."""

    messages: Messages
    parameters: Mapping[str, Any]
    cost_explanation: CostExplanation
    reported_usage: ReportedUsage
    related_spans: Sequence[RelatedSpan]


class Fragment(_Json, frozen=True, kw_only=True):
    """A piece of a snippet."""

    text: str
    is_match: bool


class Highlights(_Json, frozen=True, kw_only=True):
    """Where the words were found; nothing where none was."""

    prompt: Sequence[Fragment]
    response: Sequence[Fragment]


class Hit(_Json, frozen=True, kw_only=True):
    """An interaction that was found."""

    rank: float
    highlights: Highlights
    interaction: Interaction


class HitList(_Json, frozen=True, kw_only=True):
    """A page of hits, best first."""

    items: Sequence[Hit]
    next_cursor: NextCursor
    truncated: Annotated[bool, Meta(description="There were too many matches: the newest 2,000 were ranked.")]


class Percentiles(_Json, frozen=True, kw_only=True):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class Money(_Json, frozen=True, kw_only=True):
    """A sum in one currency."""

    currency: str
    amount: float


class Statistics(_Json, frozen=True, kw_only=True):
    """What some interactions amount to."""

    calls: int
    errors: Annotated[int, Meta(description="Those that did not succeed.")]
    timeouts: int
    error_rate: Annotated[float, Meta(description="errors of calls, 0 to 1.")]
    streaming_calls: int
    prompt_tokens: Tokens
    response_tokens: Tokens
    total_tokens: Tokens
    usage: TokenUsage
    cost: Annotated[Amount, Meta(description="null when nothing is known, or when there are several currencies.")]
    currency: str | None
    costs: Sequence[Money]
    priced_calls: Annotated[int, Meta(description="How many calls the costs are of.")]
    latency: Percentiles | None
    time_to_first_token: Percentiles | None
    tokens_per_second: Annotated[
        float | None, Meta(description="Output by the time that it took to write it, over all calls that tell.")
    ]


class Group(Statistics, frozen=True, kw_only=True):
    """The statistics of one group."""

    key: Annotated[Mapping[str, str], Meta(description="A value for each dimension of by; empty when nobody told.")]
    bucket_start: Annotated[Time | None, Meta(description="null without a bucket.")]


class InteractionStatistics(_Json, frozen=True, kw_only=True):
    """Groups by time bucket, then by calls, most first."""

    items: Sequence[Group]
    next_cursor: None
    start: Time
    end: Time
    truncated: Annotated[bool, Meta(description="There are more groups than limit.")]


class ModelPerformance(Statistics, frozen=True, kw_only=True):
    """How a model of a provider did."""

    provider: str
    model: str
    cost_per_call: Annotated[Amount, Meta(description="Over the calls whose cost is known.")]
    tokens_per_call: float | None


class ModelList(_Json, frozen=True, kw_only=True):
    """Models side by side, those with most calls first."""

    items: Sequence[ModelPerformance]
    next_cursor: None
    start: Time
    end: Time
    truncated: bool


class Session(_Json, frozen=True, kw_only=True):
    """A session: the calls that name it."""

    id: str
    start_time: Time
    end_time: Time
    duration: Milliseconds
    calls: int
    errors: int
    traces: int
    prompt_tokens: Tokens
    response_tokens: Tokens
    total_tokens: Tokens
    usage: TokenUsage
    cost: Amount
    currency: str | None
    costs: Sequence[Money]
    users: Sequence[str]
    agents: Sequence[str]
    models: Sequence[str]
    services: Sequence[str]


class SessionList(_Json, frozen=True, kw_only=True):
    """A page of sessions, the latest first."""

    items: Sequence[Session]
    next_cursor: NextCursor


class Turn(_Json, frozen=True, kw_only=True):
    """One call of a session: what was new in it, and what was answered."""

    interaction: Interaction
    messages: Annotated[
        Sequence[Message], Meta(description="What came after the answer before, then the answer, in order.")
    ]


class SessionDetail(Session, frozen=True, kw_only=True):
    """A session as a conversation, oldest first."""

    turns: Sequence[Turn]
    next_cursor: NextCursor


class FieldError(_Json, frozen=True, kw_only=True):
    """What is wrong with one field."""

    field: Annotated[str, Meta(examples=["promptTokens"])]
    detail: str


class SubmittedInteraction(_Json, frozen=True, kw_only=True):
    """What became of one submitted interaction, in the order of the request."""

    index: int
    id: Annotated[str | None, Meta(description="The id that the sender gave.")]
    status: Annotated[
        Literal["stored", "known", "rejected"],
        Meta(description="known: an interaction with this id was stored before; nothing was stored now."),
    ]
    interaction_id: InteractionId | None
    trace_id: TraceId | None
    span_id: SpanId | None
    errors: Sequence[FieldError]


class Submission(_Json, frozen=True, kw_only=True):
    """What became of submitted interactions. Those that are stored are durable."""

    accepted: int
    rejected: int
    items: Sequence[SubmittedInteraction]


INTERACTION_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    InteractionList,
    InteractionDetail,
    HitList,
    InteractionStatistics,
    ModelList,
    SessionList,
    SessionDetail,
    Submission,
)
