"""The service map as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from relayscope.api.rest import service_schema
from relayscope.api.rest.value import iso_time
from storage.api import CallStatistics, PeerEdge, PeerNode, ServiceEdge, ServiceMap, ServiceNode, Window

MAX_NODES = 1_000
MAX_EDGES = 5_000
_US_PER_S = 1_000_000
_NS_PER_US = 1_000
_NO_CALLS = CallStatistics(calls=0, errors=0, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0)
_SERVICE = "service"


class _End(NamedTuple):
    """What tells nodes apart. A service has no system."""

    name: str
    kind: str = _SERVICE
    system: str = ""


class _Edge(NamedTuple):
    source: _End
    target: _End
    statistics: CallStatistics
    is_async: bool

    @property
    def kind(self) -> str:
        """What the peer is, if one end is one."""
        other = self.target.kind if self.source.kind == _SERVICE else self.source.kind
        return "call" if other == _SERVICE else other


class _Node(NamedTuple):
    end: _End
    spans: int
    statistics: CallStatistics


def represent_map(found: ServiceMap, *, window: Window, service: str | None = None) -> service_schema.ServiceMap:
    """Nodes sorted by name, edges by source and target; with ``service``, only that one and its neighbours.

    Both ends of every edge are among the nodes. The busiest edges and nodes are kept when there are too many.
    """
    edges = [*map(_call, found.edges), *map(_peer_call, found.peers)]
    nodes = [*map(_service, found.nodes), *map(_peer, found.peer_nodes)]
    asked = None if service is None else _End(service)
    wanted = [edge for edge in edges if asked in (None, edge.source, edge.target)]
    kept = sorted(wanted, key=lambda edge: -edge.statistics.calls)[:MAX_EDGES]
    ends = {end for edge in kept for end in (edge.source, edge.target)}
    candidates = _with_ends([node for node in nodes if asked is None or node.end in {asked, *ends}], ends)
    shown = sorted(candidates, key=lambda node: (-node.statistics.calls, -node.spans))[:MAX_NODES]
    names = {node.end for node in shown}
    connected = [edge for edge in kept if edge.source in names and edge.target in names]
    seconds = max(window.end_us - window.start_us, 1) / _US_PER_S
    return service_schema.ServiceMap(
        nodes=[_represent_node(node) for node in sorted(shown, key=lambda node: node.end)],
        edges=[
            _represent_edge(edge, seconds) for edge in sorted(connected, key=lambda edge: (edge.source, edge.target))
        ],
        start=iso_time(window.start_us * _NS_PER_US),
        end=iso_time(window.end_us * _NS_PER_US),
        truncated=len(connected) < len(wanted) or len(shown) < len(candidates),
    )


def _call(edge: ServiceEdge) -> _Edge:
    return _Edge(_End(edge.parent), _End(edge.child), edge.statistics, edge.is_async)


def _peer_call(edge: PeerEdge) -> _Edge:
    service, peer = _End(edge.service), _End(edge.peer, edge.kind, edge.system)
    source, target = (peer, service) if edge.is_inbound else (service, peer)
    return _Edge(source, target, edge.statistics, is_async=edge.kind == "messaging")


def _service(node: ServiceNode) -> _Node:
    return _Node(_End(node.service), node.spans, node.statistics)


def _peer(node: PeerNode) -> _Node:
    return _Node(_End(node.peer, node.kind, node.system), 0, node.statistics)


def _with_ends(nodes: Sequence[_Node], ends: Iterable[_End]) -> list[_Node]:
    # The caller's span may have started before the window, and then only the edge knows the service.
    missing = set(ends) - {node.end for node in nodes}
    return [*nodes, *(_Node(end, 0, _NO_CALLS) for end in sorted(missing))]


def _represent_node(node: _Node) -> service_schema.ServiceNode:
    return service_schema.ServiceNode(
        service=node.end.name,
        kind=node.end.kind,
        system=node.end.system or None,
        spans=node.spans,
        calls=node.statistics.calls,
        errors=node.statistics.errors,
        p50=node.statistics.p50_ms,
        p95=node.statistics.p95_ms,
        p99=node.statistics.p99_ms,
    )


def _represent_edge(edge: _Edge, seconds: float) -> service_schema.ServiceEdge:
    return service_schema.ServiceEdge(
        source=edge.source.name,
        target=edge.target.name,
        kind=edge.kind,
        source_kind=edge.source.kind,
        target_kind=edge.target.kind,
        system=edge.source.system or edge.target.system or None,
        is_async=edge.is_async,
        calls=edge.statistics.calls,
        errors=edge.statistics.errors,
        p50=edge.statistics.p50_ms,
        p95=edge.statistics.p95_ms,
        p99=edge.statistics.p99_ms,
        calls_per_second=edge.statistics.calls / seconds,
    )
