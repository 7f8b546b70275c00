"""The schema on Citus: spans spread over the nodes by trace, dictionaries on every node.

A trace lies on one node, whole, so that reading it and joining a span with its parent stay there. The unique index of
spans holds ``trace_id``, as Citus demands, and partitions that are made later become distributed when they are attached.
https://docs.citusdata.com/en/stable/develop/api_udf.html
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements
from tracedata import PermanentError

_STATEMENTS = load_statements("citus.sql")
# On every node, since spans refer to them from everywhere.
REFERENCE_TABLES = ("workspaces", "resources", "scopes", "operations")
# The table and its distribution column.
DISTRIBUTED_TABLES = {
    "spans": "trace_id",
    "log_records": "trace_id",
    "ai_interactions": "trace_id",
    "ai_search": "trace_id",
    "decisions": "trace_id",
    "archived_traces": "trace_id",
    "archived_spans": "trace_id",
}
# On the coordinator only, which is where the program connects to.
LOCAL_TABLES = (
    "migrations",
    "audit_log",
    "redaction_runs",
    "redaction_progress",
    "ai_arrivals",
    "ai_waiting",
    "ai_search_progress",
    "ai_progress",
    "decision_progress",
    "attribute_chunks",
    "rule_sets",
    "workspace_roles",
    "rollup_arrivals",
    "rollup_stale",
    "span_metrics_1m",
    "span_metrics_1h",
    "span_metrics_1d",
    "service_edges_1m",
    "service_edges_1h",
    "service_edges_1d",
    "span_links",
    "ai_usage_1m",
    "ai_usage_1h",
    "ai_usage_1d",
)


async def distribute(dsn: str) -> Sequence[str]:
    """Distributes the tables of the current schema, in one transaction, and returns those that were not yet.

    Rows that are stored already are copied to the nodes; writers wait meanwhile. Safe to run again, and by several
    processes at once.

    Raises:
        PermanentError: the database has no Citus, or Citus refuses.
        RetryableError: the database cannot be reached, or a lock is held for too long.
    """
    with translated("distribute"):
        async with await connect(dsn) as connection, connection.transaction():
            await connection.execute(_STATEMENTS["lock"])
            if await (await connection.execute(_STATEMENTS["extension"])).fetchone() is None:
                raise PermanentError(
                    "this database has no Citus; run CREATE EXTENSION citus in it on every node, or migrate without --citus"
                )
            await connection.execute(_STATEMENTS["limits"])
            return await _distribute(connection)


async def _distribute(connection: AsyncConnection) -> Sequence[str]:
    names = [*REFERENCE_TABLES, *DISTRIBUTED_TABLES]
    missing = [row[0] for row in await (await connection.execute(_STATEMENTS["missing"], {"names": names})).fetchall()]
    for name in missing:
        if name in DISTRIBUTED_TABLES:
            await connection.execute(_STATEMENTS["distribute"], {"name": name, "column": DISTRIBUTED_TABLES[name]})
        else:
            await connection.execute(_STATEMENTS["replicate"], {"name": name})
    for name in missing:
        await connection.execute(_STATEMENTS["forget_local"], {"name": name})
    return missing
