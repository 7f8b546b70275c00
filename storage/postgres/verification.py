"""Looks through what is stored for what redaction would replace now, and says where it stands, never what it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.read_pool import configure_reading
from storage.postgres.stored_text import StoredRow, StoredTable, dumped_rows, schema_texts, stored_rows, stored_tables
from storage.redaction import Finder, FinderOf, OnVerify, Place, Verification, VerifyProgress
from tracedata import Attributes, Value
from tracedata.typed_json import from_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROGRESS_ROWS = 500
# More places than anybody reads would only take memory.
_MAX_PLACES = 10_000
_OTHER_KEYS = "(other keys)"
_HIDDEN_KEY = "(a key with personal data)"
_JSON = frozenset(("json", "jsonb"))
# Identifiers are never redacted, and their bytes may look like anything.
_IDS = frozenset(("trace_id", "span_id", "parent_span_id"))
# A column that holds the value of an attribute is judged as the attribute is.
_KEYS = {
    "service_name": "service.name",
    **dict.fromkeys(("model", "model_requested", "model_served", "model_family"), "gen_ai.request.model"),
}
# Lists of objects whose further members are times, ids and counts.
_ATTRIBUTES = "attributes"
_DETAILS, _PARAMETERS, _OURS = "details", "parameters", ("sources", "cost_lines", "aggregate")
_PARTS = {"events": ("name",), "links": ("traceState",)}

_EVENT_NAME, _BODY = "event_name", "body"

_NO_ROW = StoredRow(values=())
_Counts = Iterable[tuple[str, Mapping[str, int]]]


async def verify(
    dsn: str, finder_of: FinderOf, *, policy: str, deep: bool = False, on_progress: OnVerify | None = None
) -> Verification:
    """Looks through every table of our schema; ``deep`` also through what a logical dump holds, statistics included.

    Changes nothing. Memory is bounded by the largest row.

    Raises:
        RelayscopeError: the database cannot be reached or read.
    """
    ledger = _Ledger(finder_of, on_progress=on_progress)
    with translated("verify redaction"):
        opened: AsyncConnection[Any] = await connect(dsn, autocommit=True)
        async with opened as connection:
            connection.row_factory = namedtuple_row
            await configure_reading(connection)
            await _look(connection, ledger, dumped=False)
            if deep:
                await _look(connection, ledger, dumped=True)
                await _look_beside_rows(connection, ledger)
    return ledger.verification(policy)


class _Ledger:
    """What was found so far."""

    def __init__(self, finder_of: FinderOf, *, on_progress: OnVerify | None) -> None:
        self._finder_of = finder_of
        self._on_progress = on_progress
        self._counts: dict[tuple[str, str, str], int] = {}
        self._first: dict[tuple[str, str, str], int] = {}
        self._shown: dict[str, str] = {}
        self.rows = 0
        self.tables: set[tuple[str, str]] = set()
        self.expected_rows = 0

    def look_at(
        self,
        place: str,
        kind: str | None,
        value: Any,  # noqa: ANN401 - as stored
        *,
        row: StoredRow = _NO_ROW,
        event: str = "",
    ) -> None:
        """Notes what is in one value of a column (``table.column``); ``event`` is the name of the event in that row."""
        column = place.rpartition(".")[2]
        if value is None or column in _IDS:
            return
        finder = self._finder_of(row.workspace_id or DEFAULT_WORKSPACE_ID)
        for key, entities in _found(finder, column, kind, value, event):
            shown = self._shown_key(key)
            for entity, count in entities.items():
                self._add((place, shown, entity), count, row.time_us)

    def tell(self, table: str) -> None:
        """Says how far this is."""
        if self._on_progress is not None:
            expected = max(self.rows, self.expected_rows)
            self._on_progress(VerifyProgress(table=table, rows=self.rows, expected_rows=expected))

    def verification(self, policy: str) -> Verification:
        places = [
            Place(column=column, key=key, entity=entity, count=count, first_seen=self._first_seen(column, key, entity))
            for (column, key, entity), count in sorted(self._counts.items())
        ]
        return Verification(policy=policy, tables=len(self.tables), rows=self.rows, places=places)

    def _add(self, at: tuple[str, str, str], count: int, time_us: int | None) -> None:
        if at not in self._counts and len(self._counts) >= _MAX_PLACES:
            at = (at[0], _OTHER_KEYS, at[2])
        self._counts[at] = self._counts.get(at, 0) + count
        if time_us is not None:
            self._first[at] = min(self._first.get(at, time_us), time_us)

    def _first_seen(self, *at: str) -> datetime | None:
        first = self._first.get((at[0], at[1], at[2]))
        return None if first is None else _EPOCH + timedelta(microseconds=first)

    def _shown_key(self, key: str) -> str:
        shown = self._shown.get(key)
        if shown is None:
            shown = _HIDDEN_KEY if self._finder_of(DEFAULT_WORKSPACE_ID).in_text(key, key="") else key
            if len(self._shown) < _MAX_PLACES:
                self._shown[key] = shown
        return shown


async def _look(connection: AsyncConnection[Any], ledger: _Ledger, *, dumped: bool) -> None:
    seen: set[tuple[str, str]] = set()
    # Asked again: rows may have moved from the default partition into one that was made meanwhile.
    while tables := [one for one in await stored_tables(connection, dumped=dumped) if _name(one) not in seen]:
        ledger.expected_rows = ledger.rows + sum(table.expected_rows for table in tables)
        for table in tables:
            seen.add(_name(table))
            ledger.tables.add(_name(table))
            rows = dumped_rows(connection, table) if dumped else stored_rows(connection, table)
            await _look_at_rows(rows, table, ledger, prefix=f"dump:{table.schema_name}." if dumped else "")


def _name(table: StoredTable) -> tuple[str, str]:
    return table.schema_name, table.table_name


async def _look_at_rows(rows: AsyncIterator[StoredRow], table: StoredTable, ledger: _Ledger, *, prefix: str) -> None:
    places = [f"{prefix}{table.shown_name}.{column}" for column in table.columns]
    named = table.columns.index(_EVENT_NAME) if _EVENT_NAME in table.columns else None
    async for row in rows:
        event = "" if named is None else str(row.values[named])
        for place, kind, value in zip(places, table.types, row.values, strict=True):
            ledger.look_at(place, kind, value, row=row, event=event)
        ledger.rows += 1
        if ledger.rows % _PROGRESS_ROWS == 0:
            ledger.tell(table.shown_name)
    ledger.tell(table.shown_name)


async def _look_beside_rows(connection: AsyncConnection[Any], ledger: _Ledger) -> None:
    async for source, place, kind, text in schema_texts(connection):
        value: str | bytes = text
        if kind == "bytea":
            value = bytes.fromhex(text.removeprefix(r"\x"))
        ledger.look_at(f"dump:{source}.{place}", kind, value)


def _found(finder: Finder, column: str, kind: str | None, value: Any, event: str) -> _Counts:  # noqa: ANN401 - as stored
    """Counts by entity, and the key below which they were found."""
    if kind in _JSON and column == _BODY:
        return _in_body(finder, from_json(msgspec.json.decode(value)), event)
    if kind in _JSON:
        return _in_json(finder, column, from_json(msgspec.json.decode(value)))
    if isinstance(value, list):
        return _in_leaves(finder, column, value)
    text = _text(value) if isinstance(value, bytes) else str(value)
    key = _KEYS.get(column, column)
    return [(key, finder.in_text(text, key=key))] if text else []


def _text(value: bytes) -> str:
    """What bytes say; nothing when they are no text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return ""


