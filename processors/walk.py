"""The way through a batch that processors share: every span and log record, and each resource and scope once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from tracedata import Batch, LogRecord, Resource, Scope, Span

Item = TypeVar("Item", Span, LogRecord)


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of each part of a batch. A function that changes nothing returns what it was given."""

    resource: Callable[[Resource], Resource]
    scope: Callable[[Scope], Scope]
    span: Callable[[Span], Span]
    log_record: Callable[[LogRecord], LogRecord]


def walk(batch: Batch, steps: Steps) -> Batch:
    """The batch itself when every step returns what it was given; else a new one that shares all that is unchanged."""
    way = _Way(steps)
    spans = way.through(batch.spans, steps.span)
    log_records = way.through(batch.log_records, steps.log_record)
    if spans is batch.spans and log_records is batch.log_records:
        return batch
    return msgspec.structs.replace(batch, spans=spans, log_records=log_records)


class _Way:
    """Remembers what became of the resources and scopes. By identity: the items of a request share a few of these."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._resources: dict[int, Resource] = {}
        self._scopes: dict[int, Scope] = {}

    def through(self, items: Sequence[Item], step: Callable[[Item], Item]) -> Sequence[Item]:
        """The same sequence when nothing in it has changed."""
        resources, scopes = self._resources, self._scopes
        walked: list[Item] = []
        changed = False
        for item in items:
            resource, scope = item.resource, item.scope
            if id(resource) not in resources:
                resources[id(resource)] = self._steps.resource(resource)
            if id(scope) not in scopes:
                scopes[id(scope)] = self._steps.scope(scope)
            after = step(item)
            if resources[id(resource)] is not resource or scopes[id(scope)] is not scope:
                after = msgspec.structs.replace(after, resource=resources[id(resource)], scope=scopes[id(scope)])
            changed = changed or after is not item
            walked.append(after)
        return walked if changed else items
