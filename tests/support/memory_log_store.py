"""Log records over a plain dictionary: the oracle for every other ``LogReader``."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from msgspec.structs import replace

from storage.log_record import LogCursor, LogPage, LogSearch
from tests.support.canonical import canonical
from tracedata import LogRecord


class MemoryLogStore:
    """Implements ``LogReader``."""

    def __init__(self) -> None:
        # Keyed by workspace and content, so that what is sent again finds its own place taken.
        self._records: dict[tuple[int, str], LogRecord] = {}

    def keep(self, workspace_id: int, records: Sequence[LogRecord]) -> None:
        for record in records:
            kept = as_read(record)
            # Whatever redaction says of it, it is the same record.
            bare = replace(kept, redactions={}, redacted_keys={}, redaction_policy="")
            self._records.setdefault((workspace_id, repr(canonical(bare))), kept)

    async def trace_log_records(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: LogCursor | None = None
    ) -> LogPage:
        found = [(_place(key, record), record) for key, record in self._of(workspace_id) if record.trace_id == trace_id]
        found.sort(key=lambda pair: pair[0])
        if after is not None:
            found = [pair for pair in found if pair[0] > (after.moment_unix_nano, after.tie)]
        return _page(found, limit)

    async def find_log_records(self, search: LogSearch) -> LogPage:
        found = [
            (_place(key, record), record) for key, record in self._of(search.workspace_id) if _matches(record, search)
        ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        if search.after is not None:
            found = [pair for pair in found if pair[0] < (search.after.moment_unix_nano, search.after.tie)]
        return _page(found, search.limit)

    def _of(self, workspace_id: int) -> list[tuple[str, LogRecord]]:
        return [(key, record) for (owner, key), record in self._records.items() if owner == workspace_id]


def as_read(record: LogRecord) -> LogRecord:
    """The record as a reader gives it: the name of an event that its attributes tell stands there alone."""
    if record.attributes.get("event.name") == record.name:
        return replace(record, event_name="")
    return replace(record, event_name=record.name)


def _place(key: str, record: LogRecord) -> tuple[int, int]:
    tie = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
    return record.moment_unix_nano, tie


def _page(found: Sequence[tuple[tuple[int, int], LogRecord]], limit: int) -> LogPage:
    page = found[:limit]
    if len(found) <= limit or not page:
        return LogPage(records=[record for _, record in page])
    moment, tie = page[-1][0]
    return LogPage(records=[record for _, record in page], cursor=LogCursor(moment_unix_nano=moment, tie=tie))


def _matches(record: LogRecord, search: LogSearch) -> bool:
    return (
        search.start_us <= record.moment_unix_nano // 1_000 <= search.end_us
        and search.service in (None, record.resource.service_name)
        and (search.min_severity is None or record.severity_number >= search.min_severity)
        and search.event_name in (None, record.name)
        and search.trace_id in (None, record.trace_id)
    )
