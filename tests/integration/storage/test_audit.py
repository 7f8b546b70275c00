from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from relayscope.redaction import effective_policy, prepare_redaction, record_policy, rotate_key, verify_stored
from relayscope.settings import Settings, load_settings
from storage.audit import POLICY_CHANGED, REVEALED, RedactionCount
from storage.postgres.audit import PostgresAudit
from tests.support.database import rows, value
from tests.support.factory import BASE_US, SECOND_US, batch, span, window, workspace
from tests.support.store import Store
from tracedata import RetryableError


async def _record(audit: PostgresAudit, *, workspace_id: int = 1, action: str = REVEALED, number: int = 1) -> None:
    detail = {"number": number, "text": "ü \\ \" '"}
    await audit.record(actor="bob", action=action, workspace_id=workspace_id, detail=detail)


async def test_entries_come_newest_first_as_they_were_recorded(shared_postgres_dsn: str) -> None:
    audit = PostgresAudit(shared_postgres_dsn)
    for number in range(3):
        await _record(audit, number=number)
    before, now = await value(shared_postgres_dsn, "SELECT ARRAY[min(at), clock_timestamp()] FROM relayscope.audit_log")

    entries = await audit.entries(1, limit=2)

    assert [entry.detail for entry in entries] == [{"number": number, "text": "ü \\ \" '"} for number in (2, 1)]
    assert {(entry.actor, entry.action) for entry in entries} == {("bob", REVEALED)}
    assert entries[0].audit_id > entries[1].audit_id
    assert before.timestamp() * 1e6 <= entries[1].at_us <= entries[0].at_us <= now.timestamp() * 1e6


async def test_entries_are_those_of_a_workspace_and_of_an_action(shared_postgres_dsn: str) -> None:
    audit = PostgresAudit(shared_postgres_dsn)
    await _record(audit, number=1)
    await _record(audit, number=2, workspace_id=2)
    await _record(audit, number=3, action=POLICY_CHANGED)

    async def numbers(workspace_id: int, action: str | None = None) -> list[int]:
        found = await audit.entries(workspace_id, limit=10, action=action)
        return [entry.detail["number"] for entry in found]

    assert await numbers(1) == [3, 1]
    assert await numbers(1, REVEALED) == [1]
    assert await numbers(1, "anything' OR true --") == []
    assert await numbers(2) == [2]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE relayscope.audit_log SET actor = 'eve'", id="update"),
        pytest.param("UPDATE relayscope.audit_log SET actor = 'eve' WHERE false", id="update of nothing"),
        pytest.param("DELETE FROM relayscope.audit_log", id="delete"),
        pytest.param("TRUNCATE relayscope.audit_log", id="truncate"),
        pytest.param("TRUNCATE relayscope.audit_log RESTART IDENTITY CASCADE", id="truncate with all that depends"),
        pytest.param(
            "INSERT INTO relayscope.audit_log OVERRIDING SYSTEM VALUE SELECT * FROM relayscope.audit_log "
            "ON CONFLICT (audit_id) DO UPDATE SET actor = 'eve'",
            id="upsert",
        ),
        pytest.param(
            "MERGE INTO relayscope.audit_log AS a USING (SELECT 1) AS b ON true WHEN MATCHED THEN DELETE", id="merge"
        ),
    ],
)
async def test_the_database_refuses_to_change_entries(shared_postgres_dsn: str, statement: LiteralString) -> None:
    audit = PostgresAudit(shared_postgres_dsn)
    await _record(audit)
    before = await audit.entries(1, limit=10)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        await rows(shared_postgres_dsn, statement)

    assert await audit.entries(1, limit=10) == before


def _settings(**redaction: object) -> Settings:
    return load_settings(flags={"processors": {"redaction": redaction}})


