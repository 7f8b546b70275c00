"""Answers to SQL as tables and CSV, and the views as tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

import msgspec
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from relayscope.api.rest.sql_schema import SqlAnswer, SqlColumnSchema, SqlSchema
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import FAINT, clean

_NUMBERS = frozenset(("int2", "int4", "int8", "float4", "float8", "numeric"))
_MAX_CELL_CHARS = 400
# Fewer of a text are not worth their column.
_READABLE_CELLS = 12
_GAP_CELLS = 3


def render_rows(answer: SqlAnswer, *, width: int) -> RenderableType:
    """A table, and below it how much it is.

    Where ``width`` cells are too few for that, each row is a block of its own with a line for each column.
    """
    count = f"{answer.row_count:,} {'row' if answer.row_count == 1 else 'rows'}"
    shown = [_records(answer)] if _needed(answer) > width else [_table(answer)]
    return Group(*shown, note(f"{count}, and more: raise --limit" if answer.truncated else count))


def _needed(answer: SqlAnswer) -> int:
    """The cells of the narrowest table that can be read: numbers and names whole, and of texts the beginning."""
    widths = [cell_len(column.name) for column in answer.columns]
    for row in answer.rows:
        for place, (column, value) in enumerate(zip(answer.columns, row, strict=True)):
            chars = cell_len(text_of(value) or "null")
            widths[place] = max(widths[place], chars if _is_whole(column) else min(chars, _READABLE_CELLS))
    return sum(widths) + _GAP_CELLS * (len(widths) - 1)


def _is_whole(column: SqlColumnSchema) -> bool:
    """Numbers mean something else when they are cut, and ids are there to be copied."""
    return column.type in _NUMBERS or column.name == "id" or column.name.endswith("_id")


def _records(answer: SqlAnswer) -> RenderableType:
    drawn = Table(box=None, pad_edge=False, show_header=False, padding=(0, _GAP_CELLS, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    for number, row in enumerate(answer.rows, start=1):
        drawn.add_row(Text(f"row {number:,}", style=FAINT), Text())
        for column, value in zip(answer.columns, row, strict=True):
            drawn.add_row(Text(clean(column.name), style="bold"), _wrapped(value))
    return drawn


def _table(answer: SqlAnswer) -> RenderableType:
    drawn = table()
    for column in answer.columns:
        is_number = column.type in _NUMBERS
        drawn.add_column(
            clean(column.name),
            justify="right" if is_number else "left",
            no_wrap=_is_whole(column),
            overflow="fold" if is_number else "ellipsis",
        )
    for row in answer.rows:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def _wrapped(value: msgspec.Raw) -> Text:
    text = text_of(value)
    if text is None:
        return Text("null", style=FAINT)
    cut = text if len(text) <= _MAX_CELL_CHARS else f"{text[:_MAX_CELL_CHARS]}…"
    return Text(clean(cut))


def _cell(value: msgspec.Raw) -> Text:
    text = text_of(value)
    if text is None:
        return Text("null", style=FAINT)
    return name_cell(text[:_MAX_CELL_CHARS])


def text_of(value: msgspec.Raw) -> str | None:
    """A value as text: strings as they are, everything else as JSON, nothing for NULL."""
    raw = bytes(value)
    if raw == b"null":
        return None
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()


def write_csv(answer: SqlAnswer, file: TextIO) -> None:
    """RFC 4180 with a header; NULL is nothing."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in answer.columns])
    for row in answer.rows:
        writer.writerow([text_of(value) or "" for value in row])


def render_schema(schema: SqlSchema, *, view: str | None = None) -> RenderableType:
    """The views, or the columns of one of them."""
    if view is None:
        drawn = table(left=("view", "what it holds"))
        for one in schema.views:
            drawn.add_row(*_whole(one.name), Text(clean(one.description)))
        return drawn
    found = next((one for one in schema.views if one.name == view), None)
    if found is None:
        return note(f"There is no view of this name: {clean(view)}")
    drawn = table(left=("column", "type", "what it holds"))
    for column in found.columns:
        drawn.add_row(*_whole(column.name, column.type), Text(clean(column.description)))
    return Group(drawn, *(Text(f"\n{example}", style=FAINT) for example in found.examples))


def _whole(*names: str) -> Sequence[Text]:
    """Names are what one types, so none of them is cut; what is said about them goes over several lines."""
    return [Text(clean(name), no_wrap=True, overflow="fold") for name in names]
