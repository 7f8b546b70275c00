"""The service map as the API shows it."""

from collections.abc import Sequence

from relayscope.api.rest import service_schema
from relayscope.api.rest.value import iso_time
from storage.api import CallStatistics, ServiceEdge, ServiceNode, Window

MAX_NODES = 1_000
MAX_EDGES = 5_000
_US_PER_S = 1_000_000
_NS_PER_US = 1_000
_NO_CALLS = CallStatistics(calls=0, errors=0, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0)


def represent_map(
    nodes: Sequence[ServiceNode], edges: Sequence[ServiceEdge], *, window: Window, service: str | None = None
) -> service_schema.ServiceMap:
    """Nodes sorted by service, edges by source and target; with ``service``, only that one and its neighbours.

    Both ends of every edge are among the nodes. The busiest edges and nodes are kept when there are too many.
    """
    wanted = [edge for edge in edges if edge.parent != edge.child and service in (None, edge.parent, edge.child)]
    kept = sorted(wanted, key=lambda edge: -edge.statistics.calls)[:MAX_EDGES]
    ends = {name for edge in kept for name in (edge.parent, edge.child)}
    candidates = _with_ends([node for node in nodes if service is None or node.service in {service, *ends}], ends)
    shown = sorted(candidates, key=lambda node: (-node.statistics.calls, -node.spans))[:MAX_NODES]
    names = {node.service for node in shown}
    connected = [edge for edge in kept if edge.parent in names and edge.child in names]
    seconds = max(window.end_us - window.start_us, 1) / _US_PER_S
    return service_schema.ServiceMap(
        nodes=[_node(node) for node in sorted(shown, key=lambda node: node.service)],
        edges=[_edge(edge, seconds) for edge in sorted(connected, key=lambda edge: (edge.parent, edge.child))],
        start=iso_time(window.start_us * _NS_PER_US),
        end=iso_time(window.end_us * _NS_PER_US),
        truncated=len(connected) < len(wanted) or len(shown) < len(candidates),
    )


def _with_ends(nodes: Sequence[ServiceNode], ends: set[str]) -> list[ServiceNode]:
    # The caller's span may have started before the window, and then only the edge knows the service.
    missing = ends - {node.service for node in nodes}
    return [*nodes, *(ServiceNode(service=name, spans=0, statistics=_NO_CALLS) for name in sorted(missing))]


def _node(node: ServiceNode) -> service_schema.ServiceNode:
    return service_schema.ServiceNode(
        service=node.service,
        spans=node.spans,
        calls=node.statistics.calls,
        errors=node.statistics.errors,
        p50=node.statistics.p50_ms,
        p95=node.statistics.p95_ms,
        p99=node.statistics.p99_ms,
    )


def _edge(edge: ServiceEdge, seconds: float) -> service_schema.ServiceEdge:
    return service_schema.ServiceEdge(
        source=edge.parent,
        target=edge.child,
        calls=edge.statistics.calls,
        errors=edge.statistics.errors,
        p50=edge.statistics.p50_ms,
        p95=edge.statistics.p95_ms,
        p99=edge.statistics.p99_ms,
        calls_per_second=edge.statistics.calls / seconds,
    )
