from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import sqlglot
from sqlglot import exp

from query.search import MAX_TAGS, SearchSelection, compile_search
from storage.api import SearchCursor, Tag, TraceSearch
from tests.support.factory import BASE_US, search
from tests.support.golden import Golden
from tracedata import CallerError

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_CURSOR = SearchCursor(start_us=BASE_US, trace_id=b"\x01" * 16)
_DURATIONS = search(min_duration_ns=1, max_duration_ns=2)
_HOSTILE = "'; DROP TABLE relayscope.spans; -- %(x)s %s $1 \" \\"


def _tags(*pairs: tuple[str, str]) -> TraceSearch:
    return search(tags=[Tag(key=key, value=value) for key, value in pairs])


# By the name of the golden file.
SEARCHES: dict[str, TraceSearch] = {
    "everything": search(),
    "service": search(service="checkout"),
    "service_and_operation": search(service="checkout", operation="GET /cart"),
    "durations": _DURATIONS,
    "status_codes": search(status_codes=[1, 2]),
    "next_page": search(service="checkout", after=_CURSOR),
    "tag": _tags(("http.method", "GET")),
    "two_tags": _tags(("http.method", "GET"), ("http.status_code", "200")),
    "tag_of_the_resource": _tags(("resource.host.name", "a")),
    "tag_error": _tags(("error", "true")),
    "tag_no_error": _tags(("error", "false")),
    "tag_error_of_no_sense": _tags(("error", "maybe")),
    "tag_kind": _tags(("span.kind", "server")),
    "tag_kind_of_no_sense": _tags(("span.kind", "SERVER")),
    "tag_status": _tags(("span.status", "ok")),
    "tag_scope": _tags(("scope.name", "io"), ("scope.version", "1")),
    "all_at_once_on_the_next_page": search(
        service="checkout",
        operation="GET /cart",
        min_duration_ns=1,
        max_duration_ns=2,
        status_codes=[2],
        tags=[Tag(key="http.method", value="GET"), Tag(key="error", value="true")],
        after=_CURSOR,
    ),
}

# What is exported, by the end of the name of the golden file.
SELECTIONS: dict[str, TraceSearch] = {name: SEARCHES[name] for name in ("everything", "service", "two_tags")}


@pytest.mark.parametrize("name", SEARCHES)
def test_the_sql_of_a_search_is_as_reviewed(name: str, golden: Golden) -> None:
    sql = compile_search(SEARCHES[name]).sql
    pretty = sqlglot.parse_one(sql, read="postgres").sql("postgres", pretty=True)
    golden.check(f"{name}.sql", f"{pretty}\n")


@pytest.mark.parametrize("name", SELECTIONS)
def test_the_sql_of_a_selection_is_as_reviewed(name: str, golden: Golden) -> None:
    statement = SearchSelection(search=SELECTIONS[name]).traces()
    pretty = sqlglot.parse_one(statement.sql, read="postgres").sql("postgres", pretty=True)
    golden.check(f"export_{name}.sql", f"{pretty}\n")
    assert set(_PLACEHOLDER.findall(statement.sql)) == set(statement.parameters)


def test_there_is_no_golden_file_without_a_search(golden: Golden) -> None:
    assert golden.names() == {f"{name}.sql" for name in SEARCHES} | {f"export_{name}.sql" for name in SELECTIONS}


@pytest.mark.parametrize("below", [None, _CURSOR], ids=["first rows", "further rows"])
@pytest.mark.parametrize("name", SEARCHES)
def test_every_placeholder_has_a_parameter_and_the_other_way_round(name: str, below: SearchCursor | None) -> None:
    statement = compile_search(SEARCHES[name], below=below)
    # The store decides how many rows it reads.
    assert set(_PLACEHOLDER.findall(statement.sql)) == {*statement.parameters, "rows"}
    assert "%" not in _PLACEHOLDER.sub("", statement.sql)


@pytest.mark.parametrize("name", SEARCHES)
def test_every_table_is_bound_to_the_workspace(name: str) -> None:
    tree = sqlglot.parse_one(compile_search(SEARCHES[name]).sql, read="postgres")
    for table in tree.find_all(exp.Table):
        if table.db != "relayscope":
            continue
        select = table.parent_select
        assert select is not None
        assert f"{table.alias}.workspace_id = %(workspace_id)s" in select.args["where"].sql("postgres")


@pytest.mark.parametrize(
    "hostile",
    [
        search(service=_HOSTILE),
        search(operation=_HOSTILE),
        _tags((_HOSTILE, "x")),
        _tags(("x", _HOSTILE)),
        _tags((f"resource.{_HOSTILE}", _HOSTILE)),
        _tags(("scope.name", _HOSTILE)),
        _tags(("error", _HOSTILE)),
        _tags(("span.kind", _HOSTILE)),
    ],
    ids=["service", "operation", "tag key", "tag value", "resource", "scope", "error", "kind"],
)
def test_no_text_of_the_caller_is_in_the_sql(hostile: TraceSearch) -> None:
    assert "DROP" not in compile_search(hostile).sql


def test_further_rows_of_a_page_begin_below_the_last_one() -> None:
    after, below = SearchCursor(start_us=2_000_000, trace_id=b"a" * 16), SearchCursor(start_us=1, trace_id=b"b" * 16)
    parameters = compile_search(search(after=after), below=below).parameters
    assert parameters["below_trace_id"] == below.trace_id
    assert parameters["after_trace_id"] == after.trace_id
    assert parameters["after_start"] == datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)


def test_compiling_leaves_the_templates_alone() -> None:
    first = {name: compile_search(one).sql for name, one in SEARCHES.items()}
    assert {name: compile_search(one).sql for name, one in reversed(SEARCHES.items())} == first


def test_more_tags_than_can_be_compiled_in_passing_are_refused() -> None:
    compile_search(_tags(*[(f"key-{number}", "x") for number in range(MAX_TAGS)]))
    too_many = _tags(*[(f"key-{number}", "x") for number in range(MAX_TAGS + 1)])
    with pytest.raises(CallerError, match="64 tags at most"):
        compile_search(too_many)
    with pytest.raises(CallerError, match="64 tags at most"):
        SearchSelection(search=too_many).traces()
