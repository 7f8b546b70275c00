"""Answers for decisions: static SQL over the connections of the reader of interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import msgspec

from storage.decision_reader import (
    DECISION_DIMENSIONS,
    MAX_DECISIONS,
    DecisionFilter,
    DecisionGroup,
    DecisionStatisticsQuestion,
    DecisionTable,
    DecisionTrace,
    DecisionTraceCursor,
    DecisionTracePage,
    DecisionTraceQuestion,
    Downstream,
)
from storage.interaction_reader import CALLS, Percentiles
from storage.postgres.decision_row import decision_of
from storage.postgres.read_pool import BY_INDEX, ReaderConfig, ReadPool
from storage.postgres.statement import load_statements
from storage.postgres.storable import short, stored_id
from storage.postgres.stored_part import Row
from tracedata.decision import Decision

_RAW = load_statements("decision.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
# What belongs to a decision is no further away.
_DAY_US = 86_400_000_000
# Of each trace of a list.
_MAX_LISTED = 100


def _whole(name: str) -> LiteralString:
    """A statement with the fragments that it names."""
    newer = _RAW["matches"].replace("d.", "n.")
    statement = _RAW[name].replace("{newer_matches}", newer)
    for part in ("columns", "matches"):
        statement = statement.replace(f"{{{part}}}", _RAW[part])
    return statement


STATEMENTS = {name: _whole(name) for name in _RAW}


class PostgresDecisionReader:
    """``storage.decision_reader.DecisionReader`` over a pool of read-only connections."""

    def __init__(self, config: ReaderConfig) -> None:
        self._pool = ReadPool(msgspec.structs.replace(config, application_name="relayscope-decisions"))

    async def start(self) -> None:
        """Opens the pool; the database need not answer yet."""
        await self._pool.start()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def traces(self, question: DecisionTraceQuestion) -> DecisionTracePage:
        """See ``DecisionReader``. Partitions are read one after the other until the page is full."""
        after, where = question.after, filter_parameters(question.where)
        place = {
            "after_time": None if after is None else _moment(after.time_us),
            "after_trace_id": None if after is None else after.trace_id,
            "limit": question.limit + 1,
        }
        rows = await self._pool.fetch(
            STATEMENTS["newest"], {**where, **place}, action="decision traces", planning=BY_INDEX
        )
        shown = rows[: question.limit]
        trace_ids = [row.trace_id for row in shown]
        found = await self._of_traces(where, trace_ids) if trace_ids else {}
        cursor = None
        if len(rows) > len(shown) > 0:
            cursor = DecisionTraceCursor(time_us=shown[-1].time, trace_id=shown[-1].trace_id)
        # One that was settled away since the page was looked for is left out.
        return DecisionTracePage(items=[found[one] for one in trace_ids if one in found], cursor=cursor)

    async def _of_traces(
        self, where: Mapping[str, object], trace_ids: Sequence[bytes]
    ) -> Mapping[bytes, DecisionTrace]:
        parameters = {**where, "trace_ids": list(trace_ids), "most": _MAX_LISTED}
        rows = await self._pool.fetch(STATEMENTS["of_traces"], parameters, action="decision traces", planning=BY_INDEX)
        by_trace: dict[bytes, list[tuple[Decision, bool]]] = {}
        for row in rows:
            by_trace.setdefault(row.trace_id, []).append((decision_of(row), row.is_match))
        return {
            trace_id: DecisionTrace(
                trace_id=trace_id,
                decisions=[one for one, _ in ones],
                matched=frozenset(one.id for one, is_match in ones if is_match),
            )
            for trace_id, ones in by_trace.items()
        }

    async def trace(self, workspace_id: int, trace_id: bytes) -> DecisionTrace | None:
        parameters = {"workspace_id": workspace_id, "trace_id": trace_id, "most": MAX_DECISIONS}
        rows = await self._pool.fetch(STATEMENTS["of_trace"], parameters, action="decision trace", planning=BY_INDEX)
        return DecisionTrace(trace_id=trace_id, decisions=[decision_of(row) for row in rows]) if rows else None

    async def trace_of_request(self, workspace_id: int, request_id: str) -> bytes | None:
        parameters = {"workspace_id": workspace_id, "request_id": stored_id(request_id)}
        rows = await self._pool.fetch(STATEMENTS["of_request"], parameters, action="decision trace", planning=BY_INDEX)
        return bytes(rows[0].trace_id) if rows else None

    async def statistics(self, question: DecisionStatisticsQuestion) -> DecisionTable:
        where = question.where
        parameters = {
            **filter_parameters(where),
            "by": list(question.by),
            "bucket": None if question.bucket_us is None else timedelta(microseconds=question.bucket_us),
            "limit": question.limit + 1,
            "calls": list(CALLS),
            "calls_start": _moment(where.start_us - _DAY_US),
            "calls_end": _moment(where.end_us + _DAY_US),
        }
        rows = await self._pool.fetch(STATEMENTS["statistics"], parameters, action="decision statistics")
        return DecisionTable(
            rows=[_group(row, question) for row in rows[: question.limit]],
            total=rows[0].total if rows else 0,
            is_cut=len(rows) > question.limit,
        )


def filter_parameters(where: DecisionFilter) -> dict[str, object]:
    """Texts are looked for as they are stored: cut, and ids with a digest of what was cut."""
    texts = ("type", "component", "outcome", "status", "provider", "model", "service")
    ids = ("request_id", "user", "session", "organization")
    return {
        "workspace_id": where.workspace_id,
        "start": _moment(where.start_us),
        "end": _moment(where.end_us),
        **{name: None if (text := getattr(where, name)) is None else short(text) for name in texts},
        **{name: None if (text := getattr(where, name)) is None else stored_id(text) for name in ids},
        "rule_id": None if where.rule is None else stored_id(where.rule),
        "rule_name": None if where.rule is None else short(where.rule),
        "is_enforced": where.is_enforced,
        "words": [word.lower() for word in where.words] or None,
        "paths": msgspec.json.encode(where.paths).decode() if where.paths else None,
    }


def _moment(unix_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))


def _group(row: Row, question: DecisionStatisticsQuestion) -> DecisionGroup:
    values = dict(zip(DECISION_DIMENSIONS, row.key, strict=True))
    costs = msgspec.json.decode(row.costs, type=dict[str, str]) if row.costs else {}
    return DecisionGroup(
        key={name: values[name] for name in question.by},
        count=row.decisions,
        share=row.share,
        traces=row.traces,
        enforced=row.enforced,
        shadow=row.shadow,
        evaluated=row.evaluated,
        evaluation=_percentiles(row.evaluation),
        downstream=Downstream(
            calls=row.calls or 0,
            errors=row.errors or 0,
            priced=row.priced or 0,
            # Sums come as text, since they may exceed what JSON's numbers hold exactly.
            costs_pico={currency: int(pico) for currency, pico in costs.items()},
            latency=_percentiles(row.latency),
        ),
        bucket_us=None if question.bucket_us is None else row.bucket,
    )


def _percentiles(found: Sequence[float] | None) -> Percentiles | None:
    return Percentiles(p50=found[0], p95=found[1], p99=found[2]) if found else None
