from __future__ import annotations

import psycopg
import pytest

from storage.postgres.citus import DISTRIBUTED_TABLES, LOCAL_TABLES, REFERENCE_TABLES, distribute
from storage.postgres.migration import migrate
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.citus import citus_url
from tests.support.factory import batch, full_span
from tracedata import PermanentError

pytestmark = pytest.mark.postgres
_TABLES = """
    SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'relayscope' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_UNIQUE_KEYS = """
    SELECT i.indexrelid::regclass::text, array_agg(a.attname::text)
    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey::smallint[])
    WHERE i.indisunique AND i.indrelid = %(table)s::regclass
    GROUP BY i.indexrelid
"""


def test_every_table_has_its_place(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        tables = {name for (name,) in connection.execute(_TABLES)}
    assert tables == {*REFERENCE_TABLES, *DISTRIBUTED_TABLES, *LOCAL_TABLES}


@pytest.mark.parametrize("table", DISTRIBUTED_TABLES)
def test_every_unique_key_holds_the_distribution_column(postgres_dsn: str, table: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        keys = connection.execute(_UNIQUE_KEYS, {"table": f"relayscope.{table}"}).fetchall()
    assert keys
    assert [name for name, columns in keys if DISTRIBUTED_TABLES[table] not in columns] == []


async def test_without_the_extension_it_says_what_to_do(postgres_dsn: str) -> None:
    with pytest.raises(PermanentError, match="CREATE EXTENSION citus"):
        await distribute(postgres_dsn)


async def test_what_is_stored_already_is_distributed_once() -> None:
    dsn = citus_url()
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP SCHEMA IF EXISTS relayscope CASCADE")
    await migrate(dsn)
    writer = PostgresSpanWriter(WriterConfig(dsn=dsn))
    await writer.start()
    await writer.consume(batch(full_span()))
    await writer.aclose()

    names = [*REFERENCE_TABLES, *DISTRIBUTED_TABLES]
    assert await distribute(dsn) == names
    assert await distribute(dsn) == []

    with psycopg.connect(dsn) as connection:
        placed = connection.execute("SELECT count(*) FROM pg_dist_partition WHERE partmethod IN ('h', 'n')").fetchone()
        stored = connection.execute("SELECT count(*) FROM relayscope.spans").fetchone()
    assert placed is not None
    assert placed[0] >= len(names)
    assert stored == (1,)
