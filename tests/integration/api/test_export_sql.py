"""``POST /api/v1/export/sql`` and ``relayscope export sql``: all rows of a query, or none."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest
import typer
from typer.testing import CliRunner

from relayscope.api.rest.export import ExportAccess
from relayscope.api.rest.sql import SqlAccess
from relayscope.cli import export as exporting
from storage.postgres.sql_runner import PostgresSqlRunner
from tests.support.api_server import serving
from tests.support.canned_export import CannedExport
from tests.support.canned_reader import CannedReader
from tests.support.postgres import Cluster
from tests.support.sql_database import CANARY, OWN_SPANS, config, fill

MAX_BYTES = 1 << 20
PAIRS = "FROM spans AS a JOIN spans AS b ON b.name <> 'x'"
MANY = f"SELECT a.name, b.span_id, a.duration_ms {PAIRS} ORDER BY a.span_id, b.span_id"


@pytest.fixture(scope="module")
def url(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        asyncio.run(fill(dsn))
        runner = PostgresSqlRunner(config(dsn, timeout_s=10))
        # Fewer rows than any of the queries has.
        access = SqlAccess(runner, max_rows=5, max_bytes=MAX_BYTES)
        export = ExportAccess(CannedExport(), stall_timeout_s=30)
        with serving(CannedReader(), sql=access, export=export, components=[runner]) as address:
            yield address


def ask(url: str, sql: str, **more: object) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/export/sql", json={"sql": sql, **more}, timeout=30, trust_env=False)


def test_every_row_comes_whatever_the_limit_of_rows(url: str) -> None:
    lines = ask(url, MANY).text.splitlines()
    assert len(lines) == OWN_SPANS**2
    assert set(json.loads(lines[0])) == {"name", "span_id", "duration_ms"}
    assert CANARY not in "".join(lines)
    rows = list(csv.DictReader(io.StringIO(ask(url, MANY, format="csv").text, newline="")))
    assert [rows[0]["span_id"], len(rows)] == [json.loads(lines[0])["span_id"], OWN_SPANS**2]
    table = pyarrow.parquet.read_table(io.BytesIO(ask(url, MANY, format="parquet").content))
    assert table.num_rows == OWN_SPANS**2


def test_a_value_that_parquet_has_not_is_the_askers_to_cast(url: str) -> None:
    answer = ask(url, "SELECT timestamptz 'infinity' AS t", format="parquet")
    assert answer.status_code == 400
    assert "column t has no form in Arrow; cast it to text" in answer.json()["detail"]


def test_no_row_is_a_file_too(url: str) -> None:
    assert ask(url, "SELECT name FROM spans WHERE name = $1", parameters=["nobody"], format="csv").text == "name\r\n"
    assert ask(url, "SELECT name FROM spans WHERE false").content == b""


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        ("DELETE FROM spans", "SELECT"),
        ("SELECT pg_sleep(1)", "pg_sleep"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT name, name FROM spans", "two columns are named name"),
    ],
    ids=["no select", "function", "fails at once", "names twice"],
)
def test_what_is_refused_is_a_problem(url: str, sql: str, detail: str) -> None:
    response = ask(url, sql)
    assert response.status_code == 400
    assert detail in response.json()["detail"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_more_bytes_than_may_be_answered_break_the_transfer_off(url: str, form: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        ask(
            url,
            f"SELECT a.trace_id, b.trace_id AS other, c.trace_id AS third, c.name {PAIRS} JOIN spans AS c ON c.name <> 'x'",
            format=form,
        )


def test_formulas_are_guarded_in_texts_alone(url: str) -> None:
    asked = ask(url, "SELECT '=1+1' AS \"=text\", -1 AS number", format="csv", safeForSpreadsheets=True)
    assert asked.text == "'=text,number\r\n'=1+1,-1\r\n"


def test_the_command_writes_a_file(url: str, tmp_path: Path) -> None:
    app = typer.Typer()
    exporting.register(app)
    app.callback()(lambda: None)
    path = tmp_path / "rows.csv"
    arguments = [
        "export",
        "sql",
        "SELECT name FROM spans WHERE service_name = $1",
        "-p",
        "own-service",
        "-o",
        str(path),
    ]
    result = CliRunner().invoke(app, arguments, env={"RELAYSCOPE_URL": url})
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"sql: {OWN_SPANS} items" in result.stderr
    assert len(path.read_bytes().splitlines()) == OWN_SPANS + 1
    refused = CliRunner().invoke(app, ["export", "sql", "SELECT nothing FROM spans"], env={"RELAYSCOPE_URL": url})
    assert refused.exit_code == 2
    assert "nothing" in refused.stderr
