"""The service map of some spans, computed from every pair of them: slow, obvious, and the oracle for rollups."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from msgspec.structs import replace

from storage.api import CallStatistics, PeerEdge, PeerKind, PeerNode, ServiceEdge, ServiceMap, ServiceNode, Window
from tracedata import Span, SpanKind, StatusCode
from tracedata.printed import printed

_NS_PER_MS = 1_000_000
_US_PER_DAY = 86_400_000_000
_REMOTE = (SpanKind.SERVER, SpanKind.CONSUMER)
# A service, and the kind, name and system of a peer, and whether the service took a message from it.
_PeerKey: TypeAlias = tuple[str, PeerKind, str, str, bool]


def service_map_of(spans: Sequence[Span], window: Window) -> ServiceMap:
    """``spans`` are those of the workspace, each once."""
    peers = _peers(spans, window)
    own: dict[str, int] = {}
    entries: dict[str, list[Span]] = {}
    calls: dict[tuple[str, str], list[Span]] = {}
    for span, parents in with_parents(spans, window):
        service = span.resource.service_name
        own[service] = own.get(service, 0) + 1
        if service not in parents:
            entries.setdefault(service, []).append(span)
        for parent in parents - {""}:
            if parent != service or span.kind in _REMOTE:
                calls.setdefault((parent, service), []).append(span)
    return ServiceMap(
        nodes=[
            ServiceNode(service=service, spans=count, statistics=call_statistics(entries.get(service, ())))
            for service, count in sorted(own.items())
        ],
        edges=sorted(
            [*_edges(calls), *(replace(one, is_async=True) for one in _edges(_links(spans, window)))],
            key=lambda edge: (edge.parent, edge.child, edge.is_async),
        ),
        peers=[
            PeerEdge(
                service=service,
                kind=kind,
                peer=peer,
                system=system,
                is_inbound=is_inbound,
                statistics=call_statistics(ones),
            )
            for (service, kind, peer, system, is_inbound), ones in sorted(peers.items())
        ],
        peer_nodes=_peer_nodes(peers),
    )


def service_edges_of(spans: Sequence[Span], window: Window) -> Sequence[ServiceEdge]:
    """Those of Jaeger: work within a service is a self edge."""
    calls: dict[tuple[str, str], list[Span]] = {}
    for span, parents in with_parents(spans, window):
        for parent in parents - {""}:
            calls.setdefault((parent, span.resource.service_name), []).append(span)
    return _edges(calls)


def with_parents(spans: Sequence[Span], window: Window) -> Iterable[tuple[Span, set[str]]]:
    """Spans of named services that start in the window, each with the services of its parent."""
    by_id: dict[tuple[bytes, bytes], list[Span]] = {}
    for span in spans:
        by_id.setdefault((span.trace_id, span.span_id), []).append(span)
    for span in spans:
        if span.resource.service_name and window.start_us <= start_us(span) < window.end_us:
            # A root's empty parent id names no span.
            named = by_id.get((span.trace_id, span.parent_span_id), ())
            yield span, {parent.resource.service_name for parent in named if are_near(span, parent)}


def start_us(span: Span) -> int:
    """The start of a span in microseconds, cut."""
    return span.start_time_unix_nano // 1_000


def are_near(one: Span, other: Span) -> bool:
    """Whether they may be parent and child."""
    return abs(start_us(one) - start_us(other)) < _US_PER_DAY


def _edges(calls: Mapping[tuple[str, str], Sequence[Span]]) -> Sequence[ServiceEdge]:
    return [
        ServiceEdge(parent=parent, child=child, statistics=call_statistics(spans))
        for (parent, child), spans in sorted(calls.items())
    ]


def _links(spans: Sequence[Span], window: Window) -> Mapping[tuple[str, str], Sequence[Span]]:
    """Consumers by the services of the producers in other traces that they link to, and by their own."""
    found: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        service = span.resource.service_name
        if span.kind == SpanKind.CONSUMER and service and window.start_us <= start_us(span) < window.end_us:
            named = {(link.trace_id, link.span_id) for link in span.links if link.trace_id != span.trace_id}
            sources = {
                other.resource.service_name
                for other in spans
                if (other.trace_id, other.span_id) in named
                and other.kind == SpanKind.PRODUCER
                and are_near(span, other)
            }
            for source in sources - {""}:
                found.setdefault((source, service), []).append(span)
    return found


def _peers(spans: Sequence[Span], window: Window) -> Mapping[_PeerKey, Sequence[Span]]:
    found: dict[_PeerKey, list[Span]] = {}
    for span in spans:
        if span.resource.service_name and window.start_us <= start_us(span) < window.end_us:
            named = _peer(span)
            if named is not None and not (named[0] == "external" and _is_answered(span, spans)):
                found.setdefault((span.resource.service_name, *named), []).append(span)
    return found


def _peer_nodes(peers: Mapping[_PeerKey, Sequence[Span]]) -> Sequence[PeerNode]:
    nodes: dict[tuple[PeerKind, str, str], list[Span]] = {}
    for (_, kind, peer, system, _), spans in peers.items():
        nodes.setdefault((kind, peer, system), []).extend(spans)
    return [
        PeerNode(kind=kind, peer=peer, system=system, statistics=call_statistics(spans))
        for (kind, peer, system), spans in sorted(nodes.items())
    ]


def _is_answered(client: Span, spans: Sequence[Span]) -> bool:
    return any(
        span.trace_id == client.trace_id
        and span.parent_span_id == client.span_id
        and span.resource.service_name not in {"", client.resource.service_name}
        and are_near(span, client)
        for span in spans
    )


def _peer(span: Span) -> tuple[PeerKind, str, str, bool] | None:
    if span.kind == SpanKind.CLIENT and (system := _first(span, "db.system.name", "db.system")):
        name = _first(span, "db.namespace", "db.name", "server.address", "net.peer.name", "http.host") or _host(span)
        return "database", name or system, system, False
    is_messaging = span.kind in (SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER)
    if is_messaging and (system := _first(span, "messaging.system")):
        name = _first(span, "messaging.destination.name", "messaging.destination") or system
        return "messaging", name, system, span.kind == SpanKind.CONSUMER
    if span.kind == SpanKind.CLIENT and not {"gen_ai.provider.name", "gen_ai.system"} & span.attributes.keys():
        name = _first(span, "peer.service", "server.address", "net.peer.name", "http.host") or _host(span)
        if name:
            return "external", name, "", False
    return None


def _first(span: Span, *keys: str) -> str:
    return next((text for key in keys if key in span.attributes and (text := printed(span.attributes[key]))), "")


def _host(span: Span) -> str:
    url = span.attributes.get("url.full", span.attributes.get("http.url"))
    return urlsplit(url).hostname or "" if isinstance(url, str) else ""


def call_statistics(calls: Collection[Span]) -> CallStatistics:
    """Calls, errors and latencies of these spans; latencies are zero when there is no call."""
    latencies = sorted(max(span.duration_ns, 0) / _NS_PER_MS for span in calls)
    return CallStatistics(
        calls=len(calls),
        errors=sum(span.status_code == StatusCode.ERROR for span in calls),
        p50_ms=percentile(latencies, 0.50),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
    )


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The continuous percentile of sorted values, as PostgreSQL's ``percentile_cont``: linear between neighbours."""
    if not ordered:
        return 0.0
    place = fraction * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))
