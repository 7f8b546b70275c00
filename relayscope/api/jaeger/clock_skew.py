"""Moves spans of hosts whose clocks differ to where their parents say that they must have been.

The rules are Jaeger's (``internal/adjuster/clockskew.go``): a span of another host than its parent's is put in the
middle of the parent when it does not lie within it; its descendants on the same host move with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from query.duration import format_duration
from relayscope.api.jaeger.warning import with_warnings
from tracedata import Resource, Span
from tracedata.printed import printed

_DUPLICATE = "duplicate span IDs; skipping clock skew adjustment"
_MAX_TIME = 2**64 - 1


class _Skew:
    """By how much the clock of a host differs."""

    def __init__(self, host: str, delta_ns: int = 0) -> None:
        self.host = host
        self.delta_ns = delta_ns


def correct_clock_skew(spans: Sequence[Span], *, max_delta_ns: int) -> Sequence[Span]:
    """The spans in their order, moved or with a warning that says why not; 0 moves none."""
    found = list(spans)
    places: dict[bytes, int] = {}
    for place, span in enumerate(found):
        if places.setdefault(span.span_id, place) != place:
            found[place] = with_warnings(span, _DUPLICATE)
    roots, children = _graph(found, places)
    hosts: dict[int, str] = {}
    # Spans may be nested deeper than calls.
    left = [(place, None, _Skew(_host_of(found[place].resource, hosts))) for place in reversed(roots)]
    pending: list[tuple[int, Span | None, _Skew]] = [*left]
    while pending:
        place, parent, skew = pending.pop()
        host = _host_of(found[place].resource, hosts)
        if parent is not None and (host != skew.host or not host):
            skew = _Skew(host, _delta(found[place], parent))
        found[place] = _adjusted(found[place], skew.delta_ns, max_delta_ns=max_delta_ns)
        pending += [(child, found[place], skew) for child in reversed(children.get(place, ()))]
    return found


def _graph(found: list[Span], places: dict[bytes, int]) -> tuple[list[int], dict[int, list[int]]]:
    """Spans without a parent, and the children of each; a span whose parent is missing is told so."""
    roots: list[int] = []
    children: dict[int, list[int]] = {}
    for place in places.values():
        span = found[place]
        if not any(span.parent_span_id):
            roots.append(place)
        elif span.parent_span_id in places:
            children.setdefault(places[span.parent_span_id], []).append(place)
        else:
            missing = span.parent_span_id.hex()
            warning = f"parent span ID={missing} is not in the trace; skipping clock skew adjustment"
            found[place] = with_warnings(span, warning)
            roots.append(place)
    return roots, children


def _host_of(resource: Resource, known: dict[int, str]) -> str:
    """What tells hosts apart. By identity: the spans hold their resources meanwhile."""
    host = known.get(id(resource))
    if host is None:
        host = known[id(resource)] = _read_host(resource)
    return host


def _read_host(resource: Resource) -> str:
    attributes = resource.attributes
    if "host.id" in attributes:
        return _text(attributes["host.id"])
    address = attributes.get("host.ip")
    if isinstance(address, str):
        return address
    if isinstance(address, Sequence) and not isinstance(address, bytes) and address:
        return printed(address[0])
    return _text(attributes.get("host.name"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _delta(child: Span, parent: Span) -> int:
    """By how much the child is to move."""
    start, end = child.start_time_unix_nano, child.end_time_unix_nano
    parent_start, parent_end = parent.start_time_unix_nano, parent.end_time_unix_nano
    if child.duration_ns > parent.duration_ns:
        # It went on after the parent, or the parent gave up: all that is certain is that it did not start before.
        return max(parent_start - start, 0)
    if start >= parent_start and end <= parent_end:
        return 0
    # The way there is taken to be as long as the way back.
    return parent_start + (parent.duration_ns - child.duration_ns) // 2 - start


def _adjusted(span: Span, delta_ns: int, *, max_delta_ns: int) -> Span:
    if delta_ns == 0:
        return span
    delta = format_duration(delta_ns)
    if max_delta_ns == 0:
        return with_warnings(span, f"clock skew adjustment disabled; not applying calculated delta of {delta}")
    if abs(delta_ns) > max_delta_ns:
        limit = format_duration(max_delta_ns)
        return with_warnings(
            span, f"max clock skew adjustment delta of {limit} exceeded; not applying calculated delta of {delta}"
        )
    moved = replace(
        span,
        start_time_unix_nano=_moved(span.start_time_unix_nano, delta_ns),
        end_time_unix_nano=_moved(span.end_time_unix_nano, delta_ns),
        events=[replace(event, time_unix_nano=_moved(event.time_unix_nano, delta_ns)) for event in span.events],
    )
    return with_warnings(moved, f"This span's timestamps were adjusted by {delta}")


def _moved(time_ns: int, delta_ns: int) -> int:
    return min(max(time_ns + delta_ns, 0), _MAX_TIME)
