"""How log records are read, so that it can be implemented from these comments alone.

``tests/contract/storage`` holds the suite that every implementation passes. Records are written as part of batches: see
``storage.api.SpanWriter``. One that is stored already (same ids, time and content) is stored once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tracedata import LogRecord


class LogCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a record in a list: its moment, and what orders different records of one moment.

    ``tie`` is the store's own: nobody else gives it a meaning.
    """

    moment_unix_nano: int
    tie: int


class LogSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are wanted: those on which every given predicate holds.

    Times are Unix microseconds and bound the moment of a record (cut to microseconds), both ends included.
    ``event_name`` is compared with ``LogRecord.name``; ``min_severity`` is the least severity number.
    """

    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    service: str | None = None
    min_severity: int | None = None
    event_name: str | None = None
    trace_id: bytes | None = None
    after: LogCursor | None = None


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order that was asked for; ``cursor`` when there may be more."""

    records: Sequence[LogRecord]
    cursor: LogCursor | None = None


class LogReader(Protocol):
    """Answers for what is stored. Rows of other workspaces are never visible.

    A record's ``event_name`` is its ``name``, unless its attributes say the same.
    Every method raises ``RetryableError`` when the store cannot be reached.
    """

    async def trace_log_records(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: LogCursor | None = None
    ) -> LogPage:
        """The records of a trace by their moment, the earliest first, at most ``limit``; none for an unknown trace."""
        ...

    async def find_log_records(self, search: LogSearch) -> LogPage:
        """At most ``search.limit`` records, newest first; following cursors gives each record once."""
        ...
