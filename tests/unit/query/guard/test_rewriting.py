"""Conditions on a trace id are turned to the column that the index holds, where that means the same."""

from __future__ import annotations

import pytest

from query.guard.guard import check_sql

HEX = "5b8efff798038103d269b633813fc60c"
BYTES = f"'\\x{HEX}'::bytea"
ID = f"'{HEX}'"
CHANGED = {
    "a constant": (f"SELECT trace_id FROM spans WHERE trace_id = {ID}", f"SELECT trace_id FROM spans WHERE trace_key = {BYTES}"),
    "the other way round": (f"SELECT 1 FROM traces WHERE {ID}=trace_id", f"SELECT 1 FROM traces WHERE {BYTES}=trace_key"),
    "a list": (f"SELECT 1 FROM spans s WHERE s.trace_id IN ({ID}, {ID})", f"SELECT 1 FROM spans s WHERE s.trace_key IN ({BYTES}, {BYTES})"),
    "a parameter": ("SELECT 1 FROM spans WHERE trace_id = $1", "SELECT 1 FROM spans WHERE trace_key = decode($1, 'hex')"),
    "quotes, comments and blanks": (
        f'SELECT 1 FROM "spans" AS "S" WHERE "S" /* . */ . "trace_id" = {ID} -- x',
        f'SELECT 1 FROM "spans" AS "S" WHERE "S" /* . */ . trace_key = {BYTES} -- x',
    ),
    "a join": (
        "SELECT 1 FROM spans s JOIN ai_interactions i ON i.trace_id = s.trace_id",
        "SELECT 1 FROM spans s JOIN ai_interactions i ON i.trace_key = s.trace_key",
    ),
    "a sub-query of its own": (
        f"SELECT (SELECT count(*) FROM log_records WHERE trace_id = {ID}) FROM services",
        f"SELECT (SELECT count(*) FROM log_records WHERE trace_key = {BYTES}) FROM services",
    ),
    "a trace of decisions and one of them": (
        "SELECT 1 FROM decision_traces t JOIN decisions d ON d.trace_id = t.trace_id",
        "SELECT 1 FROM decision_traces t JOIN decisions d ON d.trace_key = t.trace_key",
    ),
    "both sides of UNION": (
        f"SELECT 1 FROM spans WHERE trace_id = {ID} UNION SELECT 2 FROM traces WHERE trace_id = {ID}",
        f"SELECT 1 FROM spans WHERE trace_key = {BYTES} UNION SELECT 2 FROM traces WHERE trace_key = {BYTES}",
    ),
}  # fmt: skip
KEPT = {
    "no trace id": "SELECT 1 FROM spans WHERE trace_id = 'x'",
    "capital letters, which it never has": f"SELECT 1 FROM spans WHERE trace_id = '{HEX.upper()}'",
    "a comparison of another kind": f"SELECT 1 FROM spans WHERE trace_id > {ID}",
    "a list with something else": f"SELECT 1 FROM spans WHERE trace_id IN ({ID}, 'x')",
    "a column of a sub-query": f"SELECT 1 FROM (SELECT 'a' AS trace_id) AS t WHERE t.trace_id = {ID}",
    "a name that WITH gave": f"WITH spans AS (SELECT 'a' AS trace_id) SELECT 1 FROM spans WHERE trace_id = {ID}",
    "columns with other names": f"SELECT 1 FROM spans AS s (trace_id) WHERE s.trace_id = {ID}",
    "one of several tables": f"SELECT 1 FROM spans s JOIN services v USING (service_name) WHERE trace_id = {ID}",
    "two log records, which may both have none": "SELECT 1 FROM log_records a JOIN log_records b ON a.trace_id = b.trace_id",
    "a log record and a decision": "SELECT 1 FROM log_records a JOIN decisions b ON a.trace_id = b.trace_id",
    "an alias that means something else inside": (
        f"SELECT 1 FROM spans s WHERE EXISTS (SELECT 1 FROM (SELECT 'a' AS trace_id) AS s WHERE s.trace_id = {ID})"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), CHANGED.values(), ids=CHANGED.keys())
def test_is_changed(sql: str, expected: str) -> None:
    assert check_sql(sql, [HEX] if "$1" in sql else []).text == expected


@pytest.mark.parametrize("sql", KEPT.values(), ids=KEPT.keys())
def test_is_kept(sql: str) -> None:
    assert check_sql(sql).text == sql


def test_a_parameter_that_is_no_trace_id_is_kept() -> None:
    sql = "SELECT 1 FROM spans WHERE trace_id = $1"
    assert [check_sql(sql, [value]).text for value in ("x", 5, None, HEX.upper())] == [sql] * 4
