"""Which drafts tell of the same call.

Nested ones do, unless an agent, a tool or the like lies between them, or there are several requests below one. So do those with the
same id of the response, in whatever traces; but not when one library says twice, beside each other, that it got the same response:
then ids mean nothing (a cache, or a fake server, answered). A client and a gateway may use the same library. What is told of a request as it was on the wire, in a trace of its own,
belongs to the call without an id, of the same service, within whose time it lies.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from processors.ai.context import MAX_ANCESTORS, ancestors
from processors.ai.draft import Draft
from tracedata import Span
from tracedata.interaction import OperationName

# Inside these, other calls are made.
_BOUNDARIES: frozenset[OperationName] = frozenset({"tool", "agent", "retriever", "guardrail", "evaluator", "memory"})
_TEXT_OPERATIONS: frozenset[OperationName] = frozenset({"chat", "completion", "decision"})
_CLOCK_NS = 2_000_000
# How far the clocks of two machines may be apart.
_CLOCKS_NS = 500_000_000
# Calls that began last before a request on the wire: of more at once, not all are looked at.
_MAX_PARALLEL = 256


class Groups:
    """Sets of drafts, by position, that only grow."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self._drafts = drafts
        self._parents = list(range(len(drafts)))
        self.ids = [{draft.response_id} if draft.response_id else set[str]() for draft in drafts]

    def find(self, position: int) -> int:
        while self._parents[position] != position:
            self._parents[position] = self._parents[self._parents[position]]
            position = self._parents[position]
        return position

    def join(self, one: int, other: int) -> int:
        one, other = self.find(one), self.find(other)
        if one != other:
            self._parents[other] = one
            self.ids[one] |= self.ids[other]
        return one

    def members(self) -> Sequence[Sequence[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for position in range(len(self._drafts)):
            found[self.find(position)].append(position)
        return list(found.values())


def call_above(draft: Draft, containers: Iterable[int], drafts: Sequence[Draft]) -> int | None:
    """The nearest call of a model above, which the draft may be a part of; ``containers`` are the drafts above, by position."""
    for position in containers:
        around = drafts[position]
        if around.is_model:
            return position if _may_be_part(draft, around) else None
        if around.operation in _BOUNDARIES:
            return None
    return None


def _may_be_part(draft: Draft, around: Draft) -> bool:
    """Whether a call can be told of by the one around it, too. What one library gives two ids are two requests."""
    if draft.is_echo:
        return True
    if draft.scope == around.scope and draft.response_id and around.response_id not in {"", draft.response_id}:
        return False
    return draft.operation == around.operation or {draft.operation, around.operation} <= _TEXT_OPERATIONS


def join_nested(drafts: Sequence[Draft], above: Mapping[int, int], groups: Groups) -> set[int]:
    """Joins calls with those around them. Returns those that turn out to be made of several calls: they are none themselves."""
    parts: dict[int, list[int]] = defaultdict(list)
    for position, parent in above.items():
        parts[parent].append(position)
    calls: dict[int, list[int]] = {}
    composed: set[int] = set()
    # In a circle all are as deep, and the order must not be that in which they came.
    for position in sorted(parts, key=lambda one: (-_level(one, above), _order(drafts[one]))):
        below = _distinct([call for part in parts[position] for call in calls.get(part, [part])], drafts, groups)
        chosen = below[0] if len(below) == 1 else _chosen(drafts[position], below, drafts, groups)
        if chosen is None:
            composed.add(position)
        else:
            groups.join(chosen, position)
        calls[position] = below
    return composed


def _level(position: int, above: Mapping[int, int]) -> int:
    """How many calls are around one, as far as it matters: in a circle it is as deep as can be."""
    level = 0
    while position in above and level < MAX_ANCESTORS:
        position = above[position]
        level += 1
    return level


def _distinct(calls: Sequence[int], drafts: Sequence[Draft], groups: Groups) -> list[int]:
    """Calls without those that are the same by the id of the response, the first one first."""
    kept: list[int] = []
    by_id: dict[str, int] = {}
    for call in sorted(set(calls), key=lambda one: _order(drafts[one])):
        ids = groups.ids[groups.find(call)]
        same = next((by_id[one] for one in sorted(ids) if one in by_id), None)
        if same is None:
            kept.append(call)
        else:
            groups.join(same, call)
        by_id.update(dict.fromkeys(ids, call if same is None else same))
    return kept


def _chosen(draft: Draft, below: Sequence[int], drafts: Sequence[Draft], groups: Groups) -> int | None:
    """Of several requests below a call, that which it tells of: the one with its id, or the one that ended it."""
    for call in below:
        if draft.response_id and draft.response_id in groups.ids[groups.find(call)]:
            return call
    served = [call for call in below if not drafts[call].failure.error_class]
    if draft.failure.error_class or not served:
        return max(below, key=lambda one: (drafts[one].end, drafts[one].key))
    return served[0] if len(served) == 1 else None


def join_by_response(drafts: Sequence[Draft], groups: Groups) -> None:
    """Joins calls that have the same id of the response. An answer is either a text, or numbers."""
    by_id: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, draft in enumerate(drafts):
        if draft.response_id and draft.is_model:
            kind = "text" if draft.operation in _TEXT_OPERATIONS else draft.operation
            by_id[draft.response_id, kind].append(position)
    for positions in by_id.values():
        if len(positions) == 1:
            continue
        together = {groups.find(position) for position in positions}
        if len(together) > 1 and not _is_repeated(positions, drafts, groups):
            joined, *others = sorted(together)
            for other in others:
                groups.join(joined, other)


def _is_repeated(positions: Sequence[int], drafts: Sequence[Draft], groups: Groups) -> bool:
    """Whether one library told of several calls with the same id: of one service, or at times that have nothing to do with each other.

    It may have told in a service that called a gateway, and in the gateway: in one trace, or, when the gateway begins one of
    its own, within the time of the call.
    """
    tellers: dict[str, dict[int, Draft]] = defaultdict(dict)
    for position in positions:
        draft, group = drafts[position], groups.find(position)
        told = tellers[draft.scope]
        for other, first in told.items():
            if other != group and not _may_be_passed_on(first, draft):
                return True
        told.setdefault(group, draft)
    return False


def _may_be_passed_on(one: Draft, other: Draft) -> bool:
    if one.service == other.service:
        return False
    return one.trace_id == other.trace_id or _is_within(one, other) or _is_within(other, one)


def _is_within(inner: Draft, outer: Draft) -> bool:
    """Whether one lies within the time of the other, by the clocks of two machines."""
    return outer.start - _CLOCKS_NS <= inner.start and inner.end <= outer.end + _CLOCKS_NS


def join_by_time(drafts: Sequence[Draft], groups: Groups) -> None:
    """Joins requests on the wire that nobody else told of with the calls without an id within whose time they lie."""
    if not any(draft.is_transport for draft in drafts):
        return
    calls: list[int] = []
    wires: list[int] = []
    for members in groups.members():
        told = [drafts[one] for one in members]
        if not all(draft.is_model and draft.is_span for draft in told):
            continue
        if all(draft.is_transport for draft in told):
            wires.append(members[0])
        elif not groups.ids[groups.find(members[0])] and not any(draft.is_transport for draft in told):
            calls.extend(members)
    calls.sort(key=lambda one: _order(drafts[one]))
    starts = [drafts[one].start for one in calls]
    taken: set[int] = set()
    for wire in sorted(wires, key=lambda one: _order(drafts[one])):
        end = bisect_right(starts, drafts[wire].start + _CLOCK_NS)
        around = [
            (drafts[one].end - drafts[one].start, drafts[one].key, one)
            for one in calls[max(0, end - _MAX_PARALLEL) : end]
            if groups.find(one) not in taken and _is_around(drafts[one], drafts[wire])
        ]
        if around:
            taken.add(groups.join(min(around)[2], wire))


def _is_around(call: Draft, wire: Draft) -> bool:
    return (
        call.service == wire.service
        and call.model_requested == wire.model_requested
        and bool(call.failure.error_class) == bool(wire.failure.error_class)
        and call.start - _CLOCK_NS <= wire.start
        and wire.end <= call.end + _CLOCK_NS
    )


def _order(draft: Draft) -> tuple[int, int, bytes, bytes]:
    return draft.start, draft.end, draft.key, draft.span_id


def depth_of(draft: Draft, index: Mapping[bytes, Span]) -> int:
    """How many spans at hand are above."""
    return len(ancestors(draft, index))
