"""Decisions that are submitted, all the way: limits, redaction, mapping, settling, PostgreSQL, and back through the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx
import msgspec
import pytest

from processors.enrich import Enrich
from processors.limit import Limit, LimitConfig
from processors.sanitise import Sanitise
from relayscope.api.app import AiAccess, create_app
from relayscope.api.rest import decision_schema as schema
from relayscope.aside import AsidePipeline
from relayscope.interaction import build_derive_of
from relayscope.redaction import build_redact
from relayscope.settings import load_settings
from storage.postgres.decision_reader import PostgresDecisionReader
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.canned_reader import CannedReader
from tests.support.database import rows, value
from tests.support.settling import settle
from tracedata import UNOBSERVED

POST, LIST = "/api/v1/telemetry/decisions", "/api/v1/decisions"
_ADDRESS = "ann.lee@example.com"
TRACE_ID = "5b8efff798038103d269b633813fc60c"
ITEM: dict[str, Any] = {
    "traceId": "5B8EFFF7-9803-8103-D269-B633813FC60C",
    "requestId": "req/1",
    "timestamp": "2026-01-15T12:00:00Z",
    "userId": "user-7",
    "organizationId": "acme",
    "requestPath": "/v1/chat/completions",
    "decisions": [
        {
            "id": "d-1",
            "timestamp": "2026-01-15T12:00:00.001Z",
            "type": "rule_evaluation",
            "component": "rule_engine",
            "input": {"plan": "enterprise", "prompt": f"Write to {_ADDRESS}", "prompt_tokens": 812},
            "output": {"allow": True},
            "reasoning": f"{_ADDRESS} may",
            "ruleId": "r-1",
            "ruleName": "High Quality",
            "evaluationTimeMs": 0.25,
        },
        {
            "id": "d-2",
            "timestamp": "2026-01-15T12:00:00.002Z",
            "type": "model_selection",
            "component": "router",
            "input": {"plan": "enterprise"},
            "output": {"provider": "openai", "model": "gpt-4o"},
            "candidates": ["gpt-4o", "gpt-4o-mini"],
            "parentId": "d-1",
            "evaluationTimeMs": 1.5,
        },
    ],
    "finalOutcome": {"provider": "openai", "model": "gpt-4o", "status": "success"},
}
CALL: dict[str, Any] = {
    "id": "call-1",
    "traceId": TRACE_ID,
    "startTime": "2026-01-15T12:00:00.1Z",
    "latencyMs": 2500,
    "provider": "openai",
    "model": "gpt-4o",
    "promptTokens": 812,
    "responseTokens": 10,
    "cost": 0.25,
}
WINDOW = {"start": "2026-01-15T00:00:00Z", "end": "2026-01-16T00:00:00Z"}


class System:
    """The API over a database, and whoever settles."""

    def __init__(self, dsn: str, client: httpx.AsyncClient) -> None:
        self.dsn = dsn
        self.client = client

    async def submit(self, body: object, path: str = POST) -> Any:  # noqa: ANN401 - JSON
        response = await self.client.post(path, json=body)
        assert response.status_code == 200, response.text
        await settle(self.dsn, derive=build_derive_of(load_settings(flags={}))(1))
        return response.json()

    async def asked(self, path: str = "", **query: str | list[str]) -> Any:  # noqa: ANN401 - JSON
        response = await self.client.get(f"{LIST}{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def found(self, path: str = "", **query: str | list[str]) -> list[str]:
        return [item["traceId"] for item in (await self.asked(path, **WINDOW, **query))["items"]]


@pytest.fixture
async def system(shared_postgres_dsn: str) -> AsyncIterator[System]:
    redact = build_redact(load_settings(flags={}), instruments=UNOBSERVED)
    assert redact is not None
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn))
    config = ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)
    interactions, decisions = PostgresInteractionReader(config), PostgresDecisionReader(config)
    consumer = AsidePipeline(lambda: [Limit(LimitConfig(max_value_chars=5_000)), Sanitise(), redact, Enrich()], writer)
    app = create_app(CannedReader(), ai=AiAccess(interactions, consumer=consumer, decisions=decisions))
    async with AsyncExitStack() as stack:
        for component in (writer, interactions, decisions):
            await component.start()
            stack.push_async_callback(component.aclose)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        yield System(shared_postgres_dsn, client)


async def test_what_is_submitted_comes_back_as_a_flow(system: System) -> None:
    answer = await system.submit(ITEM)
    assert (answer["accepted"], answer["items"][0]["traceId"], answer["items"][0]["decisions"]) == (1, TRACE_ID, 2)
    await system.submit(CALL, "/api/v1/telemetry/ai-interactions")
    flow = await system.asked(f"/{TRACE_ID}")
    msgspec.convert(flow, schema.DecisionFlow)
    assert flow["flow"] == ["rule_engine", "router", "openai gpt-4o"]
    assert (flow["requestId"], flow["userId"], flow["organizationId"]) == ("req/1", "user-7", "acme")
    assert flow["requestPath"] == "/v1/chat/completions"
    outcome = {"provider": "openai", "model": "gpt-4o", "status": "success", "isStated": True}
    assert flow["finalOutcome"] == outcome
    first, second = flow["decisions"]
    assert (first["ruleId"], first["ruleName"], first["evaluationTimeMs"]) == ("r-1", "High Quality", 0.25)
    assert first["input"] == {"plan": "enterprise", "prompt": "Write to <EMAIL_ADDRESS>", "prompt_tokens": 812}
    assert first["reasoning"] == "<EMAIL_ADDRESS> may"
    assert second["alternatives"] == [
        {"name": "gpt-4o", "isSelected": True},
        {"name": "gpt-4o-mini", "isSelected": False},
    ]
    (call,) = flow["interactions"]
    assert (call["provider"], call["model"], call["cost"], call["latencyMs"]) == ("openai", "gpt-4o", 0.25, 2500.0)
    assert (first["interactionIds"], second["interactionIds"]) == ([], [call["id"]])
    assert second["parentId"] == "d-1"


@pytest.mark.parametrize("name", [TRACE_ID, TRACE_ID.upper(), "5b8efff7-9803-8103-d269-b633813fc60c", "req/1"])
async def test_a_flow_is_found_by_trace_and_by_request(system: System, name: str) -> None:
    await system.submit(ITEM)
    assert (await system.asked(f"/{name}"))["traceId"] == TRACE_ID


async def test_nothing_personal_is_stored(system: System) -> None:
    await system.submit(ITEM)
    for table in ("decisions", "log_records"):
        dump = await rows(system.dsn, f"SELECT t::text FROM relayscope.{table} AS t")
        assert dump
        assert not any(_ADDRESS in text for (text,) in dump)


async def test_what_comes_again_is_stored_once(system: System) -> None:
    for _ in range(2):
        answer = await system.submit([ITEM, ITEM])
        assert answer["accepted"] == 2
    assert await value(system.dsn, "SELECT count(*) FROM relayscope.decisions") == 2
    assert await value(system.dsn, "SELECT count(*) FROM relayscope.log_records") == 3


async def test_items_are_judged_one_by_one(system: System) -> None:
    bad = {"traceId": "t", "decisions": [{"type": "other", "component": 5, "secret": _ADDRESS, "spanId": "x"}, 7]}
    limited = {"requestId": "r", "timestamp": "2026-01-15T12:00:00Z", "decisions": []}
    answer = await system.submit([bad, ITEM, limited, "text", {"decisions": ITEM["decisions"]}])
    assert (answer["accepted"], answer["rejected"]) == (1, 4)
    fields = [[error["field"] for error in item["errors"]] for item in answer["items"]]
    assert fields[0] == ["decisions[0].secret", "decisions[0].component", "decisions[1]"]
    assert fields[1:] == [[], ["decisions"], [""], ["traceId"]]
    assert _ADDRESS not in str(answer)


async def test_one_that_cannot_be_taken_is_refused_as_a_whole(system: System) -> None:
    response = await system.client.post(POST, json={**ITEM, "timestamp": "yesterday"})
    assert response.status_code == 400
    assert "timestamp" in response.json()["detail"]


SEARCHES: Mapping[str, tuple[str, dict[str, str | list[str]], bool]] = {
    "list": ("", {}, True),
    "type": ("", {"type": "budget_check"}, False),
    "rule": ("", {"rule": "High Quality"}, True),
    "component and outcome": ("", {"component": "rule_engine", "outcome": "allow"}, True),
    "outcome of another component": ("", {"component": "router", "outcome": "allow"}, False),
    "shadow": ("", {"enforced": "false"}, False),
    "enforced": ("", {"enforced": "true"}, True),
    "final status": ("", {"finalStatus": "success"}, True),
    "request": ("/search", {"requestId": "req/1"}, True),
    "words": ("/search", {"q": '"address> MAY"'}, True),
    "missing words": ("/search", {"q": "may not"}, False),
    "place": ("/search", {"where": ["input.plan=enterprise", "output.allow=true"]}, True),
    "number": ("/search", {"where": "input.prompt_tokens>=1000"}, False),
}


@pytest.mark.parametrize(("path", "query", "matches"), SEARCHES.values(), ids=SEARCHES.keys())
async def test_lists_and_searches(
    system: System,
    path: str,
    query: dict[str, str | list[str]],
    matches: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    await system.submit(ITEM)
    assert await system.found(path, **query) == ([TRACE_ID] if matches else [])


async def test_pages_follow_cursors(system: System) -> None:
    items = [
        {
            **ITEM,
            "traceId": f"trace {n}",
            "decisions": [{**ITEM["decisions"][0], "timestamp": f"2026-01-15T12:00:0{n}Z"}],
        }
        for n in range(5)
    ]
    made = [item["traceId"] for item in (await system.submit(items))["items"]]
    found: list[str] = []
    query: dict[str, str] = {**WINDOW, "limit": "2"}
    while True:
        page = await system.asked("", **query)
        found += [item["traceId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert found == made[::-1]


async def test_statistics_tell_of_the_calls_that_followed(system: System) -> None:
    await system.submit(ITEM)
    await system.submit(CALL, "/api/v1/telemetry/ai-interactions")
    answer = await system.asked("/stats", **WINDOW, by="component,outcome", bucket="1h")
    msgspec.convert(answer, schema.DecisionStatistics)
    assert answer["total"] == 2
    keys = [(group["key"]["component"], group["key"]["outcome"], group["share"]) for group in answer["items"]]
    assert keys == [("router", "selected", 0.5), ("rule_engine", "allow", 0.5)]
    group = answer["items"][1]
    assert group["evaluationTime"]["p50"] == 0.25
    assert (group["downstream"]["calls"], group["downstream"]["cost"], group["downstream"]["errorRate"]) == (1, 0.25, 0)
    assert group["downstream"]["latency"]["p95"] == 2500.0


BAD: Mapping[str, tuple[str, dict[str, str], str]] = {
    "cursor": ("", {"cursor": "x"}, "cursor"),
    "where": ("/search", {"where": "plan=1"}, "where"),
    "quotes": ("/search", {"q": '"open'}, "q"),
    "by": ("/stats", {"by": "planet"}, "by"),
    "bucket": ("/stats", {"bucket": "soon"}, "bucket"),
    "unknown": ("", {"planet": "x"}, "planet"),
    "end before start": ("", {"start": "now", "end": "-1h"}, "end"),
}


@pytest.mark.parametrize(("path", "query", "named"), BAD.values(), ids=BAD.keys())
async def test_what_cannot_be_read_is_named(system: System, path: str, query: dict[str, str], named: str) -> None:
    response = await system.client.get(f"{LIST}{path}", params=query)
    assert response.status_code == 400
    assert named in response.json()["detail"]


async def test_there_is_no_such_trace(system: System) -> None:
    response = await system.client.get(f"{LIST}/nothing")
    assert response.status_code == 404
