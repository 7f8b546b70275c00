"""The encoded rows of one batch, of every table that it goes to. To write another table: a ``Table`` here, and its rows in ``_encode``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from storage.postgres.arrival import ARRIVAL_TABLE, encode_arrivals
from storage.postgres.chunk import CHUNK_TABLE, encode_chunks
from storage.postgres.decision_row import DECISION_COLUMNS, DECISION_IDENTITY, encode_decision
from storage.postgres.dictionary import Entries
from storage.postgres.error import place_of
from storage.postgres.interaction_row import INTERACTION_COLUMNS, INTERACTION_IDENTITY, encode_interaction
from storage.postgres.log_row import LOG_RECORD_COLUMNS, encode_log_row
from storage.postgres.partition import (
    AI_INTERACTIONS,
    ATTRIBUTE_CHUNKS,
    DECISIONS,
    LOG_RECORDS,
    NS_PER_HOUR,
    SPANS,
    Signal,
)
from storage.postgres.rollup_mark import MINUTES_PER_HOUR, NS_PER_MINUTE, RolledSignal, minute_of_stored
from storage.postgres.row import SPAN_COLUMNS, Origin, encode_row, integer_field, origin_of
from storage.postgres.table import Rows, Table
from tracedata import Batch, Interaction, LogRecord, Receipt, Resource, RetryableError, Scope, Span
from tracedata.decision import Decision

_log = logging.getLogger(__name__)

SPAN_TABLE = Table("spans", SPAN_COLUMNS, identity=("trace_id", "span_id", "start_time", "fingerprint"))
LOG_RECORD_TABLE = Table("log_records", LOG_RECORD_COLUMNS, identity=("trace_id", "span_id", "time", "fingerprint"))
INTERACTION_TABLE = Table("ai_interactions", INTERACTION_COLUMNS, identity=INTERACTION_IDENTITY)
DECISION_TABLE = Table("decisions", DECISION_COLUMNS, identity=DECISION_IDENTITY)
# In the order in which groups are written: chunks come first, since nothing finds a span before its chunk is stored.
TABLES = (CHUNK_TABLE, SPAN_TABLE, LOG_RECORD_TABLE, INTERACTION_TABLE, DECISION_TABLE, ARRIVAL_TABLE)
# What senders send, and are told of when it cannot be stored. What is made of that is not among it.
SENT_TABLES = (SPAN_TABLE, LOG_RECORD_TABLE)
UNSTORABLE = "unstorable"
_Item = TypeVar("_Item", Interaction, Decision)


class Parcel:
    """The rows of one batch by table, the hours by signal that need a partition, and the future that its sender waits for."""

    __slots__ = (
        "chunk",
        "doubtful",
        "entries",
        "hours",
        "minutes",
        "origin",
        "outcome",
        "refused",
        "rejections",
        "rows",
        "size",
        "stands_alone",
        "trace_ids",
        "workspace_id",
    )

    def __init__(self, batch: Batch, *, origin: object | None, chunk: int) -> None:
        self.origin = origin
        self.chunk = chunk
        self.rows: dict[Table, list[bytes]] = {}
        self.entries = Entries()
        self.hours: dict[Signal, set[int]] = {}
        # What has to be rolled up anew.
        self.minutes: dict[tuple[int, RolledSignal], set[int]] = {}
        self.rejections: Mapping[str, int] = batch.rejections
        self.workspace_id = batch.workspace_id
        # Of what the sender sent.
        self.trace_ids: set[bytes] = set()
        # Traces that arrive in place of what was made of them, for when some of the batch is stored already: what was settled
        # since must not get rows beside it.
        self.doubtful: set[bytes] = set()
        # Whether it is written by itself: in a group with what is stored already, its interactions would be left to settling,
        # which knows of no tie between traces but a response id, and rows that are stored.
        self.stands_alone = False
        # How many of the rows PostgreSQL refused; set anew whenever the group is written once more.
        self.refused: Mapping[Table, int] = {}
        self._encode(batch)
        self.size = sum(sum(map(len, rows)) for rows in self.rows.values())
        self.outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    @property
    def row_count(self) -> int:
        """Rows of all tables but that of chunks, which are few."""
        return sum(len(rows) for table, rows in self.rows.items() if table is not CHUNK_TABLE)

    def stored(self, table: Table) -> int:
        """How many rows of a table are stored once the group is."""
        return len(self.rows.get(table, ())) - self.refused.get(table, 0)

    def _encode(self, batch: Batch) -> None:
        origins = _Origins(batch.workspace_id, self.entries)
        if batch.spans:
            self.rows[CHUNK_TABLE] = encode_chunks(batch.spans, workspace_id=batch.workspace_id, chunk=self.chunk)
            self.rows[SPAN_TABLE] = self._span_rows(batch.spans, origins)
            self.trace_ids.update([span.trace_id for span in batch.spans])
        if batch.log_records:
            self.rows[LOG_RECORD_TABLE] = self._log_record_rows(batch.log_records, origins)
            self.trace_ids.update([record.trace_id for record in batch.log_records if record.trace_id])
        arrivals = [*batch.arrivals]
        if batch.interactions:
            self.rows[INTERACTION_TABLE] = self._interaction_rows(batch.interactions, arrivals)
        if batch.decisions:
            self.rows[DECISION_TABLE] = self._decision_rows(batch.decisions, arrivals)
        if arrivals:
            self.rows[ARRIVAL_TABLE] = encode_arrivals(arrivals, workspace_id=batch.workspace_id)

    def _span_rows(self, spans: Iterable[Span], origins: _Origins) -> list[bytes]:
        rows: list[bytes] = []
        minutes = self.minutes.setdefault((self.workspace_id, "spans"), set())
        chunk = integer_field(self.chunk)
        resource, scope, origin = None, None, None
        for span in spans:
            # Spans of one request share their resource and scope objects, mostly in runs, so identity is the fast key.
            if origin is None or span.resource is not resource or span.scope is not scope:
                resource, scope = span.resource, span.scope
                origin = origins.of(resource, scope)
            rows.append(encode_row(span, origin, chunk=chunk))
            self.entries.add_operation(span, origin)
            minutes.add(span.start_time_unix_nano // NS_PER_MINUTE)
        hours = {minute // MINUTES_PER_HOUR for minute in minutes}
        for signal in (SPANS, ATTRIBUTE_CHUNKS):
            self.hours.setdefault(signal, set()).update(hours)
        return rows

    def _log_record_rows(self, records: Iterable[LogRecord], origins: _Origins) -> list[bytes]:
        hours = self.hours.setdefault(LOG_RECORDS, set())
        hours.update(record.moment_unix_nano // NS_PER_HOUR for record in records)
        return [encode_log_row(record, origins.of(record.resource, record.scope)) for record in records]

    def _interaction_rows(self, interactions: Sequence[Interaction], arrivals: list[bytes]) -> list[bytes]:
        hours = self.hours.setdefault(AI_INTERACTIONS, set())
        hours.update(one.start_time_unix_nano // NS_PER_HOUR for one in interactions)
        minutes = self.minutes.setdefault((self.workspace_id, "ai_interactions"), set())
        minutes.update(minute_of_stored(one.start_time_unix_nano) for one in interactions)
        self.doubtful.update(source.trace_id for one in interactions for source in one.sources)
        self.stands_alone = any(map(_is_known_here_only, interactions))
        return self._derived_rows(interactions, encode_interaction, arrivals)

    def _decision_rows(self, decisions: Sequence[Decision], arrivals: list[bytes]) -> list[bytes]:
        hours = self.hours.setdefault(DECISIONS, set())
        hours.update(one.time_unix_nano // NS_PER_HOUR for one in decisions)
        return self._derived_rows(decisions, encode_decision, arrivals)

    def _derived_rows(self, made: Sequence[_Item], encode: Callable[..., bytes], arrivals: list[bytes]) -> list[bytes]:
        """Of what cannot be a row the trace becomes an arrival: settling counts what fails, and its neighbours are stored."""
        self.doubtful.update(one.trace_id for one in made)
        rows: list[bytes] = []
        for one in made:
            try:
                rows.append(encode(one, workspace_id=self.workspace_id))
            except Exception as exc:  # noqa: BLE001 - the sender would send it again, with its neighbours, for ever
                _log.error("what was made of a trace cannot be stored: %s", place_of(exc))
                arrivals.append(one.trace_id)
        return rows

    def rows_again(self) -> Rows:
        """What to store in place of the rows when some of them are stored already."""
        doubtful = encode_arrivals(self.doubtful, workspace_id=self.workspace_id)
        arrivals = [*self.rows.get(ARRIVAL_TABLE, ()), *doubtful]
        sent = {table: rows for table, rows in self.rows.items() if table in (CHUNK_TABLE, *SENT_TABLES)}
        return {**sent, ARRIVAL_TABLE: arrivals} if arrivals else sent

    def settle(self) -> None:
        """Answers the sender, whose rows are stored."""
        if self.outcome.done():
            return
        rejections = self.rejections
        refused = sum(self.refused.get(table, 0) for table in SENT_TABLES)
        if refused:
            rejections = {**rejections, UNSTORABLE: rejections.get(UNSTORABLE, 0) + refused}
        self.outcome.set_result(Receipt(accepted=sum(map(self.stored, SENT_TABLES)), rejections=rejections))

    def fail(self, message: str) -> None:
        """Answers the sender, who may try again."""
        if not self.outcome.done():
            self.outcome.set_exception(RetryableError(message))


class _Origins:
    """The origin of each resource and scope of a batch, known by identity; the dictionary entries that it needs."""

    def __init__(self, workspace_id: int, entries: Entries) -> None:
        self._workspace_id = workspace_id
        self._entries = entries
        self._known: dict[tuple[int, int], Origin] = {}

    def of(self, resource: Resource, scope: Scope) -> Origin:
        origin = self._known.get((id(resource), id(scope)))
        if origin is None:
            origin = origin_of(resource, scope, workspace_id=self._workspace_id)
            self._known[id(resource), id(scope)] = origin
            self._entries.add_origin(resource, scope, origin)
        return origin


def _is_known_here_only(interaction: Interaction) -> bool:
    """Whether nothing that is stored but the row itself says that several traces tell of this call."""
    return not interaction.response_id and any(one.trace_id != interaction.trace_id for one in interaction.sources)


def hour_of_span(span: Span) -> int:
    """The hour in which a span starts, counted from the epoch."""
    return span.start_time_unix_nano // NS_PER_HOUR


def rows_of(group: Sequence[Parcel]) -> Rows:
    """The rows of a group of parcels, by table."""
    return _joined([parcel.rows for parcel in group])


def rows_again_of(group: Sequence[Parcel]) -> Rows:
    """What to store in place of them when some are stored already."""
    return _joined([parcel.rows_again() for parcel in group])


def traces_of(group: Sequence[Parcel]) -> Mapping[int, set[bytes]]:
    """The ids of the traces of a group, by workspace."""
    found: dict[int, set[bytes]] = {}
    for parcel in group:
        if parcel.trace_ids:
            found.setdefault(parcel.workspace_id, set()).update(parcel.trace_ids)
    return found


def _joined(parts: Sequence[Rows]) -> Rows:
    found = {table: [row for part in parts for row in part.get(table, ())] for table in TABLES}
    return {table: rows for table, rows in found.items() if rows}
