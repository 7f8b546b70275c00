"""Two traces beside each other as the API shows them."""

from collections.abc import Iterable, Sequence
from typing import Literal

from query.critical_path import CriticalPath
from query.forest import ROOT
from query.trace_comparison import Difference, Group, Side, differences, most_different
from relayscope.api.rest import comparison_schema as schema
from relayscope.api.rest.interaction_schema import Group as InteractionGroup
from relayscope.api.rest.representation import kind_name
from relayscope.api.rest.value import iso_time, milliseconds
from relayscope.otlp.value import any_value
from storage.frame import SpanFrame
from tracedata import Span, StatusCode


def root_of(path: CriticalPath) -> SpanFrame:
    """The earliest span without a parent; without one, the earliest span."""
    return next((span for span in path.spans if not span.parent_span_id), path.spans[0])


def represent_comparison(
    left: schema.ComparedTrace,
    right: schema.ComparedTrace,
    groups: Sequence[Group],
    *,
    roots: tuple[Span | None, Span | None],
    interactions: tuple[InteractionGroup, InteractionGroup] | None,
    limit: int,
) -> schema.TraceComparison:
    """The comparison; of the groups the ``limit`` that differ most, with those above them."""
    shown = most_different(groups, limit=limit)
    return schema.TraceComparison(
        left=left,
        right=right,
        duration_difference=right.duration - left.duration,
        groups=[_group(place, groups[place]) for place in shown],
        group_count=len(groups),
        only_left=sum(not group.right.count for group in groups),
        only_right=sum(not group.left.count for group in groups),
        truncated=len(shown) < len(groups),
        root_attributes=_root_attributes(*roots),
        interactions=_interactions(*interactions) if interactions else None,
    )


def represent_compared(path: CriticalPath, *, trace_id: bytes, is_complete: bool) -> schema.ComparedTrace:
    root = root_of(path)
    return schema.ComparedTrace(
        trace_id=trace_id.hex(),
        name=root.name,
        root_service=root.service,
        start_time=iso_time(path.spans[0].start_time_unix_nano),
        duration=milliseconds(path.duration_ns),
        span_count=len(path.spans),
        error_count=sum(span.status_code == StatusCode.ERROR for span in path.spans),
        complete=is_complete,
    )


def _group(place: int, group: Group) -> schema.ComparedGroup:
    left, right = group.left, group.right
    return schema.ComparedGroup(
        id=place,
        parent_id=None if group.parent == ROOT else group.parent,
        depth=group.depth,
        service=group.service,
        name=group.name,
        kind=kind_name(group.kind),
        presence="both" if left.count and right.count else "left" if left.count else "right",
        status_change=_status_change(left, right),
        left=_side(left),
        right=_side(right),
        duration_difference=milliseconds(right.duration_ns - left.duration_ns),
        path_difference=milliseconds(right.path_ns - left.path_ns),
    )


def _status_change(left: Side, right: Side) -> Literal["failed", "recovered"] | None:
    if not left.count or not right.count or bool(left.errors) == bool(right.errors):
        return None
    return "failed" if right.errors else "recovered"


def _side(side: Side) -> schema.ComparedSide | None:
    if not side.count:
        return None
    return schema.ComparedSide(
        count=side.count,
        errors=side.errors,
        duration=milliseconds(side.duration_ns),
        self_time=milliseconds(side.self_ns),
        path_time=milliseconds(side.path_ns),
    )


def _root_attributes(left: Span | None, right: Span | None) -> list[schema.AttributeDifference]:
    if left is None or right is None:
        return []
    return [
        *_represented("span", differences(left.attributes, right.attributes)),
        *_represented("resource", differences(left.resource.attributes, right.resource.attributes)),
    ]


def _represented(
    scope: Literal["span", "resource"], found: Iterable[Difference]
) -> Iterable[schema.AttributeDifference]:
    for one in found:
        yield schema.AttributeDifference(
            scope=scope,
            key=one.key,
            left=any_value(one.left) if one.has_left else None,
            right=any_value(one.right) if one.has_right else None,
        )


def _interactions(left: InteractionGroup, right: InteractionGroup) -> schema.InteractionDifference | None:
    if not left.calls and not right.calls:
        return None
    has_one_currency = left.currency == right.currency or not (left.calls and right.calls)
    return schema.InteractionDifference(
        left=left,
        right=right,
        calls_difference=right.calls - left.calls,
        prompt_tokens_difference=_int_difference(left.prompt_tokens, right.prompt_tokens),
        response_tokens_difference=_int_difference(left.response_tokens, right.response_tokens),
        cost_difference=right.cost - left.cost
        if has_one_currency and left.cost is not None and right.cost is not None
        else None,
    )


def _int_difference(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else right - left
