"""``relayscope export``: files that are there only when they are whole."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner, Result

from relayscope.api.rest.export import ExportAccess
from relayscope.cli import export as exporting
from tests.support.api_server import serving
from tests.support.canned_export import CannedExport
from tests.support.canned_reader import CannedReader
from tests.support.factory import span
from tests.support.interaction import interaction
from tracedata import RetryableError

SPANS = [
    span(name=f'n{number} "quoted"\n', attributes={"startTimeUnixNano": '"startTimeUnixNano":'}) for number in range(7)
]


def run(store: CannedExport, *arguments: str) -> Result:
    app = typer.Typer()
    exporting.register(app)
    app.callback()(lambda: None)
    with serving(CannedReader(spans=[]), export=ExportAccess(store, stall_timeout_s=30)) as url:
        return CliRunner().invoke(app, ["export", *arguments], env={"RELAYSCOPE_URL": url, "NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("name", "form", "items"),
    [
        ("a.jsonl", "jsonl", 7),
        ("a.ndjson.gz", "jsonl", 7),
        ("a.csv", "csv", 7),
        ("A.CSV.GZ", "csv", 7),
        ("a.parquet", "parquet", None),
        ("a.otlp.jsonl", "otlp-json", 7),
        ("a.txt", "jsonl", 7),
    ],
)
def test_the_name_of_the_file_says_what_is_written(tmp_path: Path, name: str, form: str, items: int | None) -> None:
    path = tmp_path / name
    result = run(CannedExport(span_portions=[SPANS[:3], SPANS[3:]], expected=7), "traces", "-o", str(path), "--json")
    assert (result.exit_code, result.stdout) == (0, "")
    told = json.loads(result.stderr)
    data = path.read_bytes()
    data = gzip.decompress(data) if name.lower().endswith(".gz") else data
    assert (told["format"], told["items"], told["bytes"]) == (form, items, len(data))
    assert _rows(data, form) == 7
    assert [path.name for path in tmp_path.iterdir()] == [name]


def _rows(data: bytes, form: str) -> int:
    if form == "parquet":
        return int(pyarrow.parquet.ParquetFile(io.BytesIO(data)).metadata.num_rows)
    if form == "csv":
        return len(list(csv.DictReader(io.StringIO(data.decode(), newline=""))))
    if form == "jsonl":
        return len(data.splitlines())
    resources = (one for line in data.splitlines() for one in json.loads(line)["resourceSpans"])
    return sum(len(scope["spans"]) for resource in resources for scope in resource["scopeSpans"])


def test_standard_output_has_the_data_and_nothing_else() -> None:
    store = CannedExport(interaction_items=[interaction(), interaction()])
    result = run(store, "interactions", "--format", "csv", "--gzip")
    assert result.exit_code == 0
    assert len(gzip.decompress(result.stdout_bytes).splitlines()) == 3
    assert result.stderr == ""


def test_a_transfer_that_is_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("from before")
    store = CannedExport(span_portions=[SPANS], broken_in_the_middle=RetryableError("away"))
    result = run(store, "traces", "-o", str(path))
    assert result.exit_code == 1
    assert "broke the transfer off" in result.stderr
    assert "7 items, " in result.stderr
    assert path.read_text() == "from before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    assert run(CannedExport(span_portions=[SPANS]), "traces", "-o", str(tmp_path / "link.jsonl")).exit_code == 0
    assert (tmp_path / "link.jsonl").is_symlink()
    assert len((tmp_path / "real.jsonl").read_bytes().splitlines()) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["traces", "--format", "xml"], "--format: must be one of"),
        (["traces", "-o", "a.parquet.gz"], "compressed in itself"),
        (["traces", "--safe-for-spreadsheets"], "goes with CSV only"),
        (["interactions", "--format", "otlp-json"], "format: "),
        (["traces", "--query", "{ foo }"], "{ foo }\n  ^"),
    ],
    ids=["form", "gzip", "guard", "form of others", "query"],
)
def test_wrong_usage_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(CannedExport(), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
