"""The spans of a trace as a forest, whatever their parents claim."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from relayscope.api.rest.schema import Span

# What is wrong with the parent of a span that is drawn as a root: it is not there, it is the span itself, or from parent to
# parent one comes to a span for the second time.
Fault: TypeAlias = Literal["missing", "itself", "cycle"]

_Children: TypeAlias = list[list[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A span at its place in the forest.

    ``is_last`` says for every ancestor below the root, and at the end for the span, whether siblings follow.
    ``fault`` says why it is a root although it names a parent.
    """

    span: Span
    is_last: tuple[bool, ...]
    fault: Fault | None


def walk(spans: Sequence[Span], *, limit: int, max_depth: int) -> list[Node]:
    """Depth first, siblings by start, every span exactly once, at most ``limit``.

    Parents may be missing, be the span itself, or form a cycle, and ids may repeat: then the first span with the id
    gets the children, and the earliest span of a cycle is taken for a root. Spans deeper than ``max_depth`` are put
    at that depth.
    """
    order = sorted(range(len(spans)), key=lambda index: int(spans[index].start_time_unix_nano))
    parents = _parents(spans, order)
    walked = _Walk(spans=spans, parents=parents, children=_children(parents, order), limit=limit, max_depth=max_depth)
    roots = [index for index in order if parents[index] is None]
    for root in [*roots, *order]:
        walked.descend(root)
    return walked.nodes


@dataclass(kw_only=True)
class _Walk:
    """A walk under way."""

    spans: Sequence[Span]
    parents: Sequence[int | None]
    children: _Children
    limit: int
    max_depth: int
    nodes: list[Node] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def descend(self, root: int) -> None:
        # A stack of our own, because a chain of spans may be deeper than Python's.
        stack: list[tuple[int, tuple[bool, ...]]] = [(root, ())]
        while stack and len(self.nodes) < self.limit:
            index, is_last = stack.pop()
            if index in self.seen:
                continue
            self.seen.add(index)
            fault = None if is_last else self._fault(index)
            self.nodes.append(Node(span=self.spans[index], is_last=is_last, fault=fault))
            below = [child for child in self.children[index] if child not in self.seen]
            above = is_last[: self.max_depth - 1]
            last = len(below) - 1
            stack += [(below[place], (*above, place == last)) for place in range(last, -1, -1)]

    def _fault(self, index: int) -> Fault | None:
        span = self.spans[index]
        if span.parent_span_id is None:
            return None
        if span.parent_span_id == span.span_id:
            return "itself"
        return "missing" if self.parents[index] is None else "cycle"


def _children(parents: Sequence[int | None], order: Sequence[int]) -> _Children:
    children: _Children = [[] for _ in parents]
    for index in order:
        parent = parents[index]
        if parent is not None:
            children[parent].append(index)
    return children


def _parents(spans: Sequence[Span], order: Sequence[int]) -> list[int | None]:
    first: dict[str, int] = {}
    for index in order:
        first.setdefault(spans[index].span_id, index)
    parents: list[int | None] = []
    for index, span in enumerate(spans):
        parent = first.get(span.parent_span_id) if span.parent_span_id else None
        parents.append(None if parent == index or span.parent_span_id == span.span_id else parent)
    return parents
