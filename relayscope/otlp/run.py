"""What stands together in a request: neighbours of one resource, and within those of one scope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from tracedata import Resource, Scope


class Sent(Protocol):
    """A span or a log record."""

    @property
    def resource(self) -> Resource: ...

    @property
    def scope(self) -> Scope: ...


_Item = TypeVar("_Item", bound=Sent)
_Kept = TypeVar("_Kept", Resource, Scope)


def resource_runs(items: Iterable[_Item]) -> Iterator[tuple[Resource, list[tuple[Scope, list[_Item]]]]]:
    """Each run of items of one resource, in runs of one scope. The order of the items is kept."""
    for resource, of_resource in _runs(items, lambda item: item.resource):
        yield resource, list(_runs(of_resource, lambda item: item.scope))


def _runs(items: Iterable[_Item], key: Callable[[_Item], _Kept]) -> Iterator[tuple[_Kept, list[_Item]]]:
    """Neighbours share their resource and scope objects mostly, so identity is asked before equality."""
    run: list[_Item] = []
    current: _Kept | None = None
    for item in items:
        kept = key(item)
        if current is not None and (kept is current or _is_same(kept, current)):
            run.append(item)
            continue
        if current is not None:
            yield current, run
        current, run = kept, [item]
    if current is not None:
        yield current, run


def _is_same(one: _Kept, other: _Kept) -> bool:
    """Equal in value and type: ``1``, ``1.0`` and ``True`` are equal to Python, and not to OTLP."""
    return one == other and repr(one) == repr(other)
