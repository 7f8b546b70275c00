from __future__ import annotations

import asyncio

import pytest

from storage.postgres.audit import PostgresAudit
from storage.postgres.rule_set import PostgresRuleSets
from storage.rule_set import RULE_SET_IMPORTED, OtherRuleSetError
from tests.support.database import value
from tracedata import RetryableError

pytestmark = pytest.mark.postgres


async def _keep(rule_sets: PostgresRuleSets, version: str = "1", body: str = "é: 1\n", workspace_id: int = 1) -> bool:
    _, is_new = await rule_sets.keep(workspace_id, name="relaycore", version=version, body=body, imported_by="bob")
    return is_new


async def test_what_was_imported_comes_back_word_for_word(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)
    await _keep(rule_sets)

    found = await rule_sets.get(1, name="relaycore")

    assert found is not None
    assert (found.name, found.version, found.body, found.imported_by) == ("relaycore", "1", "é: 1\n", "bob")
    now = await value(shared_postgres_dsn, "SELECT extract(epoch FROM now())")
    assert abs(float(now) * 1e6 - found.imported_us) < 60e6


async def test_the_same_again_changes_nothing(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)

    found = await asyncio.gather(*(_keep(rule_sets) for _ in range(4)))

    assert sorted(found) == [False, False, False, True]
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.rule_sets") == 1


async def test_another_body_under_the_same_version_is_refused(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)
    await _keep(rule_sets)

    with pytest.raises(OtherRuleSetError, match="relaycore has a version 1 already, with another text"):
        await _keep(rule_sets, body="é: 2\n")

    found = await rule_sets.get(1, name="relaycore")
    assert found is not None
    assert found.body == "é: 1\n"


async def test_the_last_version_is_the_one_that_was_imported_last(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)
    for version in ("10", "9", "2"):
        await _keep(rule_sets, version)
    await rule_sets.keep(1, name="another", version="1", body="x", imported_by="bob")

    last, wanted, none = [
        await rule_sets.get(1, name="relaycore", version=version) for version in (None, "9", "nothing")
    ]
    summaries = await rule_sets.summaries(1)

    assert last is not None
    assert wanted is not None
    assert (last.version, wanted.version, none) == ("2", "9", None)
    assert [(one.name, one.version) for one in summaries] == [
        ("another", "1"),
        ("relaycore", "2"),
        ("relaycore", "9"),
        ("relaycore", "10"),
    ]
    assert summaries[1].chars == len("é: 1\n")
    assert [one.version for one in await rule_sets.summaries(1, name="another")] == ["1"]


async def test_workspaces_do_not_see_each_other(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)
    await _keep(rule_sets, workspace_id=2)

    assert await rule_sets.get(1, name="relaycore") is None
    assert await rule_sets.summaries(1) == []
    assert await _keep(rule_sets, body="other\n")


async def test_an_import_is_in_the_audit_log_once(shared_postgres_dsn: str) -> None:
    rule_sets = PostgresRuleSets(shared_postgres_dsn)
    for _ in range(2):
        await _keep(rule_sets)

    (entry,) = await PostgresAudit(shared_postgres_dsn).entries(1, limit=9, action=RULE_SET_IMPORTED)

    assert (entry.actor, entry.detail["name"], entry.detail["version"]) == ("bob", "relaycore", "1")
    assert len(entry.detail["digest"]) == 64


async def test_without_a_database_it_can_be_tried_again() -> None:
    with pytest.raises(RetryableError):
        await PostgresRuleSets("postgresql://127.0.0.1:1/nothing").summaries(1)
