"""The command ``decisions``, against a running API over PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import msgspec
import pytest
from typer.testing import CliRunner

from relayscope.api.app import AiAccess
from relayscope.api.rest import decision_schema as schema
from relayscope.cli import app
from storage.postgres.decision_reader import PostgresDecisionReader
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.writer import WriterConfig
from tests.support.api_server import serving
from tests.support.canned_reader import CannedReader
from tests.support.database import writing
from tests.support.decision import decision, full_decision
from tests.support.factory import BASE_US, MS_NS, trace_id
from tests.support.interaction import full_interaction
from tracedata import Batch
from tracedata.decision import FinalOutcome

_TRACE = trace_id()
_BASE_NS = BASE_US * 1_000
_FINAL = FinalOutcome(provider="openai", model="gpt-4o-mini", status="success", is_stated=True)
_DECISIONS = (
    decision(
        id="d-1",
        trace_id=_TRACE,
        time_unix_nano=_BASE_NS,
        type="rule_evaluation",
        component="rule_engine",
        rule_id="r-1",
        rule_name="High Quality",
        input={"plan": "enterprise", "name": "\x1b[31mred"},
        output={"allow": True},
        outcome="allow",
        request_id="req-1",
        final=_FINAL,
    ),
    full_decision(
        id="d-2",
        trace_id=_TRACE,
        time_unix_nano=_BASE_NS + 1,
        is_enforced=True,
        type="model_selection",
        parent_id="d-1",
        final=_FINAL,
    ),
    full_decision(
        id="d-3", trace_id=_TRACE, time_unix_nano=_BASE_NS + 2, component="guard", outcome="deny", final=_FINAL
    ),
)
_CALL = full_interaction(
    trace_id=_TRACE, start_time_unix_nano=_BASE_NS + MS_NS, end_time_unix_nano=_BASE_NS + 5 * MS_NS
)
_WINDOW = ["--start", "2026-01-15T00:00:00Z", "--end", "2026-01-16T00:00:00Z"]


async def _fill(dsn: str) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, decisions=_DECISIONS, interactions=[_CALL]))


@pytest.fixture
def url(shared_postgres_dsn: str) -> Iterator[str]:
    asyncio.run(_fill(shared_postgres_dsn))
    config = ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)
    interactions, decisions = PostgresInteractionReader(config), PostgresDecisionReader(config)
    ai = AiAccess(interactions, decisions=decisions)
    with serving(CannedReader(), ai=ai, components=(interactions, decisions)) as running:
        yield running


def _printed(url: str, *arguments: str, columns: int = 200) -> str:
    environment = {"NO_COLOR": "1", "COLUMNS": str(columns)}
    result = CliRunner().invoke(app, ["decisions", *arguments, "--url", url], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", [_TRACE.hex(), "req-1"], ids=["trace", "request"])
def test_a_flow_is_readable(url: str, name: str) -> None:
    lines = [line.rstrip() for line in _printed(url, "show", name).splitlines()]
    assert lines[0] == "rule_engine → spell_checker → openai gpt-4o-mini"
    text = "\n".join(lines)
    assert "1. rule_engine  rule_evaluation  allow" in text
    assert "Rule    High Quality (r-1)" in text
    assert "Lost    gpt-4o" in text
    assert "After   decision 1" in text
    assert "3. guard  spelling  deny  shadow: nothing followed" in text
    assert "Outcome       success, openai gpt-4o-mini (as stated)" in text
    assert "Called  openai gpt-4o-2024-08-06, 4 ms" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("columns", [80, 200], ids=["narrow", "wide"])
def test_lists_show_whole_ids(url: str, columns: int) -> None:
    text = _printed(url, "list", *_WINDOW, columns=columns)
    assert _TRACE.hex() in text
    assert "req-1" in text


@pytest.mark.parametrize(
    ("arguments", "is_found"),
    [
        (["CHEAP tier"], True),
        (["absent"], False),
        (["--where", "input.plan=enterprise"], True),
        (["--where", "input.plan=free"], False),
        (["--shadow", "--component", "guard"], True),
        (["--enforced", "--component", "guard"], False),
    ],
    ids=["phrase", "no such word", "place", "another value", "shadow", "enforced"],
)
def test_search(url: str, arguments: Sequence[str], is_found: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert (_TRACE.hex() in _printed(url, "search", *arguments, *_WINDOW)) is is_found


def test_statistics(url: str) -> None:
    text = _printed(url, "stats", "--by", "component", "--bucket", "1h", *_WINDOW)
    assert "3 decisions" in text
    assert "33.3 %" in text
    assert "guard" in text


def test_json_is_that_of_the_api(url: str) -> None:
    msgspec.json.decode(_printed(url, "show", "req-1", "--json"), type=schema.DecisionFlow)
    msgspec.json.decode(_printed(url, "list", "--json", *_WINDOW), type=schema.DecisionTraceList)
    msgspec.json.decode(_printed(url, "stats", "--json", *_WINDOW), type=schema.DecisionStatistics)


def test_nothing_found_says_so(url: str) -> None:
    assert "No decisions match" in _printed(url, "list", "--rule", "none", *_WINDOW)
    assert "No decisions match" in _printed(url, "stats", "--rule", "none", *_WINDOW)
