"""Replay and rule sets over the API and from the command line, with decisions in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from relayscope.api.app import ReplayAccess, create_app
from relayscope.cli import app
from storage.postgres.replay_reader import PostgresReplayReader, ReplayReaderConfig
from storage.postgres.rule_set import PostgresRuleSets
from storage.postgres.writer import WriterConfig
from tests.support.api_server import closed_url
from tests.support.canned_reader import CannedReader
from tests.support.database import writing
from tests.support.interaction import interaction
from tests.support.rules import routed, rule, rules_text
from tracedata import Batch
from tracedata.interaction import Cost

pytestmark = pytest.mark.postgres
_REPLAY, _RULES = "/api/v1/decisions/replay", "/api/v1/rules"
_DAY = {"since": "2026-01-15T00:00:00Z", "until": "2026-01-16T00:00:00Z"}
_OWN = rules_text(rule("small", "true"))
_OTHER = rules_text(rule("big", "input.n > 6", "{route: large}"), rule("small", "true")).replace('"3"', '"4"')
_NDJSON = {"accept": "application/x-ndjson"}


def _application(dsn: str) -> Any:  # noqa: ANN401 - FastAPI's application
    reader = PostgresReplayReader(ReplayReaderConfig(dsn=dsn, page_rows=4))
    return create_app(CannedReader(), replayed=ReplayAccess(reader, PostgresRuleSets(dsn)))


async def _store(dsn: str) -> None:
    """Ten choices of the small model, and calls of two models."""
    async with writing(WriterConfig(dsn=dsn)) as writer:
        calls = [
            interaction(
                trace_id=routed(number).trace_id,
                span_id=bytes([number]) * 8,
                provider="openai",
                model_requested="gpt-4o-mini" if number < 6 else "gpt-4.1",
                cost=Cost(amount=0.001 * number),
            )
            for number in range(1, 11)
        ]
        decisions = [routed(number, rule_id="small") for number in range(1, 11)]
        await writer.consume(Batch(workspace_id=1, spans=(), decisions=decisions, interactions=calls))


@pytest.fixture
async def client(shared_postgres_dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    await _store(shared_postgres_dsn)
    transport = httpx.ASGITransport(app=_application(shared_postgres_dsn))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def _import(client: httpx.AsyncClient, text: str, media_type: str = "application/yaml") -> httpx.Response:
    return await client.post(_RULES, content=text, headers={"content-type": media_type})


@pytest.mark.parametrize(
    ("asked", "flips"),
    [
        pytest.param({"rules": _OWN}, 0, id="a text"),
        pytest.param({"rules": _OTHER}, 4, id="another one"),
        pytest.param({"rules": _OTHER, "where": "input.n < 8"}, 1, id="a condition"),
        pytest.param({"rules": _OTHER, "rule": "another"}, 0, id="a filter"),
        pytest.param({"rules": _OTHER, "until": "2026-01-15T12:00:09Z"}, 2, id="a period"),
    ],
)
async def test_what_would_flip(client: httpx.AsyncClient, asked: dict[str, Any], flips: int) -> None:
    response = await client.post(_REPLAY, json={**_DAY, **asked})

    assert response.status_code == 200
    report = response.json()
    assert (report["verdicts"]["flip"], sum(one["count"] for one in report["flips"])) == (flips, flips)
    assert report["start"] == "2026-01-15T00:00:00.000000Z"


async def test_a_rule_set_may_be_an_object(client: httpx.AsyncClient) -> None:
    rules = {
        "name": "n",
        "version": "1",
        "decisions": [
            {
                "type": "model_selection",
                "component": "router",
                "rules": [{"id": "a", "when": "true", "then": {"route": {"provider": "é", "model": "m"}}}],
            }
        ],
    }
    report = (await client.post(_REPLAY, json={**_DAY, "rules": rules})).json()

    assert [one["replayed"] for one in report["flips"]] == ["é/m"]


async def test_estimates_are_of_what_was_observed(client: httpx.AsyncClient) -> None:
    report = (await client.post(_REPLAY, json={**_DAY, "rules": _OTHER})).json()

    overlap = report["estimates"]["overlap"]
    assert (overlap["flips"], overlap["flipsObserved"], overlap["withoutObservations"]) == (4, 4, [])
    (cost,) = report["estimates"]["cost"]
    # The mean of 6 to 10 thousandths instead of that of 1 to 5.
    assert cost["perDecision"]["estimate"] == pytest.approx(0.005)
    assert cost["total"]["estimate"] == pytest.approx(0.02)
    assert cost["perDecision"]["low"] < 0.005 < cost["perDecision"]["high"]


async def test_a_stream_tells_how_far_it_has_come(client: httpx.AsyncClient) -> None:
    response = await client.post(_REPLAY, json={**_DAY, "rules": _OTHER, "each": ["flip"]}, headers=_NDJSON)

    lines = [json.loads(line) for line in response.text.splitlines()]
    progress = [line["progress"] for line in lines if "progress" in line]
    told = [line["decision"] for line in lines if "decision" in line]
    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert progress == [{"decisions": count, "total": 10} for count in (4, 8, 10)]
    assert [one["decisionId"] for one in told] == ["d-7", "d-8", "d-9", "d-10"]
    assert lines[-1]["report"] == (await client.post(_REPLAY, json={**_DAY, "rules": _OTHER})).json()


_REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "neither rules nor a name": ({}, 400, "body: either rules or name must be given"),
    "both": ({"rules": _OWN, "name": "x"}, 400, "body: either rules or name must be given"),
    "a version without a name": ({"rules": _OWN, "version": "3"}, 400, "version: belongs to name"),
    "a name that is not kept": ({"name": "x"}, 404, "There is no such rule set"),
    "an unknown field": ({"rules": _OWN, "form": 1}, 400, "unknown field `form`"),
    "a bad rule": ({"rules": _OWN.replace("true", "x")}, 400, "rules:8:28: rule small: when, column 1: undeclared"),
    "a bad condition": ({"rules": _OWN, "where": "input.n <"}, 400, "where: column 10: syntax error"),
    "a bad moment": ({"rules": _OWN, "since": "x"}, 400, "since: expected ISO-8601"),
    "a period that ends before it begins": ({"rules": _OWN, "until": "2026-01-14"}, 400, "until: must lie after since"),
    "an unknown verdict": ({"rules": _OWN, "each": ["flop"]}, 400, "Invalid enum value 'flop'"),
    "rules that are a list": ({"rules": []}, 400, "rules: must be an object or a text"),
}


@pytest.mark.parametrize("headers", [{}, _NDJSON], ids=["json", "ndjson"])
@pytest.mark.parametrize(("asked", "status", "detail"), _REFUSED.values(), ids=_REFUSED)
async def test_what_is_wrong_is_a_problem_before_anything_is_read(
    client: httpx.AsyncClient, asked: dict[str, Any], status: int, detail: str, headers: dict[str, str]
) -> None:
    response = await client.post(_REPLAY, json={**_DAY, **asked}, headers=headers)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert detail in response.json()["detail"]


async def test_other_media_types_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post(_REPLAY, content="{}", headers={"content-type": "text/plain"})).status_code == 415
    assert (await _import(client, _OWN, "text/plain")).status_code == 415


async def test_rule_sets_are_kept_listed_shown_compared_and_replayed(client: httpx.AsyncClient) -> None:
    first, again, second = [await _import(client, text) for text in (_OWN, _OWN, _OTHER)]

    assert [one.json()["status"] for one in (first, again, second)] == ["stored", "known", "stored"]
    listed = (await client.get(_RULES)).json()["items"]
    assert [(one["name"], one["version"]) for one in listed] == [("relaycore", "4"), ("relaycore", "3")]
    shown = (await client.get(f"{_RULES}/relaycore", params={"version": "3"})).json()
    assert (shown["body"], shown["versions"]) == (_OWN, ["4", "3"])
    assert (await client.get(f"{_RULES}/relaycore")).json()["body"] == _OTHER
    difference = (await client.get(f"{_RULES}/relaycore/diff", params={"before": "3"})).json()
    assert [(one["rule"], one["change"]) for one in difference["items"]] == [("big", "added")]
    for version, flips in (("3", 0), ("4", 4), (None, 4)):
        asked = {**_DAY, "name": "relaycore", **({"version": version} if version else {})}
        assert (await client.post(_REPLAY, json=asked)).json()["verdicts"]["flip"] == flips


async def test_another_text_under_the_same_version_is_refused(client: httpx.AsyncClient) -> None:
    await _import(client, _OWN)

    response = await _import(client, f"{_OWN}# more\n")

    assert (response.status_code, response.json()["detail"]) == (
        400,
        "rule set relaycore has a version 3 already, with another text; give the changed one another version",
    )


@pytest.mark.parametrize("path", ["/nothing", "/nothing/diff?before=1", "/a%00b"])
async def test_what_is_not_kept_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"{_RULES}{path}")).status_code == 404


async def test_more_than_two_at_a_time_are_refused(shared_postgres_dsn: str) -> None:
    await _store(shared_postgres_dsn)
    transport = httpx.ASGITransport(app=_application(shared_postgres_dsn))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        asked = {**_DAY, "rules": _OWN}
        responses = await asyncio.gather(*(client.post(_REPLAY, json=asked) for _ in range(4)))
        statuses = sorted(one.status_code for one in responses)
        # They end, so that others may begin.
        later = await client.post(_REPLAY, json=asked)

    assert statuses == [200, 200, 503, 503]
    assert later.status_code == 200


@contextmanager
def _serving(dsn: str) -> Iterator[str]:
    config = uvicorn.Config(_application(dsn), host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


async def test_a_reader_of_the_stream_that_leaves_makes_room_for_others(shared_postgres_dsn: str) -> None:
    await _store(shared_postgres_dsn)
    asked = {**_DAY, "rules": _OWN}
    with _serving(shared_postgres_dsn) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            for _ in range(6):
                async with client.stream("POST", _REPLAY, json=asked, headers=_NDJSON) as response:
                    assert response.status_code in (200, 503)
                    await anext(response.aiter_bytes())
            async with asyncio.timeout(20):
                while (await client.post(_REPLAY, json=asked)).status_code != 200:
                    pass


async def test_the_commands(shared_postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await _store(shared_postgres_dsn)
    own, other = tmp_path / "own.yaml", tmp_path / "other.yaml"
    own.write_text(_OWN)
    other.write_text(_OTHER)
    with _serving(shared_postgres_dsn) as url:

        def run(*words: str) -> str:
            result = CliRunner().invoke(app, [*words, "--url", url], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return result.output

        assert "relaycore@3 is kept: 1 rules." in run("rules", "import", str(own))
        assert "was kept already" in run("rules", "import", str(own))
        run("rules", "import", str(other))
        assert "relaycore" in run("rules", "list")
        # A file, whatever shows it.
        monkeypatch.setenv("COLUMNS", "40")
        assert run("rules", "show", "relaycore@3").strip() == _OWN.strip()
        monkeypatch.setenv("COLUMNS", "200")
        assert "rule big added" in run("rules", "diff", "relaycore", "3", "4")
        period = ("--since", _DAY["since"], "--until", _DAY["until"])
        drawn = run("replay", str(other), *period)
        assert "openai/gpt-4.1" in drawn
        assert "4 flips between models" in drawn
        assert "0 unexplained" in run("replay", "relaycore@3", *period)
        lines = run("replay", "relaycore", *period, "--json", "--each", "flip").splitlines()
        assert [sorted(json.loads(line)) for line in lines].count(["decision"]) == 4
        assert json.loads(lines[-1])["report"]["verdicts"]["flip"] == 4


def test_a_file_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(_OWN.replace("true", "input.n <"))
    for words in (("rules", "check", str(bad)), ("replay", str(bad)), ("rules", "import", str(bad))):
        result = CliRunner().invoke(app, words)
        assert "bad.yaml:8:37: rule small: when, column 10: syntax error" in str(result.exception)
    good = tmp_path / "good.yaml"
    good.write_text(_OWN)
    checked = CliRunner().invoke(app, ["rules", "check", str(good), "--json"])
    assert json.loads(checked.output) == {"name": "relaycore", "version": "3", "decisionPoints": 1, "rules": 1}


def test_nobody_answers(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(_OWN)
    for words in (("replay", str(good)), ("rules", "import", str(good))):
        result = CliRunner().invoke(app, [*words, "--url", closed_url()])
        assert "Nothing answers" in str(result.exception)
