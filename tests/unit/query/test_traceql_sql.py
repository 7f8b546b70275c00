from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from query.traceql.metrics import metric_query
from query.traceql.parser import parse
from query.traceql.search import trace_query
from storage.api import SearchCursor, Statement, Window
from tests.support.factory import BASE_US, HOUR_US
from tests.support.golden import Golden

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_WINDOW = Window(workspace_id=1, start_us=BASE_US, end_us=BASE_US + HOUR_US)
_CURSOR = SearchCursor(start_us=BASE_US, trace_id=b"\x01" * 16)
_HOSTILE = "'; DROP TABLE relayscope.spans; -- %(x)s %s $1"

# By the name of the golden file.
QUERIES: dict[str, str] = {
    "everything": "{}",
    "attribute": '{ span.http.method = "GET" }',
    "unscoped": "{ .http.status_code >= 500 }",
    "service": '{ resource.service.name = "shop" && status = error }',
    "regular": '{ name =~ "GET .*" }',
    "event": '{ event.exception.type != "IOError" }',
    "existence": "{ resource.zone = nil || instrumentation.x != nil }",
    "arithmetic": "{ span.a / 2 + 1 > duration }",
    "of_trace": '{ traceDuration > 1s && rootName = "x" && childCount = 0 }',
    "combination": '{ span.a = 1 } && ({ name = "x" } | count() > 1)',
    "child": "{ status = error } > { kind = server }",
    "descendant": "{ status = error } !>> { kind = server }",
    "union_ancestor": "{ status = error } &<< { kind = server }",
    "pipeline": "{} | by(name) | avg(duration) > 1s | select(span.a, kind)",
}
METRICS: dict[str, str] = {
    "rate": "{ status = error } | rate() by (resource.service.name)",
    "quantile": "{} | quantile_over_time(duration, .5, .9)",
    "histogram": "{} | histogram_over_time(span.size) by (name)",
}


def _statements() -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for name, text in QUERIES.items():
        asked = trace_query(parse(text), _WINDOW, limit=20, after=_CURSOR)
        found[f"candidates_{name}"] = asked.candidates()
        found[f"matches_{name}"] = asked.matches([b"\x01" * 16])
    for name, text in METRICS.items():
        found[f"metrics_{name}"] = metric_query(parse(text), _WINDOW).statement()
    return found


STATEMENTS = _statements()


@pytest.fixture
def traceql_golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.path.parent / "golden_traceql", update=request.config.getoption("--update-golden"))


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_sql_of_a_query_is_as_reviewed(name: str, traceql_golden: Golden) -> None:
    pretty = sqlglot.parse_one(STATEMENTS[name].sql, read="postgres").sql("postgres", pretty=True)
    traceql_golden.check(f"{name}.sql", f"{pretty}\n")


def test_there_is_no_golden_file_without_a_query(traceql_golden: Golden) -> None:
    assert traceql_golden.names() == {f"{name}.sql" for name in STATEMENTS}


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_placeholder_has_a_parameter_and_the_other_way_round(name: str) -> None:
    statement = STATEMENTS[name]
    # The store decides how many candidates it reads.
    decided = {"rows"} if name.startswith("candidates") else set()
    assert set(_PLACEHOLDER.findall(statement.sql)) == {*statement.parameters} | decided
    assert "%" not in _PLACEHOLDER.sub("", statement.sql)


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_table_is_bound_to_the_workspace(name: str) -> None:
    tables = [
        table for table in sqlglot.parse_one(STATEMENTS[name].sql, read="postgres").find_all(exp.Table) if table.db
    ]
    assert tables
    for table in tables:
        select = table.parent_select
        assert select is not None
        assert f"{table.alias}.workspace_id = %(workspace_id)s" in select.args["where"].sql("postgres")


@pytest.mark.parametrize("name", STATEMENTS)
def test_all_spans_are_bound_in_time_or_by_their_trace(name: str) -> None:
    tree = sqlglot.parse_one(STATEMENTS[name].sql, read="postgres")
    for table in tree.find_all(exp.Table):
        if table.db and table.name == "spans":
            select = table.parent_select
            assert select is not None
            where = select.args["where"].sql("postgres")
            assert re.search(rf"{table.alias}\.start_time >= %\((near_)?start\)s", where)
            assert re.search(rf"{table.alias}\.start_time <= %\((near_)?end\)s", where)


@pytest.mark.parametrize(
    "text",
    [
        f"{{ span.a = `{_HOSTILE}` }}",
        f"{{ .a =~ `{re.escape(_HOSTILE)}` }}",
        f'{{ span."{_HOSTILE}" != `{_HOSTILE}` }}',
        f'{{ event."{_HOSTILE}" < `{_HOSTILE}` }} | select(link."{_HOSTILE}")',
        f'{{ name = `{_HOSTILE}` }} | by(resource."{_HOSTILE}") | max(span."{_HOSTILE}") > 1',
        f"{{ trace:id = `{_HOSTILE}` || `{_HOSTILE}` > .a }}",
    ],
    ids=["value", "pattern", "name", "event", "group", "id"],
)
def test_no_text_of_the_caller_is_in_the_sql(text: str) -> None:
    asked = trace_query(parse(text), _WINDOW, limit=20)
    assert "DROP" not in asked.candidates().sql
    assert "DROP" not in asked.matches([b"\x01" * 16]).sql


def test_series_are_made_of_parameters_too() -> None:
    text = f'{{ name = `{_HOSTILE}` }} | sum_over_time(span."{_HOSTILE}") by (resource."{_HOSTILE}")'
    assert "DROP" not in metric_query(parse(text), _WINDOW).statement().sql


@pytest.mark.parametrize(
    "text",
    [
        "{ " + "!(" * 17 + ".a = 1" + ")" * 17 + " }",
        "{ " + " && ".join(f".a{number} != {number}" for number in range(32)) + " }",
        "{ " + " || ".join("(.a = 1 && .b = 2)" for _ in range(32)) + " }",
        "{ " + " && .b = 1 || ".join([".a = 1"] * 16) + " }",
        "{ " + " * ".join([".a"] * 32) + " = 1 }",
        " &>> ".join(["{ .a = 1 }"] * 32),
        "(" * 11 + "{}" + " | count() > 1) || {}" * 11,
    ],
    ids=["negations", "conjunction", "disjunction", "alternation", "product", "unions", "pipelines"],
)
def test_the_largest_queries_are_compiled(text: str) -> None:
    asked = trace_query(parse(text), _WINDOW, limit=20, after=_CURSOR)
    assert asked.candidates().sql
    assert len(asked.matches([b"\x01" * 16]).sql) < 200_000


def test_candidates_are_asked_for_by_what_is_rarest() -> None:
    def condition(text: str) -> str:
        return trace_query(parse(text), _WINDOW, limit=20).candidates().sql.partition("(end)s")[2]

    assert "service_name" in condition('{} && { resource.service.name = "a" }')
    assert "service_name" in condition('{ resource.service.name = "a" } >> { span.b = 1 }')
    assert "service_name" not in condition('{ resource.service.name = "a" } !>> { span.b = 1 }')
    assert condition("{} || { span.b = 1 }").startswith(" ORDER BY")
    # What only the whole trace tells is looked at later.
    assert "root_name" not in condition('{ rootName = "a" && span.b = 1 }')
