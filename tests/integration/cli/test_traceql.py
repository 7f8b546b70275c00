"""``relayscope traces --query``, against a running API."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from relayscope.cli import read
from storage.api import SearchCursor
from storage.trace_query import MatchedSpan, MatchPage, SpanSet, TraceMatch
from tests.support.api_server import serving
from tests.support.canned_queries import CannedQueries
from tests.support.canned_reader import START_NS, TRACE_ID, CannedReader
from tests.support.trace import CHILD, MS, ROOT

_SPAN = MatchedSpan(
    span_id=CHILD.span_id,
    start_time_unix_nano=START_NS,
    duration_ns=80 * MS,
    name="chat\x1b[2J",
    service="provider",
    values=[("span.retries", 3)],
)
_SET = SpanSet(matched=12, spans=[_SPAN], values=[("count()", 12)])
QUERIES = CannedQueries()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(CannedReader(spans=[ROOT, CHILD]), queries=QUERIES) as address:
        yield address


@pytest.fixture(autouse=True)
def _found() -> None:
    QUERIES.page = MatchPage(
        matches=[TraceMatch(trace_id=TRACE_ID, sets=[_SET])], cursor=SearchCursor(start_us=1, trace_id=TRACE_ID)
    )


def run(arguments: list[str], url: str, *, columns: int = 160) -> tuple[int, str, str]:
    app = typer.Typer()
    read.register(app)
    environment = {"RELAYSCOPE_URL": url, "COLUMNS": str(columns), "NO_COLOR": "1"}
    result = CliRunner().invoke(app, ["traces", *arguments], env=environment)
    return result.exit_code, result.stdout, result.stderr


def test_narrow_terminals_show_names_and_values_too(url: str) -> None:
    code, out, err = run(["--query", "{ status = error } | count() > 2 | select(span.retries)"], url, columns=60)
    assert (code, err) == (0, "")
    for expected in (TRACE_ID.hex(), f"  {CHILD.span_id.hex()}", "provider chat", "span.retries=3", "count()=12"):
        assert expected in out
    assert "…" not in out


def test_draws_traces_and_the_spans_that_match(url: str) -> None:
    code, out, err = run(["--query", "{ status = error } | count() > 2 | select(span.retries)"], url)
    assert (code, err) == (0, "")
    for expected in (TRACE_ID.hex(), f"  {CHILD.span_id.hex()}", "span.retries=3", "12 matched, 1 shown", "count()=12"):
        assert expected in out
    assert "More: --cursor " in out
    assert "\x1b[2J" not in out


def test_json_is_that_of_the_api(url: str) -> None:
    code, out, _ = run(["--query", "{}", "--json"], url)
    assert code == 0
    assert msgspec.json.decode(out)["items"][0]["spanSets"][0]["matched"] == 12


def test_a_refused_query_is_shown_with_a_caret(url: str) -> None:
    code, out, err = run(["--query", "{ .a = 1 }\n| foo"], url)
    assert (code, out) == (2, "")
    first, *excerpt = err.rstrip("\n").split("\n")
    assert first.startswith("relayscope: q: line 2, column 3: found `foo`; possible here: ")
    assert excerpt == ["| foo", "  ^"]


def test_other_filters_do_not_go_with_a_query(url: str) -> None:
    code, _, err = run(["--query", "{}", "--service", "gateway"], url)
    assert code == 2
    assert "--query says all by itself" in err


@pytest.mark.parametrize(
    ("cursor", "said"),
    [
        (None, "No traces match."),
        (SearchCursor(start_us=1, trace_id=TRACE_ID), "Nothing yet, and more to look through"),
    ],
    ids=["the end", "not yet the end"],
)
def test_an_empty_page_says_whether_it_is_the_end(url: str, cursor: SearchCursor | None, said: str) -> None:
    QUERIES.page = MatchPage(matches=[], cursor=cursor)
    assert said in run(["--query", "{}"], url)[1]