async def test_a_policy_is_recorded_when_it_is_another_one(shared_postgres_dsn: str) -> None:
    audit = PostgresAudit(shared_postgres_dsn)
    usual, german, off = _settings(), _settings(countries=["DE"]), _settings(enabled=False)
    for settings in (usual, usual, german, german, off, off, german):
        await record_policy(settings, shared_postgres_dsn, actor="start@host")

    # What else is recorded does not hide the last change.
    await _record(audit, action=REVEALED)
    await record_policy(german, shared_postgres_dsn, actor="start@host")

    entries = await audit.entries(1, limit=100, action=POLICY_CHANGED)
    one, two = effective_policy(usual).policy_hash, effective_policy(german).policy_hash
    assert [(entry.detail["from"], entry.detail["to"]) for entry in reversed(entries)] == [
        (None, one),
        (one, two),
        (two, "off"),
        ("off", two),
    ]
    assert one != two
    assert entries[0].detail["policy"]["countries"] == ["DE"]
    assert {entry.actor for entry in entries} == {"start@host"}


async def test_receipts_add_up_by_entity_and_key(postgres_store: Store, shared_postgres_dsn: str) -> None:
    mail, card = {"EMAIL_ADDRESS": 2}, {"CREDIT_CARD": 1}
    mine, other = workspace(), workspace()
    redacted = {"redactions": {**mail, **card}, "redacted_keys": {"a": mail, "b": card}}
    spans = [
        span(**redacted),  # type: ignore[arg-type]  # the fields of a receipt
        span(redactions=mail, redacted_keys={"a": mail}),
        span(redactions=card, redacted_keys={"a": card}, at_us=60 * SECOND_US),
        span(),
    ]
    await postgres_store.writer.consume(batch(*spans, workspace_id=mine))
    await postgres_store.writer.consume(batch(span(redactions=mail, redacted_keys={"z": mail}), workspace_id=other))
    audit = PostgresAudit(shared_postgres_dsn)

    everything = await audit.redaction_counts(window(workspace_id=mine), limit=10)
    early = await audit.redaction_counts(window(workspace_id=mine, end_us=60 * SECOND_US), limit=10)

    of_mail = RedactionCount(entity="EMAIL_ADDRESS", key="a", values=4, spans=2)
    of_card = RedactionCount(entity="CREDIT_CARD", key="b", values=1, spans=1)
    assert everything == [of_mail, RedactionCount(entity="CREDIT_CARD", key="a", values=1, spans=1), of_card]
    assert early == [of_mail, of_card]
    assert await audit.redaction_counts(window(workspace_id=mine), limit=1) == [of_mail]
    assert await audit.redaction_counts(window(workspace_id=mine, start_us=-BASE_US, end_us=0), limit=1) == []


async def test_a_database_that_is_away_can_come_back() -> None:
    audit = PostgresAudit("postgresql://127.0.0.1:1/none?connect_timeout=1")
    for question in (_record(audit), audit.entries(1, limit=1), audit.redaction_counts(window(), limit=1)):
        with pytest.raises(RetryableError):
            await question


async def test_a_key_that_is_gone_is_told(
    tmp_path: Path, shared_postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(
        flags={
            "processors": {"redaction": {"entities": {"EMAIL_ADDRESS": {"operator": "hash"}}}},
            "storage": {"data_dir": tmp_path},
        }
    )
    audit = PostgresAudit(shared_postgres_dsn)
    for _ in range(2):
        prepare_redaction(settings)
        await record_policy(settings, shared_postgres_dsn, actor="start@host")
    rotate_key(settings)
    await record_policy(settings, shared_postgres_dsn, actor="start@host")
    assert caplog.messages == []
    first, second = reversed(await audit.entries(1, limit=10, action=POLICY_CHANGED))
    assert first.detail["to"] == second.detail["from"] == second.detail["to"]
    assert first.detail["key"] != second.detail["key"]

    (tmp_path / "redaction.key").unlink()
    prepare_redaction(settings)
    await record_policy(settings, shared_postgres_dsn, actor="start@host")
    assert [second.detail["key"] in message for message in caplog.messages] == [True]


async def test_what_is_stored_is_looked_through_by_the_policies_of_all_workspaces(shared_postgres_dsn: str) -> None:
    settings = _settings(workspaces={2: {"drop_content": ["prompts"]}})
    verification = await verify_stored(settings, shared_postgres_dsn, deep=False, on_progress=None)
    assert verification.policy != effective_policy(settings).policy_hash
