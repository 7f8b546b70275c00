"""Nothing that is on the list of attacks passes the guard, and what is ordinary does."""

from __future__ import annotations

import pytest

from query.guard.guard import MAX_SQL_BYTES, check_sql
from query.guard.position import SqlRefusal
from relayscope.api.rest.sql_example import EXAMPLES
from tests.support.sql_attack import ATTACKS, Attack

ORDINARY = {
    "all columns": "SELECT * FROM spans",
    "with the schema": "SELECT s.name FROM telemetry.spans AS s",
    "TABLE": "TABLE services",
    "VALUES": "VALUES (1, 'a'), (2, NULL)",
    "a final semicolon and a comment": "SELECT 1; -- done",
    "WITH and UNION": "WITH a AS (SELECT name FROM spans) SELECT * FROM a UNION ALL SELECT service_name FROM services",
    "recursion": (
        "WITH RECURSIVE t AS (SELECT span_id FROM spans WHERE parent_span_id IS NULL UNION ALL "
        "SELECT s.span_id FROM spans AS s JOIN t ON s.parent_span_id = t.span_id) SELECT count(*) FROM t"
    ),
    "joins": "SELECT 1 FROM spans s JOIN log_records l ON l.trace_id = s.trace_id LEFT JOIN services v USING (service_name)",
    "JSON": "SELECT attributes ->> 'http.route', attributes @> '{\"a\": 1}', attributes ? 'b', events -> 0 FROM spans",
    "functions of JSON in FROM": (
        "SELECT e.value ->> 'name', k.key FROM spans, jsonb_array_elements(events) AS e, jsonb_each(attributes) AS k"
    ),
    "ordinality": "SELECT e.value, e.n FROM spans, jsonb_array_elements(events) WITH ORDINALITY AS e (value, n)",
    "windows": "SELECT rank() OVER (PARTITION BY name ORDER BY duration_ms DESC), lag(name) OVER w FROM spans WINDOW w AS ()",
    "aggregates": (
        "SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) FILTER (WHERE status = 'error'), "
        "string_agg(DISTINCT name, ',' ORDER BY name) FROM spans GROUP BY ROLLUP (service_name), GROUPING SETS ((name), ())"
    ),
    "times": (
        "SELECT date_trunc('hour', start_time), extract(epoch FROM start_time), start_time AT TIME ZONE 'Europe/Berlin', "
        "date_bin('5 minutes', start_time, '2020-01-01') FROM spans WHERE start_time > now() - interval '1 hour'"
    ),
    "text": "SELECT trim(both ' ' FROM name), substring(name FROM 1 FOR 2), position('a' IN name), name || 'x' FROM spans",
    "patterns": r"SELECT name FROM spans WHERE name ILIKE 'a%' AND name ~ '\d+' AND name !~* '(a|b)\\1'",
    "conditions": (
        "SELECT CASE WHEN duration_ms BETWEEN 1 AND 2 THEN 1 ELSE 0 END, coalesce(name, ''), nullif(name, ''), "
        "greatest(1, 2), name IS DISTINCT FROM 'a', status IN ('ok', 'error'), name = ANY (ARRAY['a', 'b']) FROM spans"
    ),
    "sub-queries": "SELECT (SELECT 1), EXISTS (SELECT 1), 1 IN (SELECT 2), ARRAY(SELECT name FROM spans)",
    "casts": "SELECT '1'::int, '1'::numeric(10, 2), '{a}'::text[], CAST('2020-01-01' AS timestamptz), interval '1 day'",
    "arrays and rows": "SELECT (ARRAY[1, 2])[1], (ARRAY[1, 2])[1:2], ROW(1, 2), services[1] FROM traces",
    "DISTINCT": "SELECT DISTINCT ON (name) name, start_time FROM spans ORDER BY name, start_time DESC NULLS LAST OFFSET 1",
    "LATERAL": "SELECT x.n FROM services AS v CROSS JOIN LATERAL (SELECT count(*) AS n FROM spans s WHERE s.name = v.service_name) x",
    "a name of another language": 'SELECT name AS "größe" FROM spans -- ü',
    **{f"example {view} {number}": sql for view, queries in EXAMPLES.items() for number, sql in enumerate(queries)},
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused(attack: Attack) -> None:
    with pytest.raises(SqlRefusal):
        check_sql(attack.statements[-1])


# What others were attacked with. None of these may be lost.
KNOWN = (
    "pg_read_file", "pg_read_file in FROM", "pg_ls_dir", "lo_import", "lo_export", "lo_from_bytea", "dblink", "dblink_exec",
    "COPY TO STDOUT", "COPY query", "COPY TO PROGRAM", "COPY TO file", "COPY FROM PROGRAM", "COPY FROM STDIN", "COPY FROM file",
    "DO", "CALL", "set_config", "SET", "RESET", "current_setting", "query_to_xml", "query_to_xmlschema",
    "query_to_xml_and_xmlschema", "table_to_xml", "schema_to_xml", "database_to_xml", "cursor_to_xml", "pg_sleep",
    "pg_advisory_lock", "pg_try_advisory_lock", "nextval", "setval", "pg_notify", "pg_terminate_backend", "pg_stat_reset",
    "EXPLAIN ANALYZE", "DELETE in WITH", "SELECT INTO", "FOR UPDATE", "MERGE", "PREPARE", "EXECUTE", "several statements",
    "nested comments", "dollar quotes", "E strings", "U& names", "quoted names", "search_path", "a shadow in pg_temp",
    "pg_class", "pg_shadow", "information_schema", "a regclass", "generate_series", "cross join", "regular expression", "repeat",
    "a large number",
)  # fmt: skip


def test_no_known_attack_is_missing() -> None:
    assert set(KNOWN) <= {attack.name for attack in ATTACKS}


def test_attacks_have_names_of_their_own() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("sql", ORDINARY.values(), ids=ORDINARY.keys())
def test_what_is_ordinary_passes_as_it_is(sql: str) -> None:
    guarded = check_sql(sql)
    # But for the trace id of a join, nothing here is changed.
    assert guarded.text.replace("trace_key", "trace_id") == sql.partition(";")[0]


def test_a_text_of_the_greatest_length_is_judged_whatever_is_in_it() -> None:
    for unit, end in (("1+", "1"), ("(", ""), ("NOT ", "true"), ("-", "1"), ("ARRAY[", ""), ("(SELECT ", "")):
        text = "SELECT " + unit * ((MAX_SQL_BYTES - 20) // len(unit)) + end
        if unit != "-":
            with pytest.raises(SqlRefusal):
                check_sql(text)
