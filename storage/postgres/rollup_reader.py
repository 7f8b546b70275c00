"""Answers from rollups, and from rows for what is not rolled up as it is: exact to the newest span that is committed.

Everything of an answer is read from one snapshot. ADR 0016 says why a call is counted once whichever of its spans came late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

from storage.api import CallStatistics, PeerEdge, PeerKind, PeerNode, ServiceEdge, ServiceMap, ServiceNode, Window
from storage.interaction_reader import CALLS, DIMENSIONS
from storage.latency import percentiles_ms
from storage.postgres.read_pool import Ask, ReadPool
from storage.postgres.rollup_mark import MINUTES_PER_DAY, MINUTES_PER_HOUR, RolledSignal
from storage.postgres.rollup_statement import load_rollup_statements
from storage.postgres.stored_part import Row

STATEMENTS = load_rollup_statements("rollup_reader.sql")
AI_STATEMENTS = load_rollup_statements("rollup_ai.sql")
_MAX_PROVIDERS = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
_US_PER_MINUTE = 60_000_000
_FRACTIONS = (0.5, 0.95, 0.99)
Relation = Literal["call", "within", "link", "database", "produce", "consume", "external", "answered"]
_PEER_KINDS: Mapping[str, PeerKind] = {
    "database": "database",
    "produce": "messaging",
    "consume": "messaging",
    "external": "external",
}
# A relation, who calls, who is called, and the system of a peer.
_Key = tuple[str, str, str, str]


class Tally:
    """Calls by latency bucket, and how many of them failed. Adding and taking away are exact."""

    __slots__ = ("cells", "errors")

    def __init__(self, buckets: Iterable[int] = (), counts: Iterable[int] = (), *, errors: int = 0) -> None:
        self.cells = Counter(dict(zip(buckets, counts, strict=True)))
        self.errors = errors

    def add(self, other: Tally) -> None:
        self.cells.update(other.cells)
        self.errors += other.errors

    def take(self, other: Tally) -> None:
        """Takes away what is a part of it."""
        self.cells.subtract(other.cells)
        self.errors -= other.errors

    @property
    def calls(self) -> int:
        return self.cells.total()

    @property
    def statistics(self) -> CallStatistics:
        cells = sorted((bucket, count) for bucket, count in self.cells.items() if count > 0)
        counts = [count for _, count in cells]
        p50, p95, p99 = percentiles_ms([bucket for bucket, _ in cells], counts, _FRACTIONS)
        return CallStatistics(calls=sum(counts), errors=self.errors, p50_ms=p50, p95_ms=p95, p99_ms=p99)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A window of a signal, and the coarsest rollups that may be read for it, in minutes."""

    window: Window
    signal: RolledSignal = "spans"
    coarsest: int = MINUTES_PER_DAY

    @property
    def parameters(self) -> dict[str, object]:
        window = self.window
        start_us = min(max(window.start_us, 0), _MAX_OTLP_US)
        end_us = min(max(window.end_us, start_us), _MAX_OTLP_US)
        return {
            "workspace_id": window.workspace_id,
            "signal": self.signal,
            "coarsest": self.coarsest,
            "start": _EPOCH + timedelta(microseconds=start_us),
            "end": _EPOCH + timedelta(microseconds=end_us),
        }


def coarsest_of(length_us: int | None) -> int:
    """The coarsest rollups, in minutes, of which each lies in one time bucket of a length; 0 when none does."""
    if length_us is None:
        return MINUTES_PER_DAY
    return next((one for one in (MINUTES_PER_DAY, MINUTES_PER_HOUR, 1) if length_us % (one * _US_PER_MINUTE) == 0), 0)


async def covered(ask: Ask, question: Question) -> dict[str, object]:
    """The parameters of statements that read a window: the question's, and which of it is read from where."""
    (row,) = await ask(STATEMENTS["coverage"], question.parameters)
    return {**question.parameters, **row._asdict()}


