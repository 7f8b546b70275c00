"""What is redacted once more where it is stored: spans and log records. The two differ in their statements and columns only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, LiteralString, Protocol, TypeVar

import msgspec
from msgspec import structs

from storage.postgres.chunk import encode_chunk
from storage.postgres.dictionary import Entries
from storage.postgres.log_reader import decode_log_records
from storage.postgres.log_row import encode_log_row
from storage.postgres.parcel import LOG_RECORD_TABLE, SPAN_TABLE
from storage.postgres.reader import decode_spans
from storage.postgres.row import NULL, SPAN_COLUMNS, Origin, encode_row, integer_field, origin_of
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row
from storage.postgres.table import Table
from storage.receipt import with_receipts, without_receipt
from tracedata import Batch, LogRecord, Processor, Resource, Scope, Span

_STATEMENTS = load_statements("redaction.sql")

Item = TypeVar("Item", Span, LogRecord)
_Item_co = TypeVar("_Item_co", Span, LogRecord, covariant=True)


class _Decode(Protocol[_Item_co]):
    def __call__(
        self, rows: Sequence[Row], *, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]
    ) -> Sequence[_Item_co]: ...


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a row: its encoding, rows of its chunk, the entries that it needs; what was replaced, by entity.

    ``trace_id`` is that of the interactions that may be made of it; no bytes when there can be none.
    """

    workspace_id: int
    trace_id: bytes
    encoded: bytes
    chunks: Sequence[bytes]
    entries: Entries
    entities: Mapping[str, int]


class Redactable(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """A signal. ``page`` and ``remove`` are its statements; ``large`` are the columns that make a page large."""

    table: Table
    page: LiteralString
    remove: LiteralString
    large: Sequence[str]
    decode: _Decode[Item]
    encode: Callable[[Item, Origin], bytes]
    process: Callable[[Processor, int, Sequence[Item]], Sequence[Item]]
    add_entries: Callable[[Entries, Item, Origin], None]
    index: Callable[[bytes, Item, Row], tuple[bytes, Sequence[bytes]]]

    def changes(
        self,
        processor: Processor,
        rows: Sequence[Row],
        *,
        workspace_id: int,
        resources: Mapping[int, Resource],
        scopes: Mapping[int, Scope],
    ) -> Sequence[Change | None]:
        """For each row what becomes of it; none for one that stays as it is, whatever its receipt."""
        stored = self.decode(rows, resources=resources, scopes=scopes)
        bare = [without_receipt(item) for item in stored]
        after = self.process(processor, workspace_id, bare)

        def encoded(item: Item) -> tuple[bytes, Origin]:
            origin = origin_of(item.resource, item.scope, workspace_id=workspace_id)
            return self.encode(item, origin), origin

        changes: list[Change | None] = []
        for place, before, old, new in zip(rows, stored, bare, after, strict=True):
            if new is old or encoded(old)[0] == encoded(without_receipt(new))[0]:
                changes.append(None)
                continue
            told = with_receipts(new, before)
            row, origin = encoded(told)
            kept, chunks = self.index(row, told, place)
            entries = Entries()
            entries.add_origin(told.resource, told.scope, origin)
            self.add_entries(entries, told, origin)
            changes.append(
                Change(
                    workspace_id=workspace_id,
                    trace_id=_trace_of(told),
                    encoded=kept,
                    chunks=chunks,
                    entries=entries,
                    entities=new.redactions,
                )
            )
        return changes


def _trace_of(item: Span | LogRecord) -> bytes:
    return item.trace_id or (item.ai_trace_id if isinstance(item, LogRecord) else b"")


def _redacted_spans(processor: Processor, workspace_id: int, spans: Sequence[Span]) -> Sequence[Span]:
    return processor.process(Batch(workspace_id=workspace_id, spans=spans)).spans


def _redacted_log_records(processor: Processor, workspace_id: int, records: Sequence[LogRecord]) -> Sequence[LogRecord]:
    return processor.process(Batch(workspace_id=workspace_id, log_records=records)).log_records


def _add_operation(entries: Entries, span: Span, origin: Origin) -> None:
    entries.add_operation(span, origin)


def _add_nothing(entries: Entries, record: LogRecord, origin: Origin) -> None:
    """Log records have no entries but those of their origin."""


def _keep_chunk(encoded: bytes, span: Span, row: Row) -> tuple[bytes, Sequence[bytes]]:
    """The row stays in its chunk, which gets its new terms, and loses the old ones when it is made anew."""
    if row.chunk is None:
        return encoded, []
    terms = encode_chunk([span], workspace_id=row.workspace_id, chunk=row.chunk, is_stale=True)
    return encoded.removesuffix(NULL) + integer_field(row.chunk), [terms]


def _keep_none(encoded: bytes, _: LogRecord, __: Row) -> tuple[bytes, Sequence[bytes]]:
    """Log records have no chunks."""
    return encoded, []


SPANS = Redactable[Span](
    table=SPAN_TABLE,
    page=_STATEMENTS["page_of_spans"],
    remove=_STATEMENTS["remove_spans"],
    large=("attributes", "events", "links"),
    decode=decode_spans,
    encode=encode_row,
    process=_redacted_spans,
    add_entries=_add_operation,
    index=_keep_chunk,
)
# The same rows in the table of the archive.
ARCHIVED_SPANS = structs.replace(
    SPANS, table=Table("archived_spans", SPAN_COLUMNS, identity=("trace_id", "span_id", "start_time", "fingerprint"))
)
LOG_RECORDS = Redactable[LogRecord](
    table=LOG_RECORD_TABLE,
    page=_STATEMENTS["page_of_log_records"],
    remove=_STATEMENTS["remove_log_records"],
    large=("attributes", "body"),
    decode=decode_log_records,
    encode=encode_log_row,
    process=_redacted_log_records,
    add_entries=_add_nothing,
    index=_keep_none,
)
# By the name of the signal.
REDACTABLE: Mapping[str, Redactable[Span] | Redactable[LogRecord]] = {"spans": SPANS, "log_records": LOG_RECORDS}
