"""``relayscope trace --critical-path`` and ``--errors``, ``compare`` and ``attributes``, against a running API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from relayscope.api.app import AiAccess, DetailAccess
from relayscope.cli import analysis, read
from tests.support.api_server import serving
from tests.support.canned_reader import START_NS, TRACE_ID, CannedReader
from tests.support.interaction import interaction
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_interactions import MemoryInteractions
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.trace import CHILD, ROOT, failed
from tracedata import Batch
from tracedata.interaction import Usage

OTHER = bytes(15) + b"\x07"
TOLD = {"exception.type": "Refused", "exception.message": "no 7\x1b[2J", "exception.stacktrace": "line 1\nline 2"}
SPANS = [
    replace(ROOT, attributes={"a/b": "x\x1b[2J", "n": 1}),
    failed(CHILD, exception=TOLD),
    replace(failed(CHILD, exception=TOLD), trace_id=OTHER),
    replace(CHILD, trace_id=OTHER, span_id=bytes(7) + b"\x09", name="new", parent_span_id=CHILD.span_id),
]
WINDOW = ["--start", str(START_NS // 1_000_000_000 - 60), "--end", str(START_NS // 1_000_000_000 + 60)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    store, calls = MemoryStore(), MemoryInteractions()
    asyncio.run(store.consume(Batch(workspace_id=1, spans=SPANS)))
    calls.put(interaction(trace_id=TRACE_ID, span_id=CHILD.span_id, usage=Usage(input=5, output=7)))
    details = DetailAccess(MemoryFrames(store), MemorySamples(store))
    with serving(CannedReader(spans=SPANS), ai=AiAccess(calls), details=details) as address:
        yield address


def run(arguments: list[str], url: str) -> tuple[int, str, str]:
    app = typer.Typer()
    read.register(app)
    analysis.register(app)
    environment = {"RELAYSCOPE_URL": url, "COLUMNS": "160", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, arguments, env=environment)
    return result.exit_code, result.stdout, result.stderr


def told(arguments: list[str], url: str) -> str:
    """What a command prints, with single spaces; nothing of what senders wrote reaches the terminal as it is."""
    code, out, err = run(arguments, url)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    return "\n".join(" ".join(line.split()) for line in out.splitlines())


def test_the_critical_path_is_drawn(url: str) -> None:
    out = told(["trace", TRACE_ID.hex(), "--critical-path"], url)
    assert "· 100 ms · 2 spans" in out
    assert "gateway POST /v1/chat/completions 0 ms 10 ms" in out
    assert "provider chat gpt-4o 10 ms 80 ms" in out
    assert f"{CHILD.span_id.hex()} provider chat gpt-4o 80 ms 80% 80 ms 80 ms" in out
    assert "gateway 1 20 ms 20% 20 ms" in out


def test_errors_are_told_with_their_stack(url: str) -> None:
    out = told(["trace", TRACE_ID.hex(), "--errors"], url)
    assert "Refused: no 7" in out
    assert "line 1\nline 2" in out


def test_a_trace_has_one_view_at_a_time(url: str) -> None:
    code, _, err = run(["trace", TRACE_ID.hex(), "--errors", "--critical-path"], url)
    assert code == 2
    assert "two views" in err


def test_two_traces_are_compared(url: str) -> None:
    out = told(["compare", TRACE_ID.hex(), OTHER.hex()], url)
    assert out.startswith(f"< gateway POST /v1/chat/completions · {TRACE_ID.hex()} · 100 ms · 2 spans · 1 failed")
    assert "> provider new 0 1" not in out
    assert "< gateway POST /v1/chat/completions 1 - 100 ms - -20 ms" in out
    assert "> provider new - 1" in out
    assert "span.a/b x" in out
    assert "< 1 0 5 7 -" in out


def test_keys_and_values_are_listed(url: str) -> None:
    out = told(["attributes", *WINDOW, "--scope", "span"], url)
    assert "a/b span string 1" in out
    assert "n span int 1" in out
    assert "All 4 spans of the time were looked at." in out
    assert "1 span 1" in told(["attributes", "n", *WINDOW], url)
    assert "a/b" not in told(["attributes", "--prefix", "n", *WINDOW], url)
    assert "x" in told(["attributes", "a/b", *WINDOW], url)
    assert "No values were found" in told(["attributes", "nothing", *WINDOW], url)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["trace", TRACE_ID.hex(), "--critical-path"], "segments"),
        (["trace", TRACE_ID.hex(), "--errors"], "related"),
        (["compare", TRACE_ID.hex(), OTHER.hex()], "groups"),
        (["attributes"], "items"),
        (["attributes", "n"], "items"),
    ],
)
def test_json_is_that_of_the_api(url: str, arguments: list[str], field: str) -> None:
    code, out, _ = run([*arguments, "--json"], url)
    assert code == 0
    assert field in msgspec.json.decode(out)


def test_a_trace_that_is_not_there_is_said(url: str) -> None:
    code, _, err = run(["compare", TRACE_ID.hex(), "99"], url)
    assert (code, err) == (1, "relayscope: right: there is no trace with this id.\n")
