from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.traceql.failure import QueryError
from query.traceql.literal import numeral, string
from query.traceql.metrics import metric_query
from query.traceql.parser import MAX_CHARS, parse
from query.traceql.regular import RegexError, to_postgres
from query.traceql.search import trace_query
from query.traceql.syntax import Combination, Comparison, Filter, Literal, Logic
from storage.api import Window
from tracedata import CallerError

_WINDOW = Window(workspace_id=1, start_us=0, end_us=3_600_000_000)


def test_a_refusal_says_where_what_and_what_else() -> None:
    with pytest.raises(QueryError) as caught:
        parse("{ .a = 1 }\n| by(name)\n| count() == 3")
    error = caught.value
    assert error.place is not None
    assert (error.place.line, error.place.column, error.found) == (3, 11, "`=`")
    assert error.expected == ("a comparison (`=`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`)",)
    assert error.place.excerpt == "| count() == 3\n          ^"


def test_a_caret_stays_in_sight_of_a_long_line() -> None:
    with pytest.raises(QueryError) as caught:
        parse("{ " + ".a = 1 && " * 20 + "! }")
    assert caught.value.place is not None
    line, caret = caught.value.place.excerpt.split("\n")
    assert len(line) <= 100
    assert line[len(caret) - 1] == "}"


@pytest.mark.parametrize("text", ["(" * 60 + "{}" + ")" * 60, "{ " + "!" * 60 + ".a }", "{" * 3_000])
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(QueryError):
        parse(text)


def test_length_is_bounded() -> None:
    with pytest.raises(QueryError, match="at most"):
        parse("{}" + " " * MAX_CHARS)


@pytest.mark.parametrize(
    ("text", "op"), [("{ .a || .b && .c }", "&&"), ("{ .a && .b || .c }", "||"), ("{ .a && (.b || .c) }", "&&")]
)
def test_both_logical_operators_bind_from_left_to_right(text: str, op: str) -> None:
    stage = parse(text).pipeline.stages[0]
    assert isinstance(stage, Filter)
    assert isinstance(stage.condition, Logic)
    assert stage.condition.op == op


def test_structural_operators_bind_more_than_logical_ones() -> None:
    stage = parse("{} && {} > {} || {}").pipeline.stages[0]
    assert isinstance(stage, Combination)
    assert stage.op == "||"
    assert isinstance(stage.left, Combination)
    assert isinstance(stage.left.right, Combination)
    assert stage.left.right.op == ">"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1h30m", 5_400_000_000_000),
        ("1.5ms", 1_500_000),
        ("2d", 172_800_000_000_000),
        ("minInt", -(2**63)),
        ('"a\\n\\"b\\" \\u00e9"', 'a\n"b" é'),
        ("`a\\n`", "a\\n"),
        ("true", True),
        ("error", 2),
        ("server", 2),
    ],
)
def test_values(text: str, value: object) -> None:
    field = {"error": "status", "server": "kind"}.get(text, "span.a")
    stage = parse(f"{{ {field} = {text} }}").pipeline.stages[0]
    assert isinstance(stage, Filter)
    assert isinstance(stage.condition, Comparison)
    assert isinstance(stage.condition.right, Literal)
    assert (stage.condition.right.value, type(stage.condition.right.value)) == (value, type(value))


@pytest.mark.parametrize("text", ["9223372036854775808", "1e999", "300y", "1" * 70])
def test_numbers_out_of_range_are_none(text: str) -> None:
    assert numeral(text) is None


@pytest.mark.parametrize("text", [r'"\q"', r'"\ud800"', r'"\x80"', r'"\U00110000"', '"\0"'])
def test_text_that_cannot_be_stored_is_none(text: str) -> None:
    assert string(text) is None


@pytest.mark.parametrize(
    ("pattern", "translated"),
    [
        ("a.*b", "^(?:a.*b)$"),
        ("(?i)a|b", "(?i)^(?:a|b)$"),
        ("(?s)a", "^(?:a)$"),
        ("(a)(?:b)", "^(?:(?:a)(?:b))$"),
        (r"\ba\B", r"^(?:\ya\Y)$"),
        (r"\d+\.[\w-]*?", r"^(?:\d+\.[\w-]*)$"),
        ("a{2,3}", "^(?:a{2,3})$"),
        ("a{b}", r"^(?:a\{b\})$"),
        ("[[:alpha:]_]", "^(?:[[:alpha:]_])$"),
        (r"a\{1}", r"^(?:a\{1\})$"),
    ],
)
def test_regular_expressions_are_translated(pattern: str, translated: str) -> None:
    assert to_postgres(pattern) == translated


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "a)", "[a", "*", "a|*", "(?=a)", "(?!a)", "(?<=a)", "(?P<n>a)", "(?x)a", r"(a)\1", r"\p{L}", r"\m", "\\",
        "a**", "a{300}", "a{3,2}", "(a{200}){200}", "((a{20}){20}){20}", "[[.a.]]", r"[\y]", "x" * 501, "***:a(?=b)",
    ],
)  # fmt: skip
def test_other_regular_expressions_are_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        to_postgres(pattern)


@given(st.text(st.sampled_from('{}()|&!<>=~.,"`abcount()by 1msnil-+*/\\')))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as exc:
        assert exc.place is not None  # noqa: PT017 - what is not refused is fine as well
        return
    if query.metric is None:
        assert trace_query(query, _WINDOW, limit=1).candidates().sql


def test_traces_and_series_are_asked_for_in_their_own_places() -> None:
    with pytest.raises(QueryError, match="/api/v1/traces/metrics"):
        trace_query(parse("{} | rate()"), _WINDOW, limit=1)
    with pytest.raises(QueryError, match="a metric"):
        metric_query(parse("{}"), _WINDOW)


@pytest.mark.parametrize(("hours", "step_us"), [(1, 15_000_000), (24, 600_000_000), (24 * 365, 86_400_000_000 * 1.46)])
def test_steps_suit_the_window(hours: int, step_us: float) -> None:
    window = Window(workspace_id=1, start_us=0, end_us=hours * 3_600_000_000)
    assert metric_query(parse("{} | rate()"), window).step_us == step_us


def test_steps_are_bounded() -> None:
    with pytest.raises(CallerError, match="step: makes more than 2000 steps"):
        metric_query(parse("{} | rate()"), _WINDOW, step_us=1_000_000)
