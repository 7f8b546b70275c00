"""The JSON of two traces beside each other."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from relayscope.api.rest.interaction_schema import Group as InteractionGroup
from relayscope.api.rest.schema import AnyValue, Json, Milliseconds, Time, TraceId
from relayscope.api.rest.trace_detail_schema import Kind


class ComparedTrace(Json, frozen=True, kw_only=True):
    """One of the two."""

    trace_id: TraceId
    name: Annotated[str, Meta(description="The name of the root span; without one, of the earliest span.")]
    root_service: str
    start_time: Time
    duration: Annotated[float, Meta(description="Milliseconds from the first start to the last end of a root.")]
    span_count: int
    error_count: int
    complete: Annotated[bool, Meta(description="Whether all spans of the trace were looked at: up to 200,000 are.")]


class ComparedSide(Json, frozen=True, kw_only=True):
    """What one trace has of a group: sums over its spans."""

    count: int
    errors: int
    duration: Milliseconds
    self_time: Milliseconds
    path_time: Annotated[float, Meta(description="Milliseconds on the critical path.")]


class ComparedGroup(Json, frozen=True, kw_only=True):
    """The spans of one service, name and kind that were called along the same way from the root."""

    id: Annotated[int, Meta(description="Names the group in this answer.")]
    parent_id: Annotated[int | None, Meta(description="The group above; null at the top.")]
    depth: int
    service: str
    name: str
    kind: Kind
    presence: Literal["both", "left", "right"]
    status_change: Annotated[
        Literal["failed", "recovered"] | None,
        Meta(description="Whether only the right one has errors, or only the left one."),
    ]
    left: ComparedSide | None
    right: ComparedSide | None
    duration_difference: Annotated[float, Meta(description="Milliseconds, right minus left.")]
    path_difference: Annotated[float, Meta(description="Milliseconds on the critical path, right minus left.")]


class AttributeDifference(Json, frozen=True, kw_only=True):
    """A key of the roots on which the two do not agree."""

    scope: Literal["span", "resource"]
    key: str
    left: Annotated[AnyValue | None, Meta(description="null when it is not there.")]
    right: Annotated[AnyValue | None, Meta(description="null when it is not there.")]


class InteractionDifference(Json, frozen=True, kw_only=True):
    """What the calls of models amount to, and right minus left; null where one of the two is not known."""

    left: InteractionGroup
    right: InteractionGroup
    calls_difference: int
    prompt_tokens_difference: int | None
    response_tokens_difference: int | None
    cost_difference: Annotated[float | None, Meta(description="null, too, when the currencies differ.")]


class TraceComparison(Json, frozen=True, kw_only=True):
    """Two traces beside each other."""

    left: ComparedTrace
    right: ComparedTrace
    duration_difference: Annotated[float, Meta(description="Milliseconds, right minus left.")]
    groups: Annotated[
        Sequence[ComparedGroup],
        Meta(description="Each after the one above it, depth first; of many those that differ most."),
    ]
    group_count: Annotated[int, Meta(description="How many groups there are.")]
    only_left: Annotated[int, Meta(description="Groups of the left trace alone.")]
    only_right: Annotated[int, Meta(description="Groups of the right trace alone.")]
    truncated: Annotated[bool, Meta(description="There are more groups than limit.")]
    root_attributes: Sequence[AttributeDifference]
    interactions: Annotated[InteractionDifference | None, Meta(description="null when neither called a model.")]


COMPARISON_ANSWERS: tuple[type[msgspec.Struct], ...] = (TraceComparison,)
