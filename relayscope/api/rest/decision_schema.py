"""The JSON of decision traces as types: the fields of document 1, and what more is known.

Times are ISO-8601 in UTC with nine fraction digits; durations are milliseconds. What nobody told is null, or left out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.interaction_schema import Amount, FieldError, InteractionId, Money, Percentiles, Tokens
from relayscope.api.rest.schema import Milliseconds, NextCursor, SpanId, Time, TraceId

DecisionId: TypeAlias = Annotated[str, Meta(description="Unique in its trace.", examples=["01J9ZK3QX8"])]
# ``Any``: msgspec has no schema for ``object``.
Anything: TypeAlias = Annotated[Any, Meta(description="Any JSON value, redacted; null when nobody told.")]


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class FinalOutcome(_Json, frozen=True, kw_only=True):
    """What became of the request."""

    provider: str
    model: str
    status: Annotated[
        str,
        Meta(description="success, fallback_success, served_from_cache, blocked, budget_exceeded, error, or as sent."),
    ]
    is_stated: Annotated[bool, Meta(description="A span says so; otherwise it is that of the primary model call.")]


class Decision(_Json, frozen=True, kw_only=True):
    """One decision, however many carriers told of it."""

    id: DecisionId
    timestamp: Time
    type: Annotated[str, Meta(description="rule_evaluation, model_selection, cache_decision, budget_check or other.")]
    reported_type: Annotated[str, Meta(description="As it came, when it is none of these.")] | UnsetType = UNSET
    component: str
    service: str
    span_id: SpanId | None
    input: Anything
    output: Anything
    reasoning: str | UnsetType = UNSET
    rule_id: str | UnsetType = UNSET
    rule_name: str | UnsetType = UNSET
    rule_version: str | UnsetType = UNSET
    evaluation_time_ms: Annotated[float | None, Meta(description="Milliseconds.", examples=[0.42])]
    outcome: Annotated[str, Meta(description="The verdict, such as allow, deny, selected, hit or exceeded.")]
    is_enforced: Annotated[bool | None, Meta(description="false: a shadow decision, of which nothing followed.")]
    candidates: Sequence[str]
    sequence: int | None
    parent_id: DecisionId | None
    attributes: Annotated[Mapping[str, Any], Meta(description="The convention's other keys, as they came.")]
    carriers: Annotated[Sequence[str], Meta(description="span_event, span, log_record.")]
    convention: str
    mapper_version: int


class _Trace(_Json, frozen=True, kw_only=True):
    """What stands above the decisions of a trace."""

    trace_id: TraceId
    request_id: str | None
    timestamp: Annotated[Time, Meta(description="Of the first decision.")]
    user_id: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    organization_id: str | UnsetType = UNSET
    request_path: str | UnsetType = UNSET
    final_outcome: FinalOutcome


class DecisionTrace(_Trace, frozen=True, kw_only=True):
    """What was decided about a request, in order, and what became of it."""

    decisions: Annotated[Sequence[Decision], Meta(description="In order; the first 100 of a trace.")]
    matched: Annotated[Sequence[DecisionId], Meta(description="The decisions on which the filters hold.")]


class DecisionTraceList(_Json, frozen=True, kw_only=True):
    """A page of decision traces, by each one's newest matching decision, newest first."""

    items: Sequence[DecisionTrace]
    next_cursor: NextCursor


class Alternative(_Json, frozen=True, kw_only=True):
    """A candidate."""

    name: str
    is_selected: Annotated[bool, Meta(description="false: it lost.")]


class DecisionStep(Decision, frozen=True, kw_only=True):
    """A decision as a step of the flow."""

    alternatives: Sequence[Alternative]
    interaction_ids: Annotated[Sequence[InteractionId], Meta(description="The calls of models that it led to.")]


class DecidedInteraction(_Json, frozen=True, kw_only=True):
    """A call of a model in the trace."""

    id: InteractionId
    span_id: SpanId
    operation: str
    provider: str
    model: str
    start_time: Time
    latency_ms: Milliseconds
    total_tokens: Tokens
    cost: Amount
    currency: str
    status: str
    error_class: str | UnsetType = UNSET


class DecisionFlow(_Trace, frozen=True, kw_only=True):
    """The decisions of a trace as a flow: who decided what, why, and what came of it."""

    decisions: Annotated[Sequence[DecisionStep], Meta(description="In order; the first 1,000.")]
    interactions: Annotated[Sequence[DecidedInteraction], Meta(description="Calls of models, by their start.")]
    flow: Annotated[
        Sequence[str],
        Meta(
            description="Components in the order in which they first decided, then who answered.",
            examples=[["rule_engine", "router", "openai gpt-4o-mini"]],
        ),
    ]


class DecisionDownstream(_Json, frozen=True, kw_only=True):
    """The calls of models in the traces of a group, each once."""

    calls: int
    errors: int
    error_rate: Annotated[float | None, Meta(description="errors of calls, 0 to 1; null without calls.")]
    cost: Amount
    currency: str | None
    costs: Sequence[Money]
    priced_calls: int
    latency: Percentiles | None


class DecisionGroup(_Json, frozen=True, kw_only=True):
    """Decisions that agree in every dimension of by."""

    key: Mapping[str, str]
    bucket_start: Annotated[Time | None, Meta(description="null without a bucket.")]
    count: int
    share: Annotated[float, Meta(description="Of all decisions that match in the same bucket, 0 to 1.")]
    traces: int
    enforced: int
    shadow: int
    evaluated: Annotated[int, Meta(description="How many decisions tell how long they took.")]
    evaluation_time: Percentiles | None
    downstream: DecisionDownstream


class DecisionStatistics(_Json, frozen=True, kw_only=True):
    """Groups by time bucket, then by count, most first."""

    items: Sequence[DecisionGroup]
    next_cursor: None
    total: Annotated[int, Meta(description="All decisions that match.")]
    start: Time
    end: Time
    truncated: Annotated[bool, Meta(description="There are more groups than limit.")]


class SubmittedTrace(_Json, frozen=True, kw_only=True):
    """What became of one submitted decision trace, in the order of the request."""

    index: int
    status: Annotated[Literal["stored", "rejected"], Meta(description="What was stored before is stored, once.")]
    trace_id: TraceId | None
    decisions: int
    errors: Sequence[FieldError]


class DecisionSubmission(_Json, frozen=True, kw_only=True):
    """What became of submitted decision traces. Those that are stored are durable, and found within about a second."""

    accepted: int
    rejected: int
    items: Sequence[SubmittedTrace]


DECISION_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    DecisionTraceList,
    DecisionFlow,
    DecisionStatistics,
    DecisionSubmission,
)
