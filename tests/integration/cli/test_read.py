"""The commands that read, against a running API."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from relayscope.cli import read
from storage.api import Tag, TracePage, TraceSearch
from tests.support.api_server import closed_url, serving
from tests.support.canned_reader import GATEWAY, SCOPE, START_NS, TRACE_ID, CannedReader, edge, node, unreachable
from tests.support.trace import CHILD, MS, ROOT, failed
from tracedata import LogRecord

RECORD = LogRecord(resource=GATEWAY, scope=SCOPE, time_unix_nano=START_NS + 12 * MS)
READER = CannedReader(
    spans=[ROOT, failed(CHILD, message="rate limit")],
    page=TracePage(trace_ids=[TRACE_ID]),
    names=["gateway", "provider"],
    records=[
        replace(RECORD, trace_id=TRACE_ID, body="the model is overloaded\x1b[2J", severity_number=17),
        replace(RECORD, trace_id=TRACE_ID, event_name="gen_ai.choice", body={"index": 0}),
        replace(RECORD, trace_id=b"?" * 16, body="of another trace"),
    ],
    nodes=[node("gateway"), node("provider")],
    edges=[edge("gateway", "provider")],
)
COMMANDS = {
    "services": ["services"],
    "traces": ["traces"],
    "trace": ["trace", TRACE_ID.hex()],
    "map": ["map"],
}  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(READER) as address:
        yield address


def run(arguments: list[str], url: str) -> tuple[int, str, str]:
    app = typer.Typer()
    read.register(app)
    result = CliRunner().invoke(app, arguments, env={"RELAYSCOPE_URL": url, "COLUMNS": "120", "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [("services", "provider"), ("traces", TRACE_ID.hex()), ("trace", "✗ rate limit"), ("map", "→")],
)
def test_draws(url: str, command: str, expected: str) -> None:
    code, out, err = run(COMMANDS[command], url)
    assert (code, err) == (0, "")
    assert expected in out


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_that_of_the_api(url: str, command: str) -> None:
    code, out, err = run([*COMMANDS[command], "--json"], url)
    assert (code, err) == (0, "")
    answer = msgspec.json.decode(out)
    assert {"services": "items", "traces": "items", "trace": "spans", "map": "edges"}[command] in answer


def test_a_trace_is_drawn_with_its_log_records(url: str) -> None:
    _, out, _ = run(COMMANDS["trace"], url)
    *_, title, first, second = out.splitlines()
    assert title.strip() == "Log records"
    assert first.split() == ["12", "ms", "error", "gateway", "the", "model", "is", "overloaded�[2J"]
    assert second.split() == ["12", "ms", "-", "gateway", "gen_ai.choice", '{"index":0}']
    assert second.index("gateway") == first.index("gateway")
    assert "another trace" not in out


def test_the_json_of_a_trace_has_its_log_records(url: str) -> None:
    _, out, _ = run([*COMMANDS["trace"], "--json"], url)
    answer = msgspec.json.decode(out)
    assert [one["message"] for one in answer["logs"]["items"]] == ["the model is overloaded\x1b[2J", '{"index":0}']
    assert answer["logs"]["nextCursor"] is None


LOGS_ONLY = b"?" * 16


def test_a_trace_that_has_log_records_only_is_shown(url: str) -> None:
    code, out, err = run(["trace", LOGS_ONLY.hex()], url)
    assert (code, err) == (0, "")
    assert "no span of it is stored" in out
    assert "of another trace" in out
    code, out, _ = run(["trace", LOGS_ONLY.hex(), "--json"], url)
    answer = msgspec.json.decode(out)
    assert (code, answer["traceId"], answer["spans"]) == (0, LOGS_ONLY.hex(), [])
    assert [one["message"] for one in answer["logs"]["items"]] == ["of another trace"]


def test_a_trace_of_which_nothing_is_stored_is_not_found(url: str) -> None:
    code, out, err = run(["trace", "ab" * 16], url)
    assert (code, out) == (1, "")
    assert err


def test_filters_reach_the_store(url: str) -> None:
    options = (
        "--service gateway --operation op --start 100 --end 200 --min-duration 5ms --max-duration 1s "
        "--status error --tag a:1 --tag b:2 --limit 7"
    )
    code, _, err = run(["traces", *options.split()], url)
    assert (code, err) == (0, "")
    assert READER.asked == TraceSearch(
        workspace_id=1,
        start_us=100_000_000,
        end_us=200_000_000,
        limit=7,
        service="gateway",
        operation="op",
        min_duration_ns=5_000_000,
        max_duration_ns=1_000_000_000,
        status_codes=(2,),
        tags=(Tag(key="a", value="1"), Tag(key="b", value="2")),
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["traces", "--limit", "0"], 2, "limit: "),
        (["traces", "--start", "yesterday"], 2, "start: expected ISO-8601"),
        (
            ["traces", "--min-duration", "abc"],
            2,
            "minDuration: expected a duration (1.5s, 100ms, 1h30m) or a number of m",
        ),
        (["traces", "--limit", "many"], 2, "Invalid value"),
        (["traces", "--colour"], 2, "No such option"),
        (["trace", "xyz"], 2, "traceId: must be 1 to 32 hex digits"),
        (["trace", "../services"], 1, "There is nothing at this path"),
        (["trace", "1"], 1, "There is no trace with this id."),
        (["traces", "--url", "ftp://x"], 2, "is not a URL"),
        (["traces", "--url", "http://["], 2, "is not a URL"),
        (["traces", "--url", "http://[::1"], 2, "is not a URL"),
        (["traces", "--url", "http://a b"], 2, "is not a URL"),
        (["traces", "--url", "http://.."], 2, "is not a URL"),
        (["traces", "--url", "http://127.0.0.1:99999"], 2, "is not a URL"),
        (["traces", "--url", ""], 2, "is not a URL"),
        (["traces", "--service", "\udcff"], 2, "not text in UTF-8"),
    ],
)
def test_errors_are_one_sentence(url: str, arguments: list[str], code: int, sentence: str) -> None:
    found, out, err = run(arguments, url)
    assert (found, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["traces", "map"])
def test_relative_times_are_no_options(url: str, command: str) -> None:
    code, _, err = run([command, "--start", "-7d", "--end", "now"], url)
    assert (code, err) == (0, "")


def test_says_how_to_start_the_server() -> None:
    code, out, err = run(["services"], closed_url())
    assert (code, out) == (1, "")
    assert "relayscope up" in err
    assert len(err.splitlines()) == 1


def test_a_store_that_is_away_fails_the_command() -> None:
    with serving(unreachable()) as address:
        assert run(["services"], address) == (1, "", "relayscope: The store cannot be reached.\n")
