"""Reads the log records that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from storage.log_record import LogCursor, LogPage, LogSearch
from storage.postgres.read_pool import BY_INDEX, ReadPool
from storage.postgres.row import MAX_SERVICE_NAME_CHARS
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row, decode_receipt
from tracedata import LogRecord, Resource, Scope
from tracedata.typed_json import decode_attributes, decode_value

_STATEMENTS = load_statements("log_reader.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
_MIN_TIE, _MAX_TIE = -(2**63), 2**63 - 1
_BEFORE_ALL = LogCursor(moment_unix_nano=0, tie=_MIN_TIE)
_AFTER_ALL = LogCursor(moment_unix_nano=2**64 - 1, tie=_MAX_TIE)


class PostgresLogReader:
    """``storage.log_record.LogReader`` over the pool of another reader. Records of one moment are told apart by their fingerprints."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def trace_log_records(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: LogCursor | None = None
    ) -> LogPage:
        """See ``LogReader``."""
        wanted = {"workspace_id": workspace_id, "trace_id": trace_id, "limit": limit + 1}
        place = _place(after or _BEFORE_ALL)
        rows = await self._pool.fetch(
            _STATEMENTS["of_trace"], {**wanted, **place}, action="log records", planning=BY_INDEX
        )
        return await self._page(workspace_id, rows, limit=limit)

    async def find_log_records(self, search: LogSearch) -> LogPage:
        """See ``LogReader``."""
        service = None if search.service is None else search.service[:MAX_SERVICE_NAME_CHARS]
        wanted = {
            "workspace_id": search.workspace_id,
            "first": _moment(search.start_us),
            "last": _moment(search.end_us),
            "service": service,
            "min_severity": search.min_severity,
            "event_name": search.event_name,
            "trace_id": search.trace_id,
            "limit": search.limit + 1,
        }
        place = _place(search.after or _AFTER_ALL)
        rows = await self._pool.fetch(
            _STATEMENTS["newest"], {**wanted, **place}, action="log records", planning=BY_INDEX
        )
        return await self._page(search.workspace_id, rows, limit=search.limit)

    async def _page(self, workspace_id: int, rows: Sequence[Row], *, limit: int) -> LogPage:
        resources, scopes = await self._pool.origins(workspace_id, rows[:limit])
        records = await self._pool.aside(decode_log_records, rows[:limit], resources=resources, scopes=scopes)
        if len(rows) <= limit or not records:
            return LogPage(records=records)
        last = rows[limit - 1]
        return LogPage(
            records=records,
            cursor=LogCursor(moment_unix_nano=last.time * 1000 + last.time_ns, tie=last.fingerprint),
        )


def decode_log_records(
    rows: Sequence[Row], *, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]
) -> Sequence[LogRecord]:
    """Records from rows and the dictionary entries that they refer to, in the order of the rows."""
    return [_log_record(row, resource=resources[row.resource_id], scope=scopes[row.scope_id]) for row in rows]


def _log_record(row: Row, *, resource: Resource, scope: Scope) -> LogRecord:
    moment = row.time * 1000 + row.time_ns
    observed = moment if not row.has_time else 0
    if row.observed_time is not None:
        observed = row.observed_time * 1000 + row.observed_time_ns
    attributes = decode_attributes(row.attributes)
    receipt = decode_receipt(row.redactions)
    return LogRecord(
        resource=resource,
        scope=scope,
        trace_id=row.trace_id,
        span_id=row.span_id,
        flags=row.flags or 0,
        time_unix_nano=moment if row.has_time else 0,
        observed_time_unix_nano=observed,
        severity_number=row.severity_number,
        severity_text=row.severity_text or "",
        # The column has the name wherever it came from, so that it can be searched.
        event_name="" if attributes.get("event.name") == row.event_name else row.event_name,
        body=decode_value(row.body),
        attributes=attributes,
        dropped_attributes_count=row.dropped_attributes_count or 0,
        redactions=receipt.entities,
        redacted_keys=receipt.keys,
        redaction_policy=receipt.policy,
        ai_trace_id=row.ai_trace_id or b"",
    )


def _place(cursor: LogCursor) -> Mapping[str, object]:
    time_us, time_ns = divmod(cursor.moment_unix_nano, 1_000)
    return {"time": _moment(time_us), "time_ns": time_ns, "fingerprint": cursor.tie}


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(us, 0), _MAX_OTLP_US))