class RollupReader:
    """Answers over a pool of read-only connections, which lives as long as this one."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def service_map(self, window: Window) -> ServiceMap:
        """See ``storage.api.SpanReader``."""
        async with self._pool.snapshot(STATEMENTS["snapshot"], action="service map") as ask:
            parameters = await covered(ask, Question(window=window))
            services = await ask(STATEMENTS["services"], parameters)
            edges = _tallies(await ask(STATEMENTS["edges"], parameters))
            providers = await ask(AI_STATEMENTS["statistics"], await _provider_parameters(ask, window))
        peers = {**_peers(edges), **_providers(providers)}
        return ServiceMap(
            nodes=_nodes(services, edges),
            edges=sorted(
                [*_calls(edges, {"call"}), *_calls(edges, {"link"}, is_async=True)],
                key=lambda edge: (edge.parent, edge.child, edge.is_async),
            ),
            peers=[PeerEdge(**one._asdict(), statistics=tally.statistics) for one, tally in sorted(peers.items())],
            peer_nodes=_peer_nodes(peers),
        )

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        """See ``storage.api.SpanReader``."""
        async with self._pool.snapshot(STATEMENTS["snapshot"], action="service map") as ask:
            parameters = await covered(ask, Question(window=window))
            edges = _tallies(await ask(STATEMENTS["edges"], parameters))
        return _calls(edges, {"call", "within"})


async def _provider_parameters(ask: Ask, window: Window) -> Mapping[str, object]:
    """Those of AI statistics by provider and service, over calls of models."""
    open_filter = dict.fromkeys(("provider", "model", "agent", "service", "status"))
    return {
        **open_filter,
        **await covered(ask, Question(window=window, signal="ai_interactions")),
        "operations": list(CALLS),
        "by": ["provider", "service"],
        "length": None,
        "limit": _MAX_PROVIDERS,
    }


def _tallies(rows: Sequence[Row]) -> dict[_Key, Tally]:
    return {
        (row.relation, row.source, row.target, row.system): Tally(row.latencies, row.counts, errors=row.errors)
        for row in rows
    }


def _nodes(services: Sequence[Row], edges: Mapping[_Key, Tally]) -> Sequence[ServiceNode]:
    """Of all spans of a service, those have entered it that have no parent in it."""
    nodes: list[ServiceNode] = []
    for row in services:
        entered = Tally(row.latencies, row.counts, errors=row.errors)
        for relation in ("call", "within"):
            if inner := edges.get((relation, row.service_name, row.service_name, "")):
                entered.take(inner)
        nodes.append(ServiceNode(service=row.service_name, spans=sum(row.counts), statistics=entered.statistics))
    return nodes


def _calls(edges: Mapping[_Key, Tally], relations: set[str], *, is_async: bool = False) -> Sequence[ServiceEdge]:
    found: dict[tuple[str, str], Tally] = {}
    for (relation, source, target, _), tally in edges.items():
        if relation in relations:
            found.setdefault((source, target), Tally()).add(tally)
    return [
        ServiceEdge(parent=source, child=target, statistics=tally.statistics, is_async=is_async)
        for (source, target), tally in sorted(found.items())
    ]


class _Peer(NamedTuple):
    """A service, and the peer that it names, in the order in which they are given."""

    service: str
    kind: PeerKind
    peer: str
    system: str
    is_inbound: bool


def _peers(edges: Mapping[_Key, Tally]) -> Mapping[_Peer, Tally]:
    """What clients name at their other end. What a service that we know has answered is no peer."""
    found: dict[_Peer, Tally] = {}
    for (relation, source, target, system), tally in edges.items():
        kind = _PEER_KINDS.get(relation)
        if kind is None:
            continue
        if answered := edges.get(("answered", source, target, "")) if kind == "external" else None:
            tally.take(answered)
        is_inbound = relation == "consume"
        service, peer = (target, source) if is_inbound else (source, target)
        found.setdefault(_Peer(service, kind, peer, system, is_inbound), Tally()).add(tally)
    return {peer: tally for peer, tally in found.items() if tally.calls}


def _providers(rows: Sequence[Row]) -> Mapping[_Peer, Tally]:
    """Providers of models, each of whose calls is one however many spans tell of it."""
    found: dict[_Peer, Tally] = {}
    for row in rows:
        key = dict(zip(DIMENSIONS, row.key, strict=True))
        if key["service"] and key["provider"]:
            peer = _Peer(key["service"], "model", key["provider"], key["provider"], is_inbound=False)
            found[peer] = Tally(row.latencies, row.counts, errors=row.errors)
    return found


def _peer_nodes(peers: Mapping[_Peer, Tally]) -> Sequence[PeerNode]:
    nodes: dict[tuple[PeerKind, str, str], Tally] = {}
    for one, tally in peers.items():
        nodes.setdefault((one.kind, one.peer, one.system), Tally()).add(tally)
    return [
        PeerNode(kind=kind, peer=peer, system=system, statistics=tally.statistics)
        for (kind, peer, system), tally in sorted(nodes.items())
    ]
