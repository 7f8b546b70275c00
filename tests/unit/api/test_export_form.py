"""The forms of exports, each read back by somebody else."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from receiver.otlp_json import decode_traces
from relayscope.api.export.column import Column
from relayscope.api.export.comma import CommaSeparated
from relayscope.api.export.form import Form
from relayscope.api.export.lines import Lines
from relayscope.api.export.otlp_lines import MAX_LINE_BYTES, MAX_LINE_SPANS, OtlpLines
from relayscope.api.export.parquet import Parquet
from relayscope.api.export.table import DECISION_COLUMNS, INTERACTION_COLUMNS, SPAN_COLUMNS
from relayscope.api.rest.representation import represent_spans
from relayscope.api.rest.value import iso_time
from tests.support import strategies
from tests.support.canonical import canonical, same_spans
from tests.support.decision import full_decision
from tests.support.factory import MAX_INT64, MAX_UINT64, MIN_INT64, full_span, resource, span
from tests.support.interaction import interaction
from tests.support.repository import document
from tests.support.rest_answer import spans_of_trace
from tracedata import Span

# Whole spans take long to draw; each has most of what can go wrong.
FEW = settings(strategies.unhurried, max_examples=20)


def written(form: Form[Any], *portions: Sequence[Any]) -> bytes:
    return b"".join([form.begin(), *map(form.encode, portions), form.end()])


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@FEW
@given(st.lists(strategies.spans(allow_nan=True), max_size=3))
def test_the_receiver_reads_from_otlp_what_was_written(spans: list[Span]) -> None:
    lines = written(OtlpLines(), spans).splitlines()
    found = [one for line in lines for one in decode_traces(line, 1).spans]
    assert same_spans(found, spans)


@FEW
@given(strategies.spans(allow_nan=True))
def test_json_lines_have_everything(sent: Span) -> None:
    (line,) = written(Lines(represent_spans), [sent]).splitlines()
    (found,) = spans_of_trace({"spans": [msgspec.json.decode(line)]})
    assert canonical(found) == canonical(sent)


def test_otlp_does_not_depend_on_portions() -> None:
    # Equal resources that are not the same object, as one gets them from a cache that forgets.
    spans = [span(resource=resource(f"s-{number % 3}")) for number in range(50)]
    whole = written(OtlpLines(), spans)
    assert written(OtlpLines(), *([one] for one in spans)) == whole
    (line,) = map(msgspec.json.decode, whole.splitlines())
    assert len(line["resourceSpans"]) == 3


@pytest.mark.parametrize(
    ("spans", "lines"),
    [
        ([span() for _ in range(MAX_LINE_SPANS + 1)], [MAX_LINE_SPANS, 1]),
        ([span(attributes={"a": "x" * (MAX_LINE_BYTES // 2)}) for _ in range(5)], [2, 2, 1]),
        ([], []),
    ],
    ids=["many spans", "large spans", "none"],
)
def test_lines_of_otlp_are_bounded(spans: Sequence[Span], lines: Sequence[int]) -> None:
    found = written(OtlpLines(), spans).splitlines()
    assert [len(decode_traces(line, 1).spans) for line in found] == lines


def test_rows_of_csv_hold_what_the_span_has() -> None:
    awkward = 'a "quoted",\r\nbroken line'
    sent = replace(
        full_span(),
        name=awkward,
        attributes={"n": 1, "b": b"\x00\xff", "nan": math.nan, "big": MAX_INT64, "text": awkward},
    )
    (row,) = rows_of(written(CommaSeparated(SPAN_COLUMNS), [sent]))
    assert (row["trace_id"], row["name"]) == (sent.trace_id.hex(), awkward)
    assert row["start_time_unix_nano"] == str(sent.start_time_unix_nano)
    assert row["duration_ns"] == str(sent.duration_ns)
    assert msgspec.json.decode(row["attributes"]) == {
        "n": 1, "b": "AP8=", "nan": "NaN", "big": MAX_INT64, "text": awkward,
    }  # fmt: skip


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20A"]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_spreadsheet_gets_no_formula_when_that_is_asked_for(text: str) -> None:
    one = span(name=text, lasting_ns=-5)
    (guarded,) = rows_of(written(CommaSeparated(SPAN_COLUMNS, is_guarded=True), [one]))
    assert guarded["name"] == f"'{text}"
    assert guarded["duration_ns"] == "-5"
    (plain,) = rows_of(written(CommaSeparated(SPAN_COLUMNS), [one]))
    assert plain["name"] == text


def test_parquet_has_typed_columns() -> None:
    late = span(start_time_unix_nano=MAX_UINT64, end_time_unix_nano=MAX_UINT64 + MIN_INT64)
    whole = replace(full_span(), start_time_unix_nano=1_700_000_000_123_456_789)
    table = _table(written(Parquet(SPAN_COLUMNS), [whole, late]))
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["start_time"], types["duration_ns"], types["attributes"]) == (
        "timestamp[ns, tz=UTC]",
        "int64",
        "string",
    )
    assert table["start_time"][0].value == whole.start_time_unix_nano
    # Parquet cannot tell a moment after 2262.
    last = table.drop_columns(["end_time"]).slice(1).to_pylist()[0]
    assert (last["start_time"], last["start_time_unix_nano"], last["duration_ns"]) == (None, MAX_UINT64, MIN_INT64)


def test_row_groups_of_parquet_are_bounded() -> None:
    large = "x" * (1024 * 1024)
    data = written(Parquet(SPAN_COLUMNS), [span(attributes={"a": large}) for _ in range(10)], [span()] * 20_001)
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    groups = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    assert sum(groups) == 20_011
    assert groups[0] < 10
    assert max(groups) <= 10_000


@pytest.mark.parametrize(
    ("columns", "item"),
    [
        (SPAN_COLUMNS, full_span()),
        (INTERACTION_COLUMNS, interaction(is_streaming=None, parameters={"temperature": 0.5}, prompt="hello")),
        (DECISION_COLUMNS, full_decision()),
    ],
    ids=["traces", "interactions", "decisions"],
)
def test_csv_and_parquet_have_the_same_cells(columns: Sequence[Column[Any]], item: object) -> None:
    (row,) = rows_of(written(CommaSeparated(columns), [item]))
    table = _table(written(Parquet(columns), [item]))
    assert {name: _as_csv(table[name][0]) for name in table.column_names} == row


# Any: pyarrow has no types.
def _as_csv(scalar: Any) -> str:  # noqa: ANN401 - as above
    if "timestamp" in str(scalar.type):
        return iso_time(scalar.value)
    cell = scalar.as_py()
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)


# Any: pyarrow has no types.
def _table(data: bytes) -> Any:  # noqa: ANN401 - as above
    return pyarrow.parquet.read_table(io.BytesIO(data))


@pytest.mark.parametrize(
    ("title", "columns"),
    [("Traces", SPAN_COLUMNS), ("AI interactions", INTERACTION_COLUMNS), ("Decisions", DECISION_COLUMNS)],
    ids=["traces", "interactions", "decisions"],
)
def test_every_column_is_documented_in_order(title: str, columns: Sequence[Column[Any]]) -> None:
    section = document("docs/export.md").split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    named = [
        word
        for line in section.splitlines()
        if line.startswith("| `")
        for word in line.split("|")[1].replace("`", "").replace(",", " ").split()
    ]
    assert named == [column.name for column in columns]
