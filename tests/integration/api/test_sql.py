"""SQL through HTTP and the command line, over a store with two workspaces."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import msgspec
import psycopg
import pyarrow as pa
import pytest
import typer
from msgspec.structs import replace
from pyarrow import parquet
from typer.testing import CliRunner

from query.guard.allowed import VIEWS
from relayscope.api.rest.sql import SqlAccess
from relayscope.api.rest.sql_example import EXAMPLES
from relayscope.api.rest.sql_schema import SqlAnswer
from relayscope.cli import sql
from storage.postgres.sql_runner import PostgresSqlRunner
from tests.support.api_server import serving
from tests.support.canned_reader import CannedReader
from tests.support.database import until, value
from tests.support.postgres import Cluster
from tests.support.repository import document
from tests.support.sql_database import CANARY, OWN_SPANS, config, fill

MAX_ROWS, MAX_BYTES = 50, 1 << 20
_ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relayscope-sql' AND state = 'active'"
_SESSIONS = """
    SELECT pid FROM pg_stat_activity WHERE application_name = 'relayscope-sql' AND datname = current_database()
"""
# Slow, and ordinary enough for the guard.
SLOW = "SELECT count(*) FROM " + " JOIN ".join(
    f"spans AS s{n}" + (f" ON s{n}.name <> 'x'" if n else "") for n in range(8)
)


@pytest.fixture(scope="module")
def dsn(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        asyncio.run(fill(dsn))
        yield dsn


@pytest.fixture(scope="module")
def url(dsn: str) -> Iterator[str]:
    runner = PostgresSqlRunner(config(dsn, timeout_s=10))
    access = SqlAccess(runner, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
    with serving(CannedReader(), sql=access, components=[runner]) as address:
        yield address


def ask(url: str, query: str, **more: object) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/sql", json={"sql": query, **more})


def test_rows_come_as_json_with_types(url: str) -> None:
    text = (
        "SELECT 1 AS n, 1.50 AS m, 'NaN'::float8, true, NULL, 'ü\"', '{\"a\": [1]}'::jsonb, ARRAY['a', NULL, 'b\"\\c,{}'], "
        "ARRAY[[1, 2], [3, 4]], timestamptz '2026-01-15 12:00:00.5+00', timestamp 'infinity', interval '90 s', '\\x01'::bytea"
    )
    answer = ask(url, text).json()
    assert answer["rows"] == [
        [1, 1.5, "NaN", True, None, 'ü"', {"a": [1]}, ["a", None, 'b"\\c,{}'], [[1, 2], [3, 4]],
         "2026-01-15T12:00:00.5Z", "infinity", "00:01:30", "\\x01"]
    ]  # fmt: skip
    assert answer["columns"][:2] == [{"name": "n", "type": "int4"}, {"name": "m", "type": "numeric"}]
    assert (answer["rowCount"], answer["truncated"]) == (1, False)


def test_rows_come_as_csv(url: str) -> None:
    response = ask(url, "SELECT 'a,\"b', NULL AS n, true UNION ALL SELECT E'x\\ny', 1, false", format="csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert list(csv.reader(io.StringIO(response.text, newline=""))) == [
        ["?column?", "n", "?column?"], ['a,"b', "", "true"], ["x\ny", "1", "false"]
    ]  # fmt: skip


TYPED = (
    "SELECT n::int2 AS a, n::int8 AS b, n / 2.0 AS c, n::float8 AS d, n > 1 AS e, 'ü' || n AS f, timestamptz '2026-01-15 12:00+00' AS g, "
    "date '2026-01-15' AS h, '\\x01'::bytea AS i, ARRAY['a', NULL] AS j, '{\"a\": 1}'::jsonb AS k, NULL::int AS l, "
    "interval '90 s' AS m FROM (VALUES (1), (2)) AS t (n)"
)
_FIRST = {
    "a": 1, "b": 1, "c": 0.5, "d": 1.0, "e": False, "f": "ü1", "g": datetime(2026, 1, 15, 12, tzinfo=UTC),
    "h": date(2026, 1, 15), "i": b"\x01", "j": ["a", None], "k": '{"a": 1}', "l": None, "m": "00:01:30",
}  # fmt: skip


def test_rows_come_as_arrow(url: str) -> None:
    response = ask(url, TYPED, format="arrow")
    table = pa.ipc.open_stream(response.content).read_all()
    assert (table.num_rows, table.to_pylist()[0]) == (2, _FIRST)
    assert [str(field.type) for field in table.schema][:5] == ["int16", "int64", "double", "double", "bool"]


def test_rows_come_as_parquet(url: str) -> None:
    for limit, is_cut in ((2, b"false"), (1, b"true")):
        file = parquet.ParquetFile(io.BytesIO(ask(url, TYPED, format="parquet", limit=limit).content))
        assert file.read().to_pylist()[0] == _FIRST
        assert file.metadata.metadata[b"truncated"] == is_cut


@pytest.mark.parametrize("form", ["arrow", "parquet", "csv"])
def test_no_rows_have_columns_in_every_form(url: str, form: str) -> None:
    content = ask(url, "SELECT name FROM spans WHERE false", format=form).content
    if form == "arrow":
        names = pa.ipc.open_stream(content).schema.names
    elif form == "parquet":
        names = parquet.ParquetFile(io.BytesIO(content)).schema_arrow.names
    else:
        names = content.decode().split()
    assert names == ["name"]


def test_an_answer_that_fails_in_the_middle_has_no_end(url: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        ask(url, "SELECT timestamptz 'infinity' AS t", format="arrow")


def test_no_rows_are_an_answer_too(url: str) -> None:
    answer = ask(url, "SELECT name FROM spans WHERE false").json()
    assert answer == {"columns": [{"name": "name", "type": "text"}], "rows": [], "rowCount": 0, "truncated": False}


def test_parameters_are_values(url: str) -> None:
    text = "SELECT $1 || '!', $2::int + 1, $3::bool, $4::text, $5::int[]"
    answer = ask(url, text, parameters=["a' OR 1=1 --", 2, True, None, [1, 2]]).json()
    assert answer["rows"] == [["a' OR 1=1 --!", 3, True, None, [1, 2]]]


def test_only_the_own_workspace_answers(url: str) -> None:
    assert ask(url, "SELECT count(*) FROM spans").json()["rows"] == [[OWN_SPANS]]
    assert CANARY not in ask(url, "SELECT * FROM spans, log_records WHERE true", limit=MAX_ROWS).text


def test_more_rows_than_asked_for_are_cut(url: str) -> None:
    answer = ask(url, "SELECT name FROM spans", limit=3).json()
    assert (len(answer["rows"]), answer["rowCount"], answer["truncated"]) == (3, 3, True)


def test_an_error_in_the_middle_stands_at_the_end(url: str) -> None:
    text = "SELECT 1 / (10 - (row_number() OVER ())::int) FROM spans"
    answer = ask(url, text).json()
    # Some rows came before it, or none: then it is a problem.
    assert answer.get("error", answer)["detail"] == "division by zero"


REFUSED: Mapping[str, tuple[Mapping[str, object], str, int | None]] = {
    "the guard": ({"sql": "SELECT\n pg_sleep(1)"}, "line 2, column 2: this function is not possible: pg_sleep", 2),
    "the server": ({"sql": "SELECT\n\n  nope FROM spans"}, 'line 3, column 3: column "nope" does not exist', 3),
    "the limit": ({"sql": "SELECT 1", "limit": MAX_ROWS + 1}, "limit: must be at most 50", None),
    "no limit": ({"sql": "SELECT 1", "limit": 0}, "body: Expected `int` >= 1", None),
    "an unknown field": ({"sql": "SELECT 1", "x": 1}, "body: Object contains unknown field", None),
    "no query": ({}, "body: Object missing required field `sql`", None),
    "a form": ({"sql": "SELECT 1", "format": "xml"}, "body: Invalid enum value", None),
    "an object as parameter": ({"sql": "SELECT $1", "parameters": [{}]}, "body: Expected", None),
    "a row too large": ({"sql": "SELECT string_agg(replace(trace_id, '5', $1), '') FROM spans", "parameters": ["x" * 90_000]}, "a row is too large", None),
}  # fmt: skip


@pytest.mark.parametrize(("body", "detail", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_a_problem_with_its_place(
    url: str, body: Mapping[str, object], detail: str, line: int | None
) -> None:
    response = httpx.post(f"{url}/api/v1/sql", json=body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(detail)
    position = response.json().get("position", {})
    assert position.get("line") == line
    if line is not None:
        shown, caret = position["excerpt"].split("\n")
        assert shown == str(body["sql"]).split("\n")[line - 1]
        assert len(caret) == position["column"]


def test_only_json_is_taken(url: str) -> None:
    # What a page of another origin can send without asking.
    response = httpx.post(f"{url}/api/v1/sql", content=b'{"sql": "SELECT 1"}', headers={"content-type": "text/plain"})
    assert response.status_code == 415


def test_a_connection_serves_one_query_after_another(url: str, dsn: str) -> None:
    """Also after answers that were cut, failed in the middle, or were refused."""
    sessions = set()
    many = "SELECT a.* FROM spans a JOIN spans b ON true JOIN spans c ON true JOIN spans d ON true"
    for query in (many, "SELECT name FROM spans", "SELECT 1 / 0", "SELECT nope", "SELECT timestamptz 'infinity'"):
        for form in ("json", "arrow"):
            with contextlib.suppress(httpx.RemoteProtocolError):
                ask(url, query, limit=2, format=form)
            with psycopg.connect(dsn, autocommit=True) as connection:
                found = connection.execute(_SESSIONS).fetchall()
            sessions |= {row[0] for row in found}
    assert len(sessions) == 1


async def test_a_client_that_goes_away_ends_its_query(url: str, dsn: str) -> None:
    async with httpx.AsyncClient() as client:
        request = asyncio.create_task(client.post(f"{url}/api/v1/sql", json={"sql": SLOW}, timeout=30))
        await until(lambda: value(dsn, _ACTIVE))
        request.cancel()
    await until(lambda: _none_active(dsn))


async def _none_active(dsn: str) -> bool:
    return not await value(dsn, _ACTIVE)


_BLOCKS = re.findall(r"```sql\n(.*?)```", document("docs/sql.md"), re.DOTALL)
DOCUMENTED = [one.strip() for block in _BLOCKS for one in block.split(";") if one.strip()]


def test_who_takes_nothing_gives_the_connection_back(dsn: str) -> None:
    runner = PostgresSqlRunner(replace(config(dsn, timeout_s=30), max_connections=1))
    access = SqlAccess(runner, max_rows=MAX_ROWS, max_bytes=1 << 26, stall_timeout_s=0.2)
    query = {"sql": "SELECT $1::text FROM spans AS a JOIN spans AS b ON true", "parameters": ["x" * 900_000]}
    with (
        serving(CannedReader(), sql=access, components=[runner]) as address,
        httpx.stream("POST", f"{address}/api/v1/sql", json=query),
    ):
        assert ask(address, "SELECT 1").status_code == 200


@pytest.mark.parametrize("query", DOCUMENTED, ids=lambda query: query.partition("\n")[0])
def test_what_is_documented_runs(url: str, query: str) -> None:
    response = ask(url, query)
    assert response.status_code == 200, response.text


def test_the_schema_tells_of_every_view_and_its_examples_run(url: str) -> None:
    schema = httpx.get(f"{url}/api/v1/sql/schema").json()
    assert {view["name"] for view in schema["views"]} == VIEWS == EXAMPLES.keys()
    for view in schema["views"]:
        assert all(column["description"] and column["type"] for column in view["columns"])
        for example in view["examples"]:
            assert ask(url, example).status_code == 200
    assert "percentile_cont" in schema["functions"]


def test_every_function_of_the_list_exists(url: str, dsn: str) -> None:
    functions = httpx.get(f"{url}/api/v1/sql/schema").json()["functions"]
    with psycopg.connect(dsn) as connection:
        known = {row[0] for row in connection.execute("SELECT proname FROM pg_proc WHERE pronamespace = 11").fetchall()}
    assert set(functions) - known == set()


def run(url: str, *arguments: str, source: str | None = None) -> tuple[int, str, str]:
    app = typer.Typer()
    sql.register(app)
    environment = {"RELAYSCOPE_URL": url, "COLUMNS": "120", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, list(arguments), input=source, env=environment)
    return result.exit_code, result.stdout, result.stderr


def test_the_command_draws_a_table(url: str) -> None:
    code, out, err = run(url, "SELECT name, duration_ms FROM spans ORDER BY start_time LIMIT 2")
    assert (code, err) == (0, "")
    assert "own 0" in out
    assert "2 rows" in out


def test_the_command_prints_json_and_csv(url: str) -> None:
    code, out, _ = run(url, "SELECT $1 AS a, NULL AS b, true AS c", "--parameter", "x", "--json")
    assert (code, json.loads(out)["rows"]) == (0, [["x", None, True]])
    assert run(url, "SELECT 'x' AS a, NULL AS b, true AS c", "--csv") == (0, "a,b,c\nx,,true\n", "")


def test_the_command_reads_standard_input(url: str) -> None:
    assert run(url, "-", "--csv", source="SELECT 1 AS a\n") == (0, "a\n1\n", "")
    assert run(url, "--csv", source="SELECT 1 AS a;\n") == (0, "a\n1\n", "")


def test_the_command_shows_where_a_query_is_wrong(url: str) -> None:
    code, out, err = run(url, "SELECT name,\n  'ü', nme\nFROM spans")
    assert (code, out) == (2, "")
    assert err.splitlines()[1:] == ["  'ü', nme", "       ^"]
    assert "line 2, column 8" in err


def test_the_command_says_that_there_is_more(url: str) -> None:
    code, out, err = run(url, "SELECT name FROM spans", "--limit", "2", "--csv")
    assert (code, len(out.splitlines())) == (0, 3)
    assert "more than 2 rows" in err


def test_the_command_prints_the_url_for_other_programs(dsn: str, tmp_path: Path) -> None:
    code, out, err = run("http://nowhere.invalid", "--dsn", "--database-url", dsn, "--data-dir", str(tmp_path))
    assert (code, err) == (0, "")
    with psycopg.connect(out.strip()) as connection:
        assert connection.execute("SELECT count(*) FROM spans").fetchone() == (OWN_SPANS,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM relayscope.spans")


def test_answers_are_what_their_schema_says(url: str) -> None:
    assert msgspec.json.decode(ask(url, "SELECT 1").content, type=SqlAnswer).row_count == 1
