from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psycopg
import pytest
import typer
from typer.testing import CliRunner

from relayscope.cli import redact_stored
from storage.postgres.writer import WriterConfig
from storage.redaction import Application, ApplyProgress, Verification
from tests.support.database import rows, writing
from tests.support.factory import batch, span
from tracedata import RelayscopeError, Span

_ADDRESS = "jane.doe@example.com"


def _invoke(*arguments: str) -> tuple[int, str]:
    """Exit code and output. Errors of ours are raised, since ``main`` is what shows them."""
    app = typer.Typer()
    redact_stored.register(app)
    none = dict.fromkeys(name for name in os.environ if name.startswith("RELAYSCOPE_"))
    result = CliRunner().invoke(app, arguments, env={**none, "NO_COLOR": "1"})
    if isinstance(result.exception, RelayscopeError):
        raise result.exception
    return result.exit_code, result.output


def _verify(dsn: str, *arguments: str) -> tuple[int, Verification]:
    code, output = _invoke("verify", "--database-url", dsn, "--json", *arguments)
    assert _ADDRESS not in output
    return code, msgspec.json.decode(output, type=Verification)


def _apply(dsn: str) -> tuple[Sequence[ApplyProgress], Application]:
    code, output = _invoke("apply", "--database-url", dsn, "--json")
    assert code == 0
    *lines, last = output.splitlines()
    return [msgspec.json.decode(line, type=ApplyProgress) for line in lines], msgspec.json.decode(
        last, type=Application
    )


async def _fill(dsn: str, spans: Sequence[Span]) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(batch(*spans))


def _addressed(count: int) -> Sequence[Span]:
    return [span(attributes={"user.mail": _ADDRESS}) for _ in range(count)]


@pytest.mark.parametrize("arguments", [(), ("--deep",)], ids=["tables", "deep"])
def test_verify_fails_until_what_it_finds_was_applied(shared_postgres_dsn: str, arguments: Sequence[str]) -> None:
    asyncio.run(_fill(shared_postgres_dsn, _addressed(2)))
    code, found = _verify(shared_postgres_dsn, *arguments)
    place = found.places[-1]
    assert (code, place.column, place.key, place.entity, place.count) == (
        1,
        "spans.attributes",
        "user.mail",
        "EMAIL_ADDRESS",
        2,
    )
    lines, done = _apply(shared_postgres_dsn)
    assert [line.rows for line in lines] == [2]
    assert (done.spans, done.changed) == (2, 2)
    code, found = _verify(shared_postgres_dsn, *arguments)
    assert (code, found.places) == (0, [])


def test_tables_and_sentences_say_the_same(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn, _addressed(2)))
    code, shown = _invoke("verify", "--database-url", shared_postgres_dsn)
    assert code == 1
    assert "2 found in" in shown
    assert ["spans.attributes", "user.mail", "EMAIL_ADDRESS", "2"] in [line.split()[:4] for line in shown.splitlines()]
    code, told = _invoke("apply", "--database-url", shared_postgres_dsn)
    assert code == 0
    assert "looked at 2 spans and 0 log records and redacted 2" in told
    assert _ADDRESS not in shown + told
    assert _invoke("verify", "--database-url", shared_postgres_dsn)[0] == 0


def test_a_killed_apply_is_resumed(shared_postgres_dsn: str) -> None:
    asyncio.run(_fill(shared_postgres_dsn, _addressed(1_200)))
    command = [sys.executable, "-m", "relayscope.entry", "redact", "apply", "--json"]
    with psycopg.connect(shared_postgres_dsn) as blocking:
        # Whoever comes to the last page waits.
        blocking.execute("SELECT FROM relayscope.spans ORDER BY trace_id DESC LIMIT 1 FOR UPDATE")
        with subprocess.Popen(
            [*command, "--database-url", shared_postgres_dsn], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            seen = [msgspec.json.decode(process.stdout.readline(), type=ApplyProgress).rows for _ in range(5)]
            process.kill()
    assert seen == [200, 400, 600, 800, 1_000]
    lines, done = _apply(shared_postgres_dsn)
    assert [line.rows for line in lines] == [1_200]
    assert (done.is_resumed, done.spans, done.changed) == (True, 1_200, 1_200)
    stored = asyncio.run(
        rows(shared_postgres_dsn, "SELECT DISTINCT attributes::text, redactions -> 'entities' FROM relayscope.spans")
    )
    assert stored == [('{"user.mail": "<EMAIL_ADDRESS>"}', {"EMAIL_ADDRESS": 1})]
    assert asyncio.run(rows(shared_postgres_dsn, "SELECT count(*) FROM relayscope.spans")) == [(1_200,)]


@pytest.mark.parametrize("command", ["verify", "apply"])
def test_a_folder_without_data_is_left_alone(tmp_path: Path, command: str) -> None:
    with pytest.raises(RelayscopeError, match="holds no data"):
        _invoke(command, "--data-dir", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", ["verify", "apply"])
def test_wrong_usage_exits_with_2(command: str) -> None:
    assert _invoke(command, "--nonsense")[0] == 2
