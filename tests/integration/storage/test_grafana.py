"""Grafana's dashboards, on what the demo sends: every query runs as the role that Grafana has, and finds something."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest_asyncio
import yaml

from relayscope.interaction import build_derive_of
from relayscope.settings import Settings
from storage.postgres.writer import WriterConfig
from tests.support.database import writing
from tests.support.demo import emitted
from tests.support.postgres import Cluster
from tests.support.repository import ROOT
from tests.support.sql_database import config, running
from tracedata import Batch

# Any: JSON of Grafana.
Tree: TypeAlias = dict[str, Any]
_FOLDER = ROOT / "docker" / "grafana"
_TRACES = 300
_WORKSPACE = 1
_STEP_S = 3_600
# Its models neither write caches nor tell of reasoning.
_NOT_IN_THE_DEMO = {"cache write", "reasoning"}
# Where the demo's spans are.
_FROM = datetime(2025, 12, 1, tzinfo=UTC)
_TO = _FROM + timedelta(days=60)
_MACRO = re.compile(r"\$__(timeFilter|timeGroupAlias|timeGroup)\(([^(),]+)(?:,\s*([^(),]+))?\)")


def _boards() -> Mapping[str, Tree]:
    return {path.stem: json.loads(path.read_text()) for path in sorted((_FOLDER / "dashboards").glob("*.json"))}


def _sources() -> Mapping[str, Tree]:
    tree = yaml.safe_load((_FOLDER / "provisioning/datasources/relayscope.yaml").read_text())
    return {source["uid"]: source for source in tree["datasources"]}


def _queries() -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Name, SQL and variables of each."""
    for board_name, board in _boards().items():
        variables = {one["name"]: one["query"] for one in board["templating"]["list"]}
        for name, query in variables.items():
            yield f"{board_name}: ${name}", query, {}
        for panel in board["panels"]:
            for target in panel["targets"]:
                if "rawSql" in target:
                    yield f"{board_name}: {panel['title']}", target["rawSql"], variables


def expanded(sql: str, values: Mapping[str, Sequence[str]]) -> str:
    """The query as Grafana sends it: macros of its PostgreSQL data source, and variables of which everything is chosen."""
    for name, chosen in values.items():
        listed = ",".join("'" + value.replace("'", "''") + "'" for value in chosen)
        sql = sql.replace("${" + name + ":sqlstring}", listed)
    # The longer name first, which begins with the shorter one.
    sql = sql.replace("$__interval_ms", str(_STEP_S * 1_000)).replace("$__interval", f"{_STEP_S}s")
    return _MACRO.sub(_macro, sql)


def _macro(found: re.Match[str]) -> str:
    name, column, step = found.groups()
    if name == "timeFilter":
        return f"{column} BETWEEN '{_FROM.isoformat()}' AND '{_TO.isoformat()}'"
    seconds = int(step.removesuffix("s"))
    group = f"floor(extract(epoch from {column})/{seconds})*{seconds}"
    return f'{group} AS "time"' if name == "timeGroupAlias" else group


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reading_dsn(postgres_cluster: Cluster) -> AsyncIterator[str]:
    """The URL that Grafana would have, to a database with the demo in it."""
    with postgres_cluster.database() as dsn:
        async with writing(WriterConfig(dsn=dsn)) as writer:
            await writer.consume(_demo())
        async with running(config(dsn)) as runner:
            yield await runner.dsn(_WORKSPACE)


def _demo() -> Batch:
    """What the demo sends, with what settling makes of it."""
    spans, records = emitted(seed=7, traces=_TRACES)
    derive = build_derive_of(Settings())(_WORKSPACE)
    derived = [
        derive([one for one in spans if one.trace_id == trace_id], [one for one in records if one.trace_id == trace_id])
        for trace_id in dict.fromkeys(span.trace_id for span in spans)
    ]
    return Batch(
        workspace_id=_WORKSPACE,
        spans=spans,
        log_records=records,
        interactions=[interaction for one in derived for interaction in one.interactions],
        decisions=[decision for one in derived for decision in one.decisions],
    )


