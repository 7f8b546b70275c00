"""Skeletons, single spans and critical paths as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from query.critical_path import CriticalPath, Segment
from query.cursor import encode_span_cursor
from relayscope.api.rest import trace_detail_schema as schema
from relayscope.api.rest.representation import kind_name, represent_spans
from relayscope.api.rest.schema import SpanStatus
from relayscope.api.rest.value import iso_time, milliseconds
from storage.frame import FramedSpan, FramePage, SpanFrame
from tracedata import Span, StatusCode


def represent_skeleton(page: FramePage, depths: Mapping[tuple[bytes, bytes], int]) -> schema.Skeleton:
    """A page; ``depths`` are by the ids of a span and of its parent."""
    return schema.Skeleton(
        items=[_skeleton_span(one, depths.get((one.frame.span_id, one.frame.parent_span_id))) for one in page.spans],
        next_cursor=encode_span_cursor(page.cursor) if page.cursor else None,
    )


def represent_span_detail(spans: Sequence[Span], *, limit: int) -> schema.SpanDetail:
    """The first of some spans with the same id, and the others, as many as are shown."""
    first, *others = represent_spans(spans[:limit])
    fields: dict[str, Any] = {name: getattr(first, name) for name in first.__struct_fields__}
    return schema.SpanDetail(**fields, others=others, truncated=len(spans) > limit)


def represent_path(path: CriticalPath, *, trace_id: bytes, limit: int, is_complete: bool) -> schema.CriticalPath:
    """The path, and at most ``limit`` of its segments, spans and services."""
    start = path.segments[0].start if path.segments else path.spans[0].start_time_unix_nano
    services = _services(path)
    ranked = sorted(
        range(len(path.spans)), key=lambda place: (-path.path_times_ns[place], -path.self_times_ns[place], place)
    )
    return schema.CriticalPath(
        trace_id=trace_id.hex(),
        start_time=iso_time(start),
        duration=milliseconds(path.duration_ns),
        span_count=len(path.spans),
        segments=[_segment(one, path, start) for one in path.segments[:limit]],
        spans=[_path_span(place, path) for place in ranked[:limit]],
        services=services[:limit],
        truncated=max(len(path.segments), len(path.spans), len(services)) > limit,
        complete=is_complete,
    )


def status_of(frame: SpanFrame) -> SpanStatus:
    return "error" if frame.status_code == StatusCode.ERROR else "success"


def _skeleton_span(one: FramedSpan, depth: int | None) -> schema.SkeletonSpan:
    frame = one.frame
    return schema.SkeletonSpan(
        span_id=frame.span_id.hex(),
        parent_span_id=frame.parent_span_id.hex() or None,
        name=frame.name,
        service=frame.service,
        kind=kind_name(frame.kind),
        start_time_unix_nano=str(frame.start_time_unix_nano),
        duration=milliseconds(frame.duration_ns),
        status=status_of(frame),
        depth=depth,
        children=one.children,
        has=_has(one),
    )


def _has(one: FramedSpan) -> Sequence[Literal["events", "links", "interaction", "redactions"]] | UnsetType:
    found: list[Literal["events", "links", "interaction", "redactions"]] = []
    if one.has_events:
        found.append("events")
    if one.has_links:
        found.append("links")
    if one.has_interaction:
        found.append("interaction")
    if one.has_redactions:
        found.append("redactions")
    return found or UNSET


def _segment(one: Segment, path: CriticalPath, start: int) -> schema.PathSegment:
    span = None if one.place is None else path.spans[one.place]
    return schema.PathSegment(
        span_id=span.span_id.hex() if span else None,
        service=span.service if span else "",
        name=span.name if span else "",
        start_time_unix_nano=str(one.start),
        offset=milliseconds(one.start - start),
        duration=milliseconds(one.end - one.start),
    )


def _path_span(place: int, path: CriticalPath) -> schema.PathSpan:
    span = path.spans[place]
    return schema.PathSpan(
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        service=span.service,
        name=span.name,
        kind=kind_name(span.kind),
        status=status_of(span),
        start_time_unix_nano=str(span.start_time_unix_nano),
        duration=milliseconds(span.duration_ns),
        self_time=milliseconds(path.self_times_ns[place]),
        path_time=milliseconds(path.path_times_ns[place]),
        path_share=_share(path.path_times_ns[place], path),
    )


def _services(path: CriticalPath) -> list[schema.PathService]:
    sums: dict[str, list[int]] = {}
    for place, span in enumerate(path.spans):
        found = sums.setdefault(span.service, [0, 0, 0])
        found[0] += 1
        found[1] += path.self_times_ns[place]
        found[2] += path.path_times_ns[place]
    return [
        schema.PathService(
            service=service,
            spans=spans,
            self_time=milliseconds(self_ns),
            path_time=milliseconds(path_ns),
            path_share=_share(path_ns, path),
        )
        for service, (spans, self_ns, path_ns) in sorted(sums.items(), key=lambda pair: (-pair[1][2], pair[0]))
    ]


def _share(part_ns: int, path: CriticalPath) -> float:
    return part_ns / path.duration_ns if path.duration_ns else 0.0
