"""Redacts what is stored already, after a stricter policy: page by page, in runs that go on where they were interrupted.

A page of spans, or of log records, is replaced, and its place noted, in one transaction: whatever stops the run, no row is
lost, there twice, or looked at without being noted. Every step can be done again. ADR 0007 says why rows move between partitions.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import namedtuple_row

from storage.api import DEFAULT_WORKSPACE_ID
from storage.audit import APPLIED_AGAIN, APPLYING_AGAIN, AuditLog
from storage.postgres.archive import await_copies
from storage.postgres.arrival import ARRIVAL_TABLE, encode_arrivals
from storage.postgres.chunk import CHUNK_TABLE
from storage.postgres.chunk_remaking import remake_stale_chunks, stored_entries
from storage.postgres.connection import connect
from storage.postgres.dictionary import Dictionary, Entries
from storage.postgres.durability import commit_durably
from storage.postgres.entry_redaction import redact_entries
from storage.postgres.error import CONFLICT_ERRORS, translated
from storage.postgres.parcel import SPAN_TABLE
from storage.postgres.product import PRODUCTS
from storage.postgres.read_pool import configure_reading
from storage.postgres.redactable import ARCHIVED_SPANS, REDACTABLE, Change, Redactable
from storage.postgres.rollup_mark import RolledSignal, Touched, mark
from storage.postgres.statement import load_statements
from storage.postgres.table import insert_rows
from storage.redaction import Application, ApplyProgress, OnApply, ProcessorOf
from tracedata import LogRecord, PermanentError, RetryableError, Span

_STATEMENTS = load_statements("redaction.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US_PER_MINUTE = 60_000_000
_MAX_CONFLICTS = 20
# After a page of more than this, the next one has half as many rows; after one of a quarter of it, twice as many.
_MAX_PAGE_BYTES = 32 << 20
DICTIONARIES = ("resources", "scopes", "operations")

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any
Connection = AsyncConnection[Any]
Kind = Redactable[Span] | Redactable[LogRecord]
# Ids, start (or the time of a log record) in Unix microseconds, fingerprint.
Identity = tuple[bytes, bytes, int, int]
# An identity without the fingerprint, which changes when a row does.
Position = tuple[bytes, bytes, int]
# Before the beginning of all time, since a log record need not have ids.
_BEFORE_ALL: Position = (b"", b"", -1)
_SIGNALS = {"signals": list(REDACTABLE), "archive": ARCHIVED_SPANS.table.name}
_KINDS = {**REDACTABLE, ARCHIVED_SPANS.table.name: ARCHIVED_SPANS}


class ApplyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``policy`` is the hash of what is applied; ``actor`` is who does it.

    A page has at most ``page_spans`` rows, and those with the same ids and start as its last; fewer when they are large.
    """

    dsn: str
    policy: str
    actor: str
    page_spans: int = 200
    application_name: str = "relayscope-redaction"


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page after redaction: the changed rows under the identities that they have so far, and the last place."""

    last: Position
    rows: int
    skipped: int
    changed: Mapping[Identity, Change]


class Reredaction:
    """One call of ``apply`` is one run, or the rest of one. ``processor_of`` gives what redacts a workspace's spans."""

    def __init__(
        self,
        config: ApplyConfig,
        processor_of: ProcessorOf,
        audit: AuditLog,
        *,
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._config = config
        self._processor_of = processor_of
        self._audit = audit
        self._settle = settle
        self._dictionary = Dictionary()
        self._limit = config.page_spans

    async def apply(self, *, on_progress: OnApply | None = None) -> Application:
        """Goes on with the last run when that was of the same policy and was interrupted; begins another one if not.

        Raises:
            PermanentError: another process does this now, or the schema is old.
            RetryableError: the database cannot be reached or is too busy; what was done stays done.
        """
        with translated("apply redaction"):
            opened: Connection = await connect(self._config.dsn, autocommit=True)
            async with opened as connection:
                connection.row_factory = namedtuple_row
                await configure_reading(connection)
                await commit_durably(connection)
                await _lock(connection)
                return await self._run(connection, on_progress)

    async def _run(self, connection: Connection, on_progress: OnApply | None) -> Application:
        run, is_resumed = await self._begin(connection)
        await self._record(APPLYING_AGAIN, {"runId": run, "policy": self._config.policy, "isResumed": is_resumed})
        expected = int((await _row(connection, "expected", _SIGNALS))[0])
        # Asked again and again: partitions come, go, and take rows from the default one meanwhile.
        while found := await _rows(connection, "partitions", {"run": run, **_SIGNALS}):
            for partition in found:
                await self._redact_partition(connection, run, partition, expected=expected, on_progress=on_progress)
        await self._redact_archive(connection, run, expected=expected, on_progress=on_progress)
        while await _despite_conflicts(partial(remake_stale_chunks, connection)):
            pass
        entries = await redact_entries(connection, self._processor_of, page=self._config.page_spans)
        if self._settle is not None:
            await self._settle()
        vacuumed = await self._vacuum(connection, run)
        await connection.execute(_STATEMENTS["finish"], {"run": run})
        totals = await _row(connection, "totals", {"run": run})
        counts = {row[0]: row[1] for row in await _rows(connection, "entities", {"run": run})}
        done = Application(
            run_id=run,
            policy=self._config.policy,
            is_resumed=is_resumed,
            spans=totals.spans,
            log_records=totals.log_records,
            changed=totals.changed,
            skipped=totals.skipped,
            entities=counts,
            entries=entries.overwritten,
            operations=entries.removed,
            vacuumed=vacuumed,
        )
        await self._record(APPLIED_AGAIN, msgspec.to_builtins(done))
        return done

    async def _begin(self, connection: Connection) -> tuple[int, bool]:
        unfinished = await _rows(connection, "unfinished", {"policy": self._config.policy})
        if unfinished:
            return int(unfinished[0].run_id), True
        return int((await _row(connection, "begin", {"policy": self._config.policy})).run_id), False

    async def _record(self, action: str, detail: Mapping[str, object]) -> None:
        await self._audit.record(
            actor=self._config.actor, action=action, workspace_id=DEFAULT_WORKSPACE_ID, detail=detail
        )

    async def _redact_partition(
        self, connection: Connection, run: int, partition: Row, *, expected: int, on_progress: OnApply | None
    ) -> None:
        kind = _KINDS[partition.signal]
        place: Position = _BEFORE_ALL
        if partition.start_us is not None:
            place = (partition.trace_id, partition.span_id, partition.start_us)
        try:
            while page := await _despite_conflicts(partial(self._page, connection, kind, partition.name, after=place)):
                await _despite_conflicts(partial(self._replace, connection, kind, run, partition.name, page))
                place = page.last
                await _tell(connection, run, partition.name, expected=expected, on_progress=on_progress)
        except errors.UndefinedTable:
            # Retention has dropped it since, and the values with it.
            pass
        await connection.execute(_STATEMENTS["end_partition"], {"run": run, "partition": partition.name})

    async def _redact_archive(
        self, connection: Connection, run: int, *, expected: int, on_progress: OnApply | None
    ) -> None:
        """Spans of which the archive has the only copy; the others were replaced with their originals.

        Last, since whatever is copied to the archive from now on is redacted already.
        """
        await await_copies(connection)
        for place in await _rows(connection, "archive", {"run": run, "name": ARCHIVED_SPANS.table.name}):
            await self._redact_partition(connection, run, place, expected=expected, on_progress=on_progress)

    async def _page(self, connection: Connection, kind: Kind, partition: str, *, after: Position) -> _Page | None:
        """The next rows, redacted; none at the end."""
        query = sql.SQL(kind.page).format(partition=sql.Identifier(partition))
        parameters = {**_parameters(after), "start": _moment(after[2]), "limit": self._limit}
        cursor = connection.cursor(binary=True)
        rows = await (await cursor.execute(query, parameters)).fetchall()
        if not rows:
            return None
        self._limit = _paced(self._limit, rows, large=kind.large, at_most=self._config.page_spans)
        changed: dict[Identity, Change] = {}
        skipped = 0
        for workspace_id in sorted({row.workspace_id for row in rows}):
            own = [row for row in rows if row.workspace_id == workspace_id]
            resources, scopes = await stored_entries(connection, workspace_id, own)
            known = [row for row in own if row.resource_id in resources and row.scope_id in scopes]
            skipped += len(own) - len(known)
            processor = self._processor_of(workspace_id)
            changes = kind.changes(processor, known, workspace_id=workspace_id, resources=resources, scopes=scopes)
            changed |= {_identity(row): one for row, one in zip(known, changes, strict=True) if one is not None}
        return _Page(last=_identity(rows[-1])[:3], rows=len(rows), skipped=skipped, changed=changed)

    async def _replace(self, connection: Connection, kind: Kind, run: int, partition: str, page: _Page) -> None:
        """Puts the changed rows of a page in the place of the old ones, and notes that."""
        entries = Entries()
        for change in page.changed.values():
            entries.merge(change.entries)
        # Before the transaction: entries are remembered as stored, and a rollback would not be noticed.
        await self._dictionary.ensure(connection, entries)
        async with connection.transaction():
            await connection.execute(_STATEMENTS["patience"])
            await connection.execute(_STATEMENTS["keep_partitions"])
            there = await _remove(connection, kind, partition, list(page.changed))
            # What retention has removed meanwhile, or what has moved to a partition of its own, is not put back.
            if there:
                changed = [page.changed[identity] for identity in there]
                arrivals = _arrivals(changed)
                chunks = [row for one in changed for row in one.chunks]
                encoded = [one.encoded for one in changed]
                await insert_rows(connection, {CHUNK_TABLE: chunks, kind.table: encoded, ARRIVAL_TABLE: arrivals})
                if kind.table is SPAN_TABLE:
                    await mark(connection, _minutes(page, there))
            if kind is REDACTABLE["spans"]:
                # The copies of the same spans, so that at no moment the two look like different ones.
                name = ARCHIVED_SPANS.table.name
                copies = await _remove(connection, ARCHIVED_SPANS, name, list(page.changed))
                if copies:
                    await insert_rows(connection, {ARCHIVED_SPANS.table: [page.changed[one].encoded for one in copies]})
            counts = Counter[str]()
            for identity in there:
                counts.update(page.changed[identity].entities)
            # The column is named by what came first.
            done = {"spans": page.rows, "changed": len(there), "skipped": page.skipped}
            place = {"run": run, "partition": partition, **_parameters(page.last)}
            await connection.execute(_STATEMENTS["advance"], {**place, **done})
            if counts:
                named = {"entities": list(counts), "counts": list(counts.values())}
                await connection.execute(_STATEMENTS["add_entities"], {"run": run, **named})

    async def _vacuum(self, connection: Connection, run: int) -> Sequence[str]:
        """Takes dead rows, and samples of them, out of everything that was changed."""
        vacuumed: list[str] = []
        for row in await _rows(connection, "touched", {"run": run, **_SIGNALS}):
            with contextlib.suppress(errors.UndefinedTable):
                await _vacuum(connection, row.partition)
                vacuumed.append(row.partition)
            await connection.execute(_STATEMENTS["vacuumed"], {"run": run, "partition": row.partition})
        for name in (*DICTIONARIES, CHUNK_TABLE.name, *(product.table.name for product in PRODUCTS)):
            await _vacuum(connection, name)
        await connection.execute(_STATEMENTS["analyze"])
        return vacuumed


async def _tell(
    connection: Connection, run: int, partition: str, *, expected: int, on_progress: OnApply | None
) -> None:
    if on_progress is None:
        return
    totals = await _row(connection, "totals", {"run": run})
    rows = totals.spans + totals.log_records
    on_progress(
        ApplyProgress(
            run_id=run, partition=partition, rows=rows, changed=totals.changed, expected_rows=max(expected, rows)
        )
    )


async def _lock(connection: Connection) -> None:
    cursor = await connection.execute(_STATEMENTS["lock_runs"])
    row = await cursor.fetchone()
    if not row or not row[0]:
        raise PermanentError("another process applies a policy to what is stored; wait for it")


async def _despite_conflicts(step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever the step gives
    """Others come first; each attempt has waited for a while already."""
    for _ in range(_MAX_CONFLICTS):
        try:
            return await step()
        except CONFLICT_ERRORS:
            continue
    raise RetryableError("the database is too busy; run the command again, and it goes on from here")


def _arrivals(changed: Sequence[Change]) -> list[bytes]:
    """What was made of the changed rows, by whatever trace it is told, is to be made anew."""
    traces: dict[int, set[bytes]] = {}
    for change in changed:
        if change.trace_id:
            traces.setdefault(change.workspace_id, set()).add(change.trace_id)
    return [
        row
        for workspace_id, trace_ids in traces.items()
        for row in encode_arrivals(trace_ids, workspace_id=workspace_id)
    ]


def _minutes(page: _Page, there: Sequence[Identity]) -> Touched:
    """Names of operations and of peers may have changed."""
    found: dict[tuple[int, RolledSignal], set[int]] = {}
    for identity in there:
        found.setdefault((page.changed[identity].workspace_id, "spans"), set()).add(identity[2] // _US_PER_MINUTE)
    return found


def _paced(limit: int, rows: Sequence[Row], *, large: Sequence[str], at_most: int) -> int:
    """How many rows the next page has, after this one, whose size is that of the ``large`` columns."""
    size = sum(len(part) for row in rows for part in (getattr(row, column) for column in large) if part)
    if size > _MAX_PAGE_BYTES:
        return max(1, limit // 2)
    return min(at_most, limit * 2) if size < _MAX_PAGE_BYTES // 4 else limit


async def _remove(
    connection: Connection, kind: Kind, partition: str, identities: Sequence[Identity]
) -> Sequence[Identity]:
    if not identities:
        return []
    query = sql.SQL(kind.remove).format(partition=sql.Identifier(partition))
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        query,
        {
            "trace_ids": [one[0] for one in identities],
            "span_ids": [one[1] for one in identities],
            "starts": [_moment(one[2]) for one in identities],
            "fingerprints": [one[3] for one in identities],
        },
    )
    return [_identity(row) for row in await cursor.fetchall()]


def _identity(row: Row) -> Identity:
    return bytes(row.trace_id), bytes(row.span_id), row.start_time, row.fingerprint


def _parameters(position: Position) -> Mapping[str, object]:
    trace_id, span_id, start_us = position
    return {"trace_id": trace_id, "span_id": span_id, "start_us": start_us}


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


async def _rows(connection: Connection, statement: str, parameters: Mapping[str, object]) -> Sequence[Row]:
    return await (await connection.execute(_STATEMENTS[statement], parameters)).fetchall()


async def _row(connection: Connection, statement: str, parameters: Mapping[str, object]) -> Row:
    (row,) = await _rows(connection, statement, parameters)
    return row


async def _vacuum(connection: Connection, table: str) -> None:
    await connection.execute(sql.SQL(_STATEMENTS["vacuum"]).format(table=sql.Identifier(table)))
