"""A view of the schema telemetry is there for users of SQL, with all that belongs to it. See the list in docs/adr/0014."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString

import psycopg
import pytest

from query.guard.allowed import KEYED_VIEWS, TRACE_ID, TRACE_KEY, VIEWS
from relayscope.api.rest.sql_example import EXAMPLES
from tests.support.postgres import Cluster
from tests.support.repository import document

_VIEWS: LiteralString = """
    SELECT c.relname, coalesce('security_invoker=true' = ANY (c.reloptions), false), obj_description(c.oid, 'pg_class'),
           (SELECT array_agg(a.attname::text) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0),
           ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL)
    FROM pg_class AS c WHERE c.relnamespace = 'telemetry'::regnamespace AND c.relkind IN ('v', 'm', 'r', 'p', 'f')
"""
# What a view asks that shows everybody all of it.
_UNBOUND: LiteralString = """
    SELECT DISTINCT t.relnamespace::regnamespace || '.' || t.relname
    FROM pg_class AS c
    JOIN pg_rewrite AS r ON r.ev_class = c.oid
    JOIN pg_depend AS d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
                           AND d.refobjid <> c.oid
    JOIN pg_class AS t ON t.oid = d.refobjid
    WHERE c.relnamespace = 'telemetry'::regnamespace AND c.relname = %s AND t.relnamespace <> 'telemetry'::regnamespace
      AND NOT (t.relrowsecurity AND EXISTS (
          SELECT 1 FROM pg_policies AS p
          WHERE p.schemaname = 'relayscope' AND p.tablename = t.relname
          -- Each policy more would show more.
          HAVING array_agg(p.policyname::text) = '{own_workspace}'
                 AND bool_and(p.qual LIKE '%%workspace_id = %%workspace_roles w%%CURRENT_USER%%')))
"""


@pytest.fixture(scope="module")
def dsn(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        yield dsn


def _faults(connection: psycopg.Connection) -> Sequence[str]:
    """What is missing of any view, in sentences."""
    found: list[str] = []
    page = document("docs/sql.md")
    views = connection.execute(_VIEWS).fetchall()
    for name, asks_as_caller, about, columns, undescribed in views:
        unbound = [table for (table,) in connection.execute(_UNBOUND, [name]).fetchall()]
        is_keyed = {TRACE_ID, TRACE_KEY} <= set(columns)
        checks = {
            f"{name}: CREATE VIEW ... WITH (security_invoker)": asks_as_caller,
            f"{name}: row-level security and the policy own_workspace on {', '.join(unbound)}": not unbound,
            f"{name}: COMMENT ON VIEW": about,
            f"{name}: COMMENT ON COLUMN for {', '.join(undescribed)}": not undescribed,
            f"{name}: no column workspace_id": "workspace_id" not in columns,
            f"{name}: its name in query/guard/allowed.py": name in VIEWS,
            f"{name}: in KEYED_VIEWS with {TRACE_KEY}, or neither": (name in KEYED_VIEWS) == is_keyed,
            f"{name}: a query in relayscope/api/rest/sql_example.py": EXAMPLES.get(name),
            f"{name}: a row in docs/sql.md": f"\n| `{name}` |" in page,
        }
        found += [sentence for sentence, holds in checks.items() if not holds]
    return found + [f"{name}: there is no such view" for name in VIEWS - {name for name, *_ in views}]


def test_nothing_is_missing_of_any_view(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        assert _faults(connection) == []


BROKEN: dict[str, tuple[LiteralString, str]] = {
    "a new view": ("CREATE VIEW telemetry.rules AS SELECT name FROM relayscope.rule_sets", "rules: its name in query/guard/allowed.py"),
    "as its owner": ("ALTER VIEW telemetry.spans RESET (security_invoker)", "spans: CREATE VIEW ... WITH (security_invoker)"),
    "a table without a policy": (
        "CREATE VIEW telemetry.rules WITH (security_invoker) AS SELECT name FROM relayscope.rule_sets",
        "rules: row-level security and the policy own_workspace on relayscope.rule_sets",
    ),
    "no policy": (
        "DROP POLICY own_workspace ON relayscope.decisions",
        "decisions: row-level security and the policy own_workspace on relayscope.decisions",
    ),
    "a policy that is off": (
        "ALTER TABLE relayscope.decisions DISABLE ROW LEVEL SECURITY",
        "decision_traces: row-level security and the policy own_workspace on relayscope.decisions",
    ),
    "one more policy": (
        "CREATE POLICY everything ON relayscope.spans FOR SELECT USING (true)",
        "traces: row-level security and the policy own_workspace on relayscope.spans",
    ),
    "a column that nobody knows": ("COMMENT ON COLUMN telemetry.decisions.outcome IS NULL", "decisions: COMMENT ON COLUMN for outcome"),
    "a view that nobody knows": ("COMMENT ON VIEW telemetry.decisions IS NULL", "decisions: COMMENT ON VIEW"),
    "a view that is gone": ("DROP VIEW telemetry.decision_traces", "decision_traces: there is no such view"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_missing_is_named(dsn: str, change: LiteralString, sentence: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(change)
        assert sentence in _faults(connection)
        connection.rollback()
