from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from relayscope.cli import retention
from relayscope.cli.retention import Answer
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.migration import migrate
from storage.postgres.writer import WriterConfig
from tests.support.database import writing
from tests.support.factory import batch, span
from tracedata import CallerError, RelayscopeError

_NOW = datetime.now(UTC)


def _invoke(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What the command prints. Errors of ours are raised, since ``main`` is what shows them."""
    app = typer.Typer()
    retention.register(app)
    none = dict.fromkeys(name for name in os.environ if name.startswith("RELAYSCOPE_"))
    result = CliRunner().invoke(app, arguments, env={**none, "NO_COLOR": "1", **(environment or {})})
    if result.exception is not None:
        raise result.exception
    return result.stdout


def _answer(*arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
    return msgspec.json.decode(_invoke(*arguments, "--json", environment=environment), type=Answer)


def _name(days: int) -> str:
    return f"spans_{_NOW - timedelta(days=days):%Y%m%d}"


def _names(answer: Answer) -> list[str]:
    return [one.name for one in answer.surveys[0].partitions if one.start and one.end]


async def _fill(dsn: str) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for days in (10, 1):
            start = int((_NOW - timedelta(days=days)).timestamp()) * 10**9
            await writer.consume(batch(span(start_time_unix_nano=start, end_time_unix_nano=start)))


def test_it_shows_and_changes_nothing_unless_told(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn))
    for arguments in ((), ("--older-than", "7d"), ("--older-than", "7d", "--dry-run")):
        answer = _answer("--database-url", shared_postgres_dsn, *arguments)
        assert _names(answer) == [_name(10), _name(1)]
        assert [one.name for one in answer.surveys[0].partitions if one.expires] == ([_name(10)] if arguments else [])
        assert answer.removed == []


_SPANS_AND_THEIR_INDEX = {"spans": [_name(10)], "attribute_chunks": [_name(10).replace("spans", "attribute_chunks")]}


def test_it_removes_what_is_too_old_when_told(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn))
    answer = _answer("--database-url", shared_postgres_dsn, "--older-than", "1w", "--apply")
    others: dict[str, list[str]] = {"log_records": [], "ai_interactions": [], "ai_search": [], "decisions": []}
    assert {one.signal: one.dropped for one in answer.removed} == {**_SPANS_AND_THEIR_INDEX, **others}
    assert _names(answer) == [_name(1)]


def test_the_period_of_the_settings_is_the_default(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn))
    environment = {"RELAYSCOPE_STORAGE__RETENTION__SPANS": "7d"}
    answer = _answer("--database-url", shared_postgres_dsn, "--apply", environment=environment)
    # Interactions and the words of their texts go with the spans, unless they have a period of their own.
    others: dict[str, list[str]] = {"ai_interactions": [], "ai_search": [], "decisions": []}
    assert {one.signal: one.dropped for one in answer.removed} == {**_SPANS_AND_THEIR_INDEX, **others}


def test_the_table_says_what_becomes_of_each(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn))
    lines = _invoke("--database-url", shared_postgres_dsn, "--older-than", "7d").splitlines()
    fates = {line.split()[0]: line.split()[-1] for line in lines if line.startswith("spans_")}
    assert fates[_name(10)] == "drop"
    assert {fate for name, fate in fates.items() if name != _name(10)} == {"keep"}
    assert "dropped 1 partitions" in _invoke("--database-url", shared_postgres_dsn, "--older-than", "7d", "--apply")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--apply"], "--older-than"),
        (["--older-than", "7"], "hours, days or weeks"),
        (["--older-than", "0d"], "hours, days or weeks"),
        (["--older-than", "-3d"], "hours, days or weeks"),
        (["--older-than", "999999w"], "hours, days or weeks"),
    ],
    ids=["no period", "no unit", "nothing", "less than nothing", "longer than time"],
)
def test_wrong_usage_is_told(arguments: list[str], reason: str) -> None:
    with pytest.raises(CallerError, match=reason):
        _invoke("--database-url", "postgresql://127.0.0.1:1/none", *arguments)


def test_a_folder_without_data_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(RelayscopeError, match="holds no data"):
        _invoke("--data-dir", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


async def test_the_embedded_database_is_asked_while_it_runs_and_when_it_does_not(data_folder: Path) -> None:
    server = EmbeddedServer(EmbeddedConfig(data_dir=data_folder, shared_buffers_mb=16))
    await server.start()
    try:
        await migrate(server.dsn)
        await _fill(server.dsn)
        running = await asyncio.to_thread(_answer, "--data-dir", str(data_folder))
        assert _names(running) == [_name(10), _name(1)]
    finally:
        await server.aclose()
    stopped = await asyncio.to_thread(_answer, "--data-dir", str(data_folder), "--older-than", "7d", "--apply")
    assert _names(stopped) == [_name(1)]
