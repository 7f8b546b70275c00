"""What Jaeger does to a trace before it shows it, unless ``raw`` is asked for.

The steps and their order are Jaeger's (``internal/adjuster/standard.go``). What is stored never changes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from relayscope.api.jaeger.clock_skew import correct_clock_skew
from relayscope.api.jaeger.shared_id import part_shared_ids
from relayscope.api.jaeger.warning import with_warnings
from tracedata import Attributes, Event, Link, Resource, Span, Value

_IP_KEYS = ("ip", "peer.ipv4")
_LIBRARY_KEYS = (
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
)
_UINT32 = 2**32
_INVALID_LINK = "Invalid span link removed"


def adjust_trace(spans: Sequence[Span], *, max_clock_skew_ns: int = 0) -> Sequence[Span]:
    """The spans of one trace as Jaeger shows them, in their order, none of them twice.

    What was done to a span, and what could not be, is told in its attribute ``@jaeger@warnings``. Clocks are corrected by
    ``max_clock_skew_ns`` at most; 0 only tells what they differ by.
    """
    adjusted = part_shared_ids(spans)
    adjusted = _sorted(adjusted)
    adjusted = _without_repetitions(adjusted)
    adjusted = correct_clock_skew(adjusted, max_delta_ns=max_clock_skew_ns)
    adjusted = [_with_ip_texts(span) for span in adjusted]
    adjusted = _with_libraries_in_resources(adjusted)
    return [_without_empty_links(span) for span in adjusted]


class _Resources:
    """Adjusted resources by the one that they were made of; spans go on sharing them."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Resource, Resource]] = {}

    def of(self, resource: Resource) -> Resource:
        known = self._made.get(id(resource))
        if known is None:
            attributes = _texts_of_ips(_by_key(resource.attributes))
            # The original is held, so that its identity is not another's.
            known = self._made[id(resource)] = (resource, replace(resource, attributes=attributes))
        return known[1]


def _sorted(spans: Sequence[Span]) -> Sequence[Span]:
    """Attributes by their keys, events by their names."""
    resources = _Resources()
    return [
        replace(
            span,
            resource=resources.of(span.resource),
            attributes=_by_key(span.attributes),
            events=sorted(map(_sorted_event, span.events), key=lambda event: event.name),
            links=[_sorted_link(link) for link in span.links],
        )
        for span in spans
    ]


def _sorted_event(event: Event) -> Event:
    return replace(event, attributes=_by_key(event.attributes))


def _sorted_link(link: Link) -> Link:
    return replace(link, attributes=_by_key(link.attributes))


def _by_key(attributes: Attributes) -> dict[str, Value]:
    return dict(sorted(attributes.items()))


def _without_repetitions(spans: Sequence[Span]) -> Sequence[Span]:
    """Of spans that are the same in everything, the first."""
    by_id: dict[bytes, int] = {}
    for span in spans:
        by_id[span.span_id] = by_id.get(span.span_id, 0) + 1
    seen: set[str] = set()
    kept: list[Span] = []
    for span in spans:
        # Nearly all have an id that no other has, and what makes 1, 1.0 and true differ is not cheap.
        if by_id[span.span_id] > 1:
            content = repr(span)
            if content in seen:
                continue
            seen.add(content)
        kept.append(span)
    return kept


def _with_ip_texts(span: Span) -> Span:
    if not any(key in span.attributes for key in _IP_KEYS):
        return span
    return replace(span, attributes=_texts_of_ips(span.attributes))


def _texts_of_ips(attributes: Attributes) -> Attributes:
    """Addresses that are numbers, as texts of four."""
    found = {key: _ip_text(attributes[key]) for key in _IP_KEYS if key in attributes}
    return {**attributes, **found} if found else attributes


def _ip_text(value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value
    return ".".join(str(part) for part in (int(value) % _UINT32).to_bytes(4, "big"))


def _with_libraries_in_resources(spans: Sequence[Span]) -> Sequence[Span]:
    """What tells of a library belongs to the resource; some senders write it to the span."""
    if not any(key in span.attributes for span in spans for key in _LIBRARY_KEYS):
        return spans
    moved: dict[int, dict[str, Value]] = {}
    kept = [_without_libraries(span, moved.setdefault(id(span.resource), {})) for span in spans]
    originals = {id(span.resource): span.resource for span in spans}
    resources = {
        key: replace(one, attributes=_by_key({**one.attributes, **moved[key]})) for key, one in originals.items()
    }
    return [replace(span, resource=resources[id(span.resource)]) for span in kept]


def _without_libraries(span: Span, moved: dict[str, Value]) -> Span:
    """``moved`` gets what its resource does not have yet; what contradicts that stays, with a warning."""
    known = {**span.resource.attributes, **moved}
    left = dict(span.attributes)
    conflicts: list[str] = []
    for key in _LIBRARY_KEYS:
        if key not in left:
            continue
        if key in known and known[key] != left[key]:
            conflicts.append(f"conflicting values between Span and Resource for attribute {key}")
        else:
            moved[key] = left.pop(key)
    if len(left) < len(span.attributes):
        span = replace(span, attributes=left)
    return with_warnings(span, *conflicts) if conflicts else span


def _without_empty_links(span: Span) -> Span:
    valid = [link for link in span.links if any(link.trace_id)]
    if len(valid) == len(span.links):
        return span
    return with_warnings(replace(span, links=valid), *[_INVALID_LINK] * (len(span.links) - len(valid)))
