"""The commands of AI interactions and sessions, against a running API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from relayscope.api.app import AiAccess
from relayscope.cli import interactions
from tests.support.api_server import closed_url, serving
from tests.support.canned_reader import CannedReader
from tests.support.factory import BASE_US, MS_NS, SECOND_US, span
from tests.support.interaction import full_interaction, interaction
from tests.support.memory_interactions import MemoryInteractions
from tracedata import Interaction, LogRecord, Span
from tracedata.interaction import Conversation, Cost, Message, Part, Usage

SOURCE = span(name="chat")
FULL = full_interaction(trace_id=SOURCE.trace_id, span_id=SOURCE.span_id, sources=())
CHEAP = interaction(
    start_time_unix_nano=(BASE_US + SECOND_US) * 1_000,
    end_time_unix_nano=(BASE_US + SECOND_US) * 1_000 + 250 * MS_NS,
    session_id="session-1",
    provider="anthropic",
    model_served="claude",
    prompt="How do I cook rice? \x1b[31m",
    response="Boil it.",
    cost=Cost(amount=0.0000012, source="computed:1"),
    usage=Usage(input=1_200, cache_read=34, output=5),
)
WINDOW = ["--start", "2026-01-15T00:00:00Z", "--end", "2026-01-16T00:00:00Z"]
GROUPS: dict[str, list[str]] = {
    "list": ["interactions", "list", *WINDOW],
    "search": ["interactions", "search", "rice", *WINDOW],
    "stats": ["interactions", "stats", "--by", "model", "--bucket", "1h", *WINDOW],
    "models": ["interactions", "models", *WINDOW],
    "show": ["interactions", "show", f"{FULL.trace_id.hex()}-{FULL.span_id.hex()}"],
    "sessions": ["sessions", "list", *WINDOW],
    "session": ["sessions", "show", "session-1"],
}


def conversation(spans: Sequence[Span], _records: Sequence[LogRecord]) -> Conversation:
    return Conversation(
        input=[
            Message(role="system", parts=[Part(type="text", text="Be brief.")]),
            Message(role="user", parts=[Part(type="text", text="Where is it?\nNow.")]),
        ],
        output=[
            Message(
                role="assistant",
                parts=[
                    Part(type="text", text="y" * 5_000),
                    Part(type="tool_call", name="search", id="call-7", text='{"q": 1}'),
                    Part(type="image", text="a picture"),
                ],
            ),
            Message(role="tool", name="search", parts=[Part(type="tool_call_response", text="found")]),
        ],
    )


def holding(*ones: Interaction) -> AiAccess:
    store = MemoryInteractions()
    store.put(*ones)
    store.put_spans([SOURCE])
    return AiAccess(store, conversation)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(CannedReader(), ai=holding(FULL, CHEAP)) as address:
        yield address


def run(arguments: list[str], url: str, *, columns: int = 200) -> tuple[int, str, str]:
    app = typer.Typer()
    interactions.register(app)
    environment = {"RELAYSCOPE_URL": url, "COLUMNS": str(columns), "NO_COLOR": "1"}
    result = CliRunner().invoke(app, arguments, env=environment)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("list", [f"{FULL.trace_id.hex()}-{FULL.span_id.hex()}", "claude", "1,239", "250 ms", "$0.0000012", "rate_limit"]),
        ("search", ["asked: How do I cook", "rice", "anthropic"]),
        ("stats", ["MODEL", "START (UTC)", "2026-01-15 12:00:00", "100 %", "0.01235 EUR", "TTFT P50"]),
        ("models", ["gpt-4o-2024-08-06", "PER CALL", "1,239"]),
        ("sessions", ["session-1", "user-1", "claude, gpt-4o-2024-08-06"]),
        ("session", ["2 calls", "1 failed", "user", "Boil it.", "$0.0000012"]),
        (
            "show",
            [
                "chat  openai  gpt-4o-2024-08-06  rate_limit", "✗ slow down", "38: 15 in (2 from the cache, 7 into",
                "(asked for gpt-4o)", "temperature=0.0", "system", "Be brief.", "Where is it?", "Now.",
                '→ search [call-7] {"q": 1}', "← ", "found", "(image) a picture", "1,000 more characters",
                "0.012345 EUR", "0.0000025", "! reported and computed differ", "source", "streaming",
            ],
        ),
    ],
)  # fmt: skip
def test_draws(url: str, command: str, expected: list[str]) -> None:
    code, out, err = run(GROUPS[command], url)
    assert (code, err) == (0, "")
    assert [part for part in expected if part not in out] == []
    assert "\x1b[31m" not in out


@pytest.mark.parametrize("command", GROUPS)
def test_json_is_that_of_the_api(url: str, command: str) -> None:
    code, out, err = run([*GROUPS[command], "--json"], url)
    assert (code, err) == (0, "")
    answer = msgspec.json.decode(out)
    assert {"show": "messages", "session": "turns"}.get(command, "items") in answer


@pytest.mark.parametrize("command", GROUPS)
def test_narrow_terminals_are_no_failure(url: str, command: str) -> None:
    code, out, err = run(GROUPS[command], url, columns=60)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= max(60, len("5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174"))


@pytest.mark.parametrize(
    ("flags", "is_found"),
    [
        (["--provider", "anthropic"], True),
        (["--model", "claude"], True),
        (["--operation", "chat", "--operation", "tool"], True),
        (["--operation", "tool"], False),
        (["--user", "nobody"], False),
        (["--session", "session-1"], True),
        (["--agent", "nobody"], False),
        (["--organization", "nobody"], False),
        (["--service", "nobody"], False),
        (["--status", "success"], True),
        (["--error-class", "auth"], False),
        (["--min-cost", "0.000001", "--max-cost", "0.000002"], True),
        (["--min-tokens", "1239", "--max-tokens", "1239"], True),
        (["--min-latency", "250ms", "--max-latency", "250"], True),
        (["--trace", CHEAP.trace_id.hex()], True),
        (["--trace", "1"], False),
        (["--end", "2026-01-15T11:00:00Z"], False),
    ],
)
def test_every_filter_reaches_the_store(url: str, flags: list[str], is_found: bool) -> None:  # noqa: FBT001 - a column
    code, out, err = run(["interactions", "list", *WINDOW, *flags], url)
    assert (code, err) == (0, "")
    assert (CHEAP.span_id.hex() in out) == is_found


def test_pages(url: str) -> None:
    _, out, _ = run([*GROUPS["list"], "--limit", "1"], url)
    assert CHEAP.span_id.hex() in out
    cursor = out.partition("--cursor ")[2].strip()
    _, out, _ = run([*GROUPS["list"], "--limit", "1", "--cursor", cursor], url)
    assert FULL.span_id.hex() in out


def test_a_phrase_that_the_shell_unquoted_stays_one(url: str) -> None:
    assert "Nothing was found" in run(["interactions", "search", "rice cook", *WINDOW], url)[1]
    assert CHEAP.span_id.hex() in run(["interactions", "search", "rice", "cook", *WINDOW], url)[1]


@pytest.mark.parametrize("command", ["list", "search", "stats", "models", "sessions"])
def test_nothing_is_told_as_such(command: str) -> None:
    with serving(CannedReader(), ai=holding()) as address:
        code, out, err = run(GROUPS[command], address)
    assert (code, err) == (0, "")
    assert "No " in out or "Nothing " in out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["interactions", "show", "abc"], 2, "id: must be a trace id"),
        (["interactions", "show", f"{'0' * 32}-{'0' * 16}"], 1, "There is no interaction with this id."),
        (["interactions", "search", "?"], 2, "q: there is no word"),
        (["interactions", "stats", "--by", "colour"], 2, "by: must be some of"),
        (["interactions", "list", "--operation", "talk"], 2, "operation: input should be 'chat', "),
        (["sessions", "show", "nobody"], 1, "There is no session with this id."),
        (["sessions", "list", "--start", "yesterday"], 2, "start: expected ISO-8601"),
    ],
)
def test_errors_are_one_sentence(url: str, arguments: list[str], code: int, sentence: str) -> None:
    found, out, err = run(arguments, url)
    assert (found, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err
    assert "literal" not in err


def test_says_how_to_start_the_server() -> None:
    code, out, err = run(["sessions", "list"], closed_url())
    assert (code, out) == (1, "")
    assert "relayscope up" in err
