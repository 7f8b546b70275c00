"""Looks at the newest spans in portions, each one statement, until nothing is left or a budget is used up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import msgspec

from storage.postgres.read_pool import BY_INDEX, ReadPool
from storage.postgres.reader import decode_spans
from storage.postgres.row import MAX_SERVICE_NAME_CHARS
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row
from storage.sample import (
    MAX_VALUE_CHARS,
    AttributeKey,
    AttributePlace,
    AttributeValue,
    FailureSample,
    KeySample,
    SampleWindow,
    ValueSample,
)
from tracedata import Span
from tracedata.typed_json import decode_value

_STATEMENTS = load_statements("sample.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
_MAX_FINGERPRINT = 2**63 - 1
# A small first portion tells soon how long the others take: spans can hold long texts.
_FIRST_ROWS = 500
_ROWS_GROWTH = 4
_MAX_ROWS = 8_000


def _filled(statement: LiteralString) -> LiteralString:
    for name in ("portion", "reached", "type"):
        statement = statement.replace(f"{{{name}}}", _STATEMENTS[name])
    return statement


_KEYS, _VALUES, _FAILURES = (_filled(_STATEMENTS[name]) for name in ("keys", "values", "failures"))


class SampleBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sample ends: after so many spans or values or, between two portions, after so much time."""

    max_spans: int = 20_000
    max_failure_spans: int = 100_000
    max_values: int = 20_000
    max_s: float = 1.0


class _Portion(msgspec.Struct):
    """Rows of a portion, and what is known after it."""

    rows: Sequence[Row]
    sampled: int
    is_last: bool


class PostgresSampleReader:
    """``storage.sample.SampleReader`` over the pool of another reader."""

    def __init__(
        self, pool: ReadPool, *, budget: SampleBudget | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._budget = budget or SampleBudget()
        self._clock = clock

    async def attribute_keys(self, window: SampleWindow) -> KeySample:
        """See ``SampleReader``."""
        found: Counter[tuple[AttributePlace, str, str]] = Counter()
        sampled, is_complete = 0, False
        async for portion in self._portions(_KEYS, window, {}, max_spans=self._budget.max_spans):
            sampled, is_complete = portion.sampled, portion.is_last
            for row in portion.rows:
                if row.place is not None:
                    found[row.place, row.key, row.type] += row.count
        keys = [AttributeKey(place=place, key=key, type=kind, count=n) for (place, key, kind), n in found.items()]  # type: ignore[arg-type] # the statement says one of them
        return KeySample(keys=keys, sampled=sampled, is_complete=is_complete)

    async def attribute_values(
        self, window: SampleWindow, *, key: str, place: AttributePlace | None = None
    ) -> ValueSample:
        """See ``SampleReader``."""
        found: Counter[tuple[AttributePlace, str]] = Counter()
        sampled, is_complete = 0, False
        wanted = {"key": key, "only": place, "chars": MAX_VALUE_CHARS}
        async for portion in self._portions(_VALUES, window, wanted, max_spans=self._budget.max_spans):
            sampled, is_complete = portion.sampled, portion.is_last
            for row in portion.rows:
                if row.place is not None:
                    found[row.place, row.text] += row.count
            if len(found) > self._budget.max_values:
                is_complete = False
                break
        values = await self._pool.aside(_values, found.most_common(self._budget.max_values))
        return ValueSample(values=values, sampled=sampled, is_complete=is_complete)

    async def failed_spans(self, window: SampleWindow, *, operation: str, limit: int) -> FailureSample:
        """See ``SampleReader``. Rows are narrow until it is known which spans are meant, so more of them are looked at."""
        found: list[Row] = []
        sampled, is_complete = 0, False
        portions = self._portions(_FAILURES, window, {"operation": operation}, max_spans=self._budget.max_failure_spans)
        async for portion in portions:
            sampled, is_complete = portion.sampled, portion.is_last
            found += [row for row in portion.rows if row.trace_id is not None]
            if len(found) > limit:
                is_complete = False
                break
        spans = await self._whole(window.workspace_id, found[:limit])
        return FailureSample(spans=spans, sampled=sampled, is_complete=is_complete)

    async def _portions(
        self, statement: LiteralString, window: SampleWindow, wanted: Mapping[str, object], *, max_spans: int
    ) -> AsyncIterator[_Portion]:
        deadline = self._clock() + self._budget.max_s
        sampled, rows_wanted = 0, min(_FIRST_ROWS, max_spans)
        place, fingerprint = _moment(window.end_us), _MAX_FINGERPRINT
        while True:
            parameters = {
                **wanted,
                "workspace_id": window.workspace_id,
                "service": None if window.service is None else window.service[:MAX_SERVICE_NAME_CHARS],
                "start": _moment(window.start_us),
                "place": place,
                "fingerprint": fingerprint,
                "rows": rows_wanted,
            }
            rows = await self._pool.fetch(statement, parameters, action="sample", planning=BY_INDEX)
            here = rows[0].sampled
            sampled += here
            is_last = here < rows_wanted
            yield _Portion(rows=rows, sampled=sampled, is_last=is_last)
            if is_last or sampled >= max_spans or self._clock() >= deadline:
                return
            place, fingerprint = _moment(rows[0].reached_time), rows[0].reached_fingerprint
            rows_wanted = min(rows_wanted * _ROWS_GROWTH, _MAX_ROWS, max_spans - sampled)

    async def _whole(self, workspace_id: int, places: Sequence[Row]) -> Sequence[Span]:
        if not places:
            return ()
        parameters = {
            "workspace_id": workspace_id,
            "first": _moment(places[-1].start_time),
            "last": _moment(places[0].start_time),
            "trace_ids": [row.trace_id for row in places],
            "span_ids": [row.span_id for row in places],
            "fingerprints": [row.fingerprint for row in places],
        }
        rows = await self._pool.fetch(_STATEMENTS["failed"], parameters, action="sample", planning=BY_INDEX)
        resources, scopes = await self._pool.origins(workspace_id, rows)
        return await self._pool.aside(decode_spans, rows, resources=resources, scopes=scopes)


def _values(found: Sequence[tuple[tuple[AttributePlace, str], int]]) -> list[AttributeValue]:
    return [
        AttributeValue(place=place, value=decode_value(text.encode()), count=count) for (place, text), count in found
    ]


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(us, 0), _MAX_OTLP_US))