def _answer(connection: psycopg.Connection, sql: str, variables: Mapping[str, str]) -> list[dict[str, object]]:
    values = {
        name: [str(value) for (value,) in connection.execute(expanded(query, {}).encode()).fetchall()]
        for name, query in variables.items()
    }
    text = expanded(sql, values)
    assert "$" not in text, text
    cursor = connection.execute(text.encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_query_finds_something_in_the_demo(reading_dsn: str) -> None:
    empty: list[str] = []
    with psycopg.connect(reading_dsn, autocommit=True) as connection:
        for name, sql, variables in _queries():
            rows = _answer(connection, sql, variables)
            # A column that is empty in every row shows nothing either.
            columns = list(rows[0]) if rows else ["anything"]
            empty += [
                f"{name}: {column}"
                for column in columns
                if all(row[column] is None for row in rows) and column not in _NOT_IN_THE_DEMO
            ]
    assert empty == []


def test_series_have_what_a_graph_needs(reading_dsn: str) -> None:
    with psycopg.connect(reading_dsn, autocommit=True) as connection:
        for board in _boards().values():
            variables = {one["name"]: one["query"] for one in board["templating"]["list"]}
            for panel in board["panels"]:
                for target in panel["targets"]:
                    if target.get("format") != "time_series":
                        continue
                    rows = _answer(connection, target["rawSql"], variables)
                    assert rows == sorted(rows, key=lambda row: str(row["time"])), panel["title"]
                    measures = [set(row) - {"time", "metric"} for row in rows]
                    assert all(measures), panel["title"]


def test_columns_that_are_dressed_or_linked_exist(reading_dsn: str) -> None:
    with psycopg.connect(reading_dsn, autocommit=True) as connection:
        for board in _boards().values():
            variables = {one["name"]: one["query"] for one in board["templating"]["list"]}
            for panel in board["panels"]:
                dressed = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
                if dressed:
                    rows = _answer(connection, panel["targets"][0]["rawSql"], variables)
                    assert dressed <= set(rows[0]), panel["title"]


def test_figures_are_those_of_the_rows(reading_dsn: str) -> None:
    board = _boards()["ai"]
    variables = {one["name"]: one["query"] for one in board["templating"]["list"]}
    panels = {panel["title"]: panel["targets"][0]["rawSql"] for panel in board["panels"]}
    count = "SELECT count(*) AS calls, sum(total_tokens) AS tokens FROM telemetry.ai_interactions WHERE operation IN ('chat', 'embedding')"
    with psycopg.connect(reading_dsn, autocommit=True) as connection:
        (wanted,) = _answer(connection, count, {})
        (calls,) = _answer(connection, panels["Calls of models"], variables)
        by_model = _answer(connection, panels["Calls by model"], variables)
        (tokens,) = _answer(connection, panels["Tokens"], variables)
    # The demo's only calls of models are these.
    assert calls["calls"] == wanted["calls"] == sum(int(str(row["value"])) for row in by_model)
    assert tokens["tokens"] == wanted["tokens"]


def test_dashboards_use_the_provisioned_sources() -> None:
    sources = _sources()
    for name, board in _boards().items():
        used = re.findall(r'"datasource": \{"type": "([^"]+)", "uid": "([^"]+)"\}', json.dumps(board))
        assert used, name
        assert {(sources[uid]["type"], uid) for _, uid in used} == set(used), name
        assert "relayscope-traces" in sources
        assert board["uid"].startswith("relayscope-")
    provider = yaml.safe_load((_FOLDER / "provisioning/dashboards/relayscope.yaml").read_text())["providers"][0]
    assert f"dashboards:{provider['options']['path']}:ro" in (ROOT / "docs/grafana.md").read_text()


def test_variables_of_the_sources_are_documented() -> None:
    text = Path(_FOLDER / "provisioning/datasources/relayscope.yaml").read_text()
    names = set(re.findall(r"\$\{(\w+)\}", text))
    assert names == set(re.findall(r"--env (RELAYSCOPE_\w+)", (ROOT / "docs/grafana.md").read_text()))
