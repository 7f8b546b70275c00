"""The JSON of what is told of large traces piece by piece: skeletons, single spans, critical paths."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.schema import (
    Json,
    Milliseconds,
    NextCursor,
    Span,
    SpanId,
    SpanStatus,
    Time,
    TraceId,
    UnixNano,
)

Kind: TypeAlias = Annotated[str, Meta(examples=["server"])]
ParentId: TypeAlias = Annotated[str | None, Meta(description="null for a root.")]
Share: TypeAlias = Annotated[float, Meta(description="Of the path's length, 0 to 1.")]


class SkeletonSpan(Json, frozen=True, kw_only=True):
    """A span without what can be large."""

    span_id: SpanId
    parent_span_id: ParentId
    name: str
    service: str
    kind: Kind
    start_time_unix_nano: UnixNano
    duration: Milliseconds
    status: SpanStatus
    depth: Annotated[
        int | None, Meta(description="Spans above it; null where a trace is too large for knowing its tree.")
    ]
    children: Annotated[int, Meta(description="Spans of the trace that name this id as their parent's.")]
    has: Annotated[
        Sequence[Literal["events", "links", "interaction", "redactions"]] | UnsetType,
        Meta(description="What there is to look at; left out when there is nothing."),
    ] = UNSET


class Skeleton(Json, frozen=True, kw_only=True):
    """A page of a trace without attributes, ordered by start and id."""

    items: Sequence[SkeletonSpan]
    next_cursor: NextCursor


class SpanDetail(Span, frozen=True, kw_only=True):
    """One span, without loss; the earliest when several have the id."""

    others: Annotated[Sequence[Span], Meta(description="Different spans of this trace with the same id, by start.")]
    truncated: Annotated[bool, Meta(description="There are more of them.")]


class PathSegment(Json, frozen=True, kw_only=True):
    """A piece of the critical path."""

    span_id: Annotated[str | None, Meta(description="null where no root of the trace ran.")]
    service: str
    name: str
    start_time_unix_nano: UnixNano
    offset: Annotated[float, Meta(description="Milliseconds since the path began.")]
    duration: Milliseconds


class PathSpan(Json, frozen=True, kw_only=True):
    """How long a span ran by itself, and on the critical path."""

    span_id: SpanId
    parent_span_id: ParentId
    service: str
    name: str
    kind: Kind
    status: SpanStatus
    start_time_unix_nano: UnixNano
    duration: Milliseconds
    self_time: Annotated[float, Meta(description="Milliseconds in which none of its children ran.")]
    path_time: Annotated[float, Meta(description="Milliseconds on the critical path.")]
    path_share: Share


class PathService(Json, frozen=True, kw_only=True):
    """The same for all spans of a service."""

    service: str
    spans: int
    self_time: Milliseconds
    path_time: Milliseconds
    path_share: Share


class CriticalPath(Json, frozen=True, kw_only=True):
    """What bounded the end of a trace: docs/critical-path.md."""

    trace_id: TraceId
    start_time: Time
    duration: Annotated[float, Meta(description="Milliseconds from the first start to the last end of a root.")]
    span_count: int
    segments: Annotated[Sequence[PathSegment], Meta(description="By time; they leave nothing out and do not overlap.")]
    spans: Annotated[
        Sequence[PathSpan], Meta(description="By time on the path, then by self time, most first: up to limit.")
    ]
    services: Annotated[Sequence[PathService], Meta(description="By time on the path, most first.")]
    truncated: Annotated[bool, Meta(description="There are more segments, spans or services than limit.")]
    complete: Annotated[bool, Meta(description="Whether all spans of the trace were looked at: up to 200,000 are.")]


TRACE_DETAIL_ANSWERS: tuple[type[msgspec.Struct], ...] = (Skeleton, SpanDetail, CriticalPath)