def _in_json(finder: Finder, column: str, value: Value) -> _Counts:
    if column == _ATTRIBUTES and isinstance(value, Mapping):
        yield from finder.in_attributes(value).items()
    elif column == _DETAILS and isinstance(value, Mapping):
        yield from _in_details(finder, value)
    elif column in _PARTS and isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for part in value:
            if isinstance(part, Mapping):
                yield from _in_part(finder, part, texts=_PARTS[column])
    else:
        yield from _in_leaves(finder, column, value)


def _in_body(finder: Finder, value: Value, event: str) -> _Counts:
    """The body of a log record: below its own name, and below that of the message that the event brings."""
    found = finder.in_attributes({_BODY: value})
    if found or not event:
        return found.items()
    return [(_BODY, entities) for entities in finder.in_attributes({f"{event}.content": value}).values()]


def _in_details(finder: Finder, details: Attributes) -> _Counts:
    """What an interaction holds beside its columns: parameters are as they were sent; ids and prices are neither."""
    for name, value in details.items():
        if name == _PARAMETERS and isinstance(value, Mapping):
            yield from finder.in_attributes(value).items()
        elif name not in _OURS:
            yield from _in_leaves(finder, name, value)


def _in_leaves(finder: Finder, name: str, value: Value) -> _Counts:
    """Texts of an object that holds no attributes: the names in it are ours, and decide nothing."""
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield name, finder.in_text(inner, key="")
            yield from _in_leaves(finder, inner, item)
    elif isinstance(value, str):
        yield name, finder.in_text(value, key="")
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for item in value:
            yield from _in_leaves(finder, name, item)


def _in_part(finder: Finder, part: Attributes, *, texts: Sequence[str]) -> _Counts:
    """An event or a link: its attributes, and its own texts below their names."""
    attributes = part.get("attributes")
    if isinstance(attributes, Mapping):
        yield from finder.in_attributes(attributes).items()
    for name in texts:
        text = part.get(name)
        if isinstance(text, str):
            yield name, finder.in_text(text, key=name)
