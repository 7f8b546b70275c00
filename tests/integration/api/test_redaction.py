"""The endpoints of redaction over a real database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx
import pytest

from relayscope.api.app import create_app
from relayscope.redaction import effective_policy, record_policy
from relayscope.settings import Settings, load_settings
from storage.audit import REVEALED
from storage.postgres.audit import PostgresAudit
from tests.support.canned_reader import CannedReader
from tests.support.factory import BASE_US, HOUR_US, batch, span
from tests.support.store import Store

_STATS, _POLICY, _AUDIT = "/api/v1/redaction/stats", "/api/v1/redaction/policy", "/api/v1/audit"
_NOW_NS = (BASE_US + HOUR_US) * 1_000


def _settings(**redaction: object) -> Settings:
    return load_settings(flags={"processors": {"redaction": redaction}})


async def _get(
    dsn: str, path: str, query: Mapping[str, str | int] | None = None, *, settings: Settings | None = None
) -> httpx.Response:
    redacted = (PostgresAudit(dsn), partial(effective_policy, settings or _settings()))
    app = create_app(CannedReader(), clock=lambda: _NOW_NS, redacted=redacted)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query or {})


async def _json(
    dsn: str, path: str, query: Mapping[str, str | int] | None = None, *, settings: Settings | None = None
) -> Any:  # noqa: ANN401 - JSON
    response = await _get(dsn, path, query, settings=settings)
    assert response.status_code == 200, response.text
    return response.json()


async def test_statistics_add_receipts_up(postgres_store: Store, shared_postgres_dsn: str) -> None:
    mail, card = {"EMAIL_ADDRESS": 2}, {"CREDIT_CARD": 1}
    await postgres_store.writer.consume(
        batch(
            span(redactions={**mail, **card}, redacted_keys={"to": mail, "note": card}),
            span(redactions=mail, redacted_keys={"to": mail}, at_us=-30 * HOUR_US),
            span(),
        )
    )
    answer = await _json(shared_postgres_dsn, _STATS)
    assert answer == {
        "items": [
            {"entity": "EMAIL_ADDRESS", "key": "to", "values": 2, "spans": 1},
            {"entity": "CREDIT_CARD", "key": "note", "values": 1, "spans": 1},
        ],
        "nextCursor": None,
        "start": "2026-01-14T13:00:00.000000000Z",
        "end": "2026-01-15T13:00:00.000000000Z",
        "policyHash": effective_policy(_settings()).policy_hash,
    }
    longer = await _json(shared_postgres_dsn, _STATS, {"start": "-7d", "limit": 1})
    assert longer["items"] == [{"entity": "EMAIL_ADDRESS", "key": "to", "values": 4, "spans": 2}]
    assert (await _json(shared_postgres_dsn, _STATS, {"start": "-50m"}))["items"] == []


async def test_the_policy_is_shown_whole(shared_postgres_dsn: str) -> None:
    settings = _settings(countries=["DE"], deny=[{"keys": "customer.*"}])
    answer = await _json(shared_postgres_dsn, _POLICY, settings=settings)
    assert answer["enabled"] is True
    assert answer["policyHash"] == effective_policy(settings).policy_hash
    assert answer["policy"]["countries"] == ["DE"]
    assert answer["policy"]["deny"] == [{"keys": "customer.*", "entity": "DENIED"}]
    assert answer["policy"]["entities"]["EMAIL_ADDRESS"]["operator"] == "replace"
    assert answer["policy"]["entities"]["DE_TAX_ID"]["operator"] == "replace"


async def test_a_policy_that_is_switched_off_says_so(shared_postgres_dsn: str) -> None:
    settings = _settings(enabled=False)
    answer = await _json(shared_postgres_dsn, _POLICY, settings=settings)
    assert (answer["enabled"], answer["policyHash"]) == (False, "off")
    assert (await _json(shared_postgres_dsn, _STATS, settings=settings))["policyHash"] == "off"


async def test_the_audit_log_is_shown_newest_first(shared_postgres_dsn: str) -> None:
    audit = PostgresAudit(shared_postgres_dsn)
    await record_policy(_settings(), shared_postgres_dsn, actor="start@host")
    await audit.record(actor="bob@host", action=REVEALED, workspace_id=1, detail={"reason": "asked"})
    await audit.record(actor="eve@host", action=REVEALED, workspace_id=2, detail={"reason": "of others"})

    revealed, changed = (await _json(shared_postgres_dsn, _AUDIT))["items"]

    assert (revealed["actor"], revealed["action"], revealed["detail"]) == ("bob@host", REVEALED, {"reason": "asked"})
    assert (changed["action"], changed["detail"]["from"]) == ("redaction_policy", None)
    assert revealed["auditId"] > changed["auditId"]
    assert revealed["at"] >= changed["at"]
    assert (await _json(shared_postgres_dsn, _AUDIT, {"limit": 1}))["items"] == [revealed]
    assert (await _json(shared_postgres_dsn, _AUDIT, {"action": "redaction_policy"}))["items"] == [changed]
    assert (await _json(shared_postgres_dsn, _AUDIT, {"action": "other"}))["items"] == []


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (_STATS, {"limit": 0}, "limit"),
        (_STATS, {"limit": 10_001}, "limit"),
        (_STATS, {"start": "yesterday"}, "start: expected ISO-8601"),
        (_STATS, {"start": "now", "end": "-1h"}, "end: must not lie before start"),
        (_STATS, {"entity": "x"}, "entity: unknown query parameter"),
        (_AUDIT, {"limit": 1_001}, "limit"),
        (_AUDIT, {"action": "a\0b"}, "action"),
        (_AUDIT, {"workspace": 2}, "workspace: unknown query parameter"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(
    shared_postgres_dsn: str, path: str, query: Mapping[str, str | int], named: str
) -> None:
    response = await _get(shared_postgres_dsn, path, query)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(named)


@pytest.mark.parametrize(
    "query",
    [
        {"start": "0"},
        {"start": "0001-01-01T00:00:00Z"},
        {"end": "9999-12-31T23:59:59Z"},
        {"start": "0", "end": "9223372036854775807"},
    ],
)
async def test_the_longest_windows_are_answered(shared_postgres_dsn: str, query: Mapping[str, str]) -> None:
    assert (await _get(shared_postgres_dsn, _STATS, query)).status_code in (200, 400)


@pytest.mark.parametrize("path", [_STATS, _AUDIT])
async def test_a_database_that_is_away_is_told_without_its_password(path: str) -> None:
    response = await _get("postgresql://app:hunter2@127.0.0.1:1/none?connect_timeout=1", path)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in response.text


async def test_the_policy_needs_no_database() -> None:
    assert (await _get("postgresql://127.0.0.1:1/none", _POLICY)).status_code == 200
