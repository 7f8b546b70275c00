from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from relayscope.database import assert_durable
from storage.postgres.durability import unsafe_settings
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import batch, span
from tracedata import PermanentError

# What a transaction that stores spans commits with.
_NOTING: LiteralString = """
    CREATE TABLE noted (setting text);
    CREATE FUNCTION noting() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
    CREATE TRIGGER noting AFTER INSERT ON relayscope.spans FOR EACH STATEMENT EXECUTE FUNCTION noting()
"""


def _set_default(dsn: str, setting: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        names = (sql.Identifier(connection.info.dbname), sql.Identifier(setting))
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = {}").format(*names))


async def test_a_server_without_durability_is_refused_in_one_sentence(postgres_dsn: str) -> None:
    # The session of the writer would put the third of them right.
    assert await unsafe_settings(postgres_dsn) == ["fsync", "full_page_writes"]
    with pytest.raises(PermanentError, match=r"fsync and full_page_writes off.*--allow-data-loss-on-crash"):
        await assert_durable(postgres_dsn)


async def test_a_durable_server_may_have_any_default_of_synchronous_commit(durable_dsn: str) -> None:
    await assert_durable(durable_dsn)
    _set_default(durable_dsn, "off")
    await assert_durable(durable_dsn)


@pytest.mark.parametrize(
    ("default", "used"),
    [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
async def test_the_writer_commits_to_the_disk_at_least(postgres_dsn: str, default: str, used: str) -> None:
    await rows(postgres_dsn, _NOTING)
    _set_default(postgres_dsn, default)
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(span()))
    assert await value(postgres_dsn, "SELECT DISTINCT setting FROM noted") == used
