"""Answers to SQL, as a terminal shows them."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from relayscope.api.rest.sql_schema import SqlAnswer
from relayscope.cli.render.sql import render_rows


def _shown(columns: dict[str, str], *rows: list[object], width: int) -> list[str]:
    answer = {
        "columns": [{"name": name, "type": kind} for name, kind in columns.items()],
        "rows": rows,
        "rowCount": len(rows),
        "truncated": False,
    }
    decoded = msgspec.json.decode(msgspec.json.encode(answer), type=SqlAnswer)
    console = Console(file=io.StringIO(), width=width, highlight=False)
    with console.capture() as capture:
        console.print(render_rows(decoded, width=width))
    return [line.rstrip() for line in capture.get().splitlines()]


WIDE = {f"column_{number}": "text" for number in range(10)}


def test_what_fits_is_a_table() -> None:
    assert _shown({"name": "text", "n": "int8"}, ["a", 12], ["b", None], width=80) == [
        "name      n",
        "───────────",
        "a        12",
        "b      null",
        "2 rows",
    ]


def test_what_does_not_fit_is_a_line_for_each_column() -> None:
    lines = _shown(WIDE | {"none": "text"}, [*(f"value {n}" for n in range(10)), None], width=40)

    assert lines[0] == "row 1"
    assert lines[1:11] == [f"column_{n}   value {n}" for n in range(10)]
    assert lines[11:] == ["none       null", "1 row"]


@pytest.mark.parametrize(("width", "is_table"), [(12 + 3 + 12, True), (12 + 3 + 11, False)], ids=["just", "too narrow"])
def test_texts_are_cut_to_a_beginning_but_not_to_less(width: int, *, is_table: bool) -> None:
    lines = _shown({"one": "text", "two": "text"}, ["x" * 50, "y" * 50], width=width)

    assert ("row 1" not in lines) is is_table
    assert not is_table or lines[2].count("…") == 2


def test_a_long_text_ends_with_an_ellipsis() -> None:
    lines = _shown(WIDE, ["x" * 1000, *["y"] * 9], width=40)

    assert "".join(lines).count("x") == 400
    assert any(line.endswith("…") for line in lines)


@pytest.mark.parametrize("width", [44, 43], ids=["a table", "blocks"])
def test_ids_are_never_cut(width: int) -> None:
    lines = _shown({"trace_id": "text", "name": "text"}, ["a" * 32, "y" * 50], width=width + 3)

    assert any("a" * 32 in line for line in lines)
