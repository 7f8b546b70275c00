"""The way through a batch that processors share: every span, and each resource and scope once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tracedata import Batch, Resource, Scope, Span


def walk(
    batch: Batch,
    *,
    of_resource: Callable[[Resource], Resource],
    of_scope: Callable[[Scope], Scope],
    of_span: Callable[[Span], Span],
) -> Batch:
    """The batch itself when every function returns what it was given; else a new one that shares every unchanged span."""
    resources: dict[int, Resource] = {}
    scopes: dict[int, Scope] = {}
    spans: list[Span] = []
    changed = False
    for span in batch.spans:
        resource, scope = span.resource, span.scope
        # By identity: the spans of a request share a few of these.
        if id(resource) not in resources:
            resources[id(resource)] = of_resource(resource)
        if id(scope) not in scopes:
            scopes[id(scope)] = of_scope(scope)
        after = of_span(span)
        if resources[id(resource)] is not resource or scopes[id(scope)] is not scope:
            after = msgspec.structs.replace(after, resource=resources[id(resource)], scope=scopes[id(scope)])
        changed = changed or after is not span
        spans.append(after)
    return msgspec.structs.replace(batch, spans=spans) if changed else batch
