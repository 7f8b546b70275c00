"""Replay of decisions that a query of a user names."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator

import httpx
import pytest

from relayscope.api.app import ReplayAccess
from relayscope.api.rest.sql import SqlAccess
from relayscope.cli import main
from storage.postgres.replay_reader import PostgresReplayReader, ReplayReaderConfig
from storage.postgres.rule_set import PostgresRuleSets
from storage.postgres.sql_runner import PostgresSqlRunner
from storage.postgres.writer import WriterConfig
from tests.support.api_server import serving
from tests.support.canned_reader import CannedReader
from tests.support.database import writing
from tests.support.postgres import Cluster
from tests.support.rules import routed, rule, rules_text
from tests.support.sql_database import config
from tracedata import Batch

pytestmark = pytest.mark.postgres
_PATH = "/api/v1/decisions/replay"
_DAY = {"since": "2026-01-15T00:00:00Z", "until": "2026-01-16T00:00:00Z"}
_RULES = rules_text(rule("small", "true"))
_MAX_ROWS = 12


async def _store(dsn: str) -> None:
    """Ten decisions, one more with an id that is there already, and those of another workspace, which has the same ids."""
    own = [*(routed(number) for number in range(1, 11)), routed(20, id="d-1")]
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, spans=(), decisions=own))
        others = [routed(number, input={"n": 3}) for number in range(1, 31)]
        await writer.consume(Batch(workspace_id=2, spans=(), decisions=others))


@pytest.fixture(scope="module")
def url(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        asyncio.run(_store(dsn))
        runner = PostgresSqlRunner(config(dsn))
        replayed = ReplayAccess(PostgresReplayReader(ReplayReaderConfig(dsn=dsn)), PostgresRuleSets(dsn))
        sql = SqlAccess(runner, max_rows=_MAX_ROWS, max_bytes=1 << 20)
        with serving(CannedReader(), replayed=replayed, sql=sql, components=[runner]) as address:
            yield address


def _replay(url: str, sql: str, **more: str) -> httpx.Response:
    return httpx.post(url + _PATH, json={**_DAY, "rules": _RULES, "sql": sql, **more})


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        pytest.param("SELECT decision_id FROM decisions", 11, id="all"),
        pytest.param("SELECT decision_id FROM decisions WHERE (input ->> 'n')::int > 6 AND decision_id <> 'd-1'", 4, id="by input"),
        pytest.param("SELECT decision_id FROM decisions WHERE (input ->> 'n')::int = 20", 2, id="an id of two traces"),
        pytest.param("SELECT trace_id, decision_id FROM decisions WHERE (input ->> 'n')::int = 20", 1, id="an id in its trace"),
        pytest.param("SELECT decision_id, 5 AS n FROM decisions WHERE decision_id IN ('d-2', 'd-3')", 2, id="more columns"),
        pytest.param("SELECT 'd-4' AS decision_id", 1, id="made up"),
        pytest.param("SELECT decision_id FROM decisions WHERE false", 0, id="none"),
        pytest.param("SELECT NULL::text AS decision_id, trace_id FROM decisions", 0, id="no ids"),
    ],
)  # fmt: skip
def test_what_the_query_names_is_replayed(url: str, sql: str, count: int) -> None:
    report = _replay(url, sql).json()
    assert sum(report["verdicts"].values()) == count


def test_other_conditions_hold_as_well(url: str) -> None:
    report = _replay(url, "SELECT decision_id FROM decisions", where="input.n > 8", until="2026-01-15T12:00:10Z").json()
    assert sum(report["verdicts"].values()) == 1


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        pytest.param("SELECT trace_id FROM decisions", "sql: the query must return one column decision_id", id="no id"),
        pytest.param("SELECT decision_id, decision_id FROM decisions", "sql: the query must return one column", id="twice"),
        pytest.param("SELECT sequence AS decision_id FROM decisions", "sql: decision_id is of the type int8", id="a number"),
        pytest.param("SELECT decision_id, 'x' AS trace_id FROM decisions", "sql: trace_id is not always a trace id", id="no trace id"),
        pytest.param(
            "SELECT a.decision_id FROM decisions a JOIN decisions b ON a.type = b.type", "sql: the query names more than 12", id="too many"
        ),
        pytest.param("DELETE FROM decisions", "line 1, column 1: ", id="no query"),
        pytest.param("SELECT decision_id FROM relayscope.decisions", "line 1, column 25: ", id="a table"),
        pytest.param("SELECT decision_id, nope FROM decisions", 'line 1, column 21: column "nope" does not exist', id="a column"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem(url: str, sql: str, detail: str) -> None:
    response = _replay(url, sql)
    assert response.status_code == 400
    assert response.json()["detail"].startswith(detail)
    assert ("position" in response.json()) == detail.startswith("line")


def test_without_sql_there_is_no_such_selection() -> None:
    replayed = ReplayAccess(PostgresReplayReader(ReplayReaderConfig(dsn="unused")), PostgresRuleSets("unused"))
    with serving(CannedReader(), replayed=replayed) as address:
        assert "SQL is off" in _replay(address, "SELECT decision_id FROM decisions").json()["detail"]


def test_the_command(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rules: str) -> None:
    words = ["relayscope", "replay", rules, "--since", _DAY["since"], "--until", _DAY["until"], "--json", "--url", url]
    monkeypatch.setattr(sys, "argv", [*words, "--sql", "SELECT decision_id FROM decisions WHERE decision_id = 'd-2'"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["report"]["verdicts"]["same"] == 1
    monkeypatch.setattr(sys, "argv", [*words, "--sql", "SELECT decision_id,\n  nope FROM decisions"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-2:] == ["  nope FROM decisions", "  ^"]


@pytest.fixture
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(_RULES)
    return str(path)
