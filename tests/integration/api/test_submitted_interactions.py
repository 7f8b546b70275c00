"""Interactions that are submitted, all the way: limits, redaction, mapping, PostgreSQL, and back through the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from processors.ai.mapper import Mapper
from processors.enrich import Enrich
from processors.limit import Limit, LimitConfig
from processors.sanitise import Sanitise
from relayscope.api.app import AiAccess, create_app
from relayscope.app import build_api
from relayscope.aside import AsidePipeline
from relayscope.redaction import build_redact
from relayscope.settings import load_settings
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.search_index import SearchIndex, index_once
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.canned_reader import CannedReader
from tests.support.database import value
from tracedata import UNOBSERVED
from tracedata.interaction import OperationName

POST, LIST = "/api/v1/telemetry/ai-interactions", "/api/v1/ai-interactions"
ITEM: dict[str, Any] = {
    "id": "call-1",
    "requestId": "req-1",
    "traceId": "5b8efff798038103d269b633813fc60c",
    "startTime": "2026-01-15T12:00:00.1Z",
    "endTime": "2026-01-15T12:00:02.6Z",
    "userId": "user-7",
    "sessionId": "chat-1",
    "organizationId": "acme",
    "provider": "openai",
    "model": "gpt-4o",
    "promptTokens": 450,
    "responseTokens": 800,
    "totalTokens": 1250,
    "prompt": "What is a span? Write to ann.lee@example.com.",
    "response": "A part of a trace.",
    "cost": 0.0725,
    "currency": "USD",
    "timeToFirstToken": 800,
    "status": "success",
}
WINDOW = {"start": "2026-01-15T00:00:00Z", "end": "2026-01-16T00:00:00Z"}


@pytest.fixture
async def client(shared_postgres_dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    redact = build_redact(load_settings(flags={}), instruments=UNOBSERVED)
    assert redact is not None
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn))
    reader = PostgresInteractionReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2))
    consumer = AsidePipeline(lambda: [Limit(LimitConfig()), Sanitise(), redact, Enrich()], writer)
    app = create_app(CannedReader(), ai=AiAccess(reader, Mapper().conversation, consumer))
    async with AsyncExitStack() as stack:
        for component in (writer, reader):
            await component.start()
            stack.push_async_callback(component.aclose)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))


async def submitted(client: httpx.AsyncClient, body: object) -> Any:  # noqa: ANN401 - JSON
    response = await client.post(POST, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def asked(client: httpx.AsyncClient, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_everything_comes_back_and_nothing_personal(client: httpx.AsyncClient, shared_postgres_dsn: str) -> None:
    (item,) = (await submitted(client, ITEM))["items"]
    assert item["status"] == "stored"
    found = await asked(client, f"{LIST}/{item['interactionId']}")
    kept = (
        "requestId", "traceId", "userId", "sessionId", "organizationId", "provider", "model", "promptTokens",
        "responseTokens", "totalTokens", "response", "cost", "currency", "status",
    )  # fmt: skip
    assert {name: found[name] for name in kept} == {name: ITEM[name] for name in kept}
    assert (found["latencyMs"], found["timeToFirstToken"]) == (2_500.0, 800.0)
    assert found["tokensPerSecond"] == pytest.approx(800 / 1.7)
    assert found["startTime"] == "2026-01-15T12:00:00.100000000Z"
    assert found["prompt"].startswith("What is a span? Write to ")
    assert "ann.lee@example.com" not in str(found)
    # Not OpenLIT's, though the cost has the name that it has there.
    assert (found["convention"], found["costSource"]) == ("otel", "reported:gen_ai.usage.cost")
    assert found["messages"]["source"] == "spans"
    assert found["messages"]["output"][0]["parts"][0]["text"] == "A part of a trace."
    assert [span["relation"] for span in found["relatedSpans"]] == ["source"]
    stored = "SELECT count(*) FROM relayscope.spans WHERE attributes::text LIKE '%ann.lee%'"
    assert await value(shared_postgres_dsn, stored) == 0


@pytest.mark.parametrize(
    ("status", "code", "kind", "error_class"),
    [
        ("error", "429", "RateLimitError", "rate_limit"),
        ("timeout", "504", "APIError", "timeout"),
        ("timeout", "503", "ReadError", "timeout"),
    ],
)
async def test_errors_come_back(client: httpx.AsyncClient, status: str, code: str, kind: str, error_class: str) -> None:
    details = {"message": "come back later", "code": code, "type": kind}
    (item,) = (await submitted(client, {**ITEM, "status": status, "errorDetails": details}))["items"]
    found = await asked(client, f"{LIST}/{item['interactionId']}")
    assert found["status"] == status
    assert found["errorDetails"]["message"] == "come back later"
    assert found["errorDetails"]["type"] == (kind if status == "error" else "timeout")
    assert found["errorClass"] == error_class


async def test_sent_again_it_is_stored_once(client: httpx.AsyncClient, shared_postgres_dsn: str) -> None:
    batch = [{**ITEM, "id": f"call-{number}"} for number in range(1_000)]
    first = await submitted(client, batch)
    second = await submitted(client, [*batch[:5], {**batch[0], "prompt": "changed"}, {"provider": "p"}])
    assert (first["accepted"], first["rejected"]) == (1_000, 0)
    assert [item["status"] for item in second["items"]] == ["known"] * 6 + ["rejected"]
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.spans") == 1_000
    (group,) = (await asked(client, f"{LIST}/stats", **WINDOW))["items"]
    assert (group["calls"], group["promptTokens"], group["cost"]) == (1_000, 450_000, 72.5)


async def test_it_is_found_by_its_words_its_session_and_its_model(
    client: httpx.AsyncClient, shared_postgres_dsn: str
) -> None:
    later = {"startTime": "2026-01-15T12:01:00Z", "endTime": "2026-01-15T12:01:01Z"}
    await submitted(client, [ITEM, {**ITEM, "id": "call-2", "prompt": "And a trace?", **later}])
    await index_once(shared_postgres_dsn)
    hits = await asked(client, f"{LIST}/search", q="what span", **WINDOW)
    assert [part["text"] for part in hits["items"][0]["highlights"]["prompt"] if part["isMatch"]] == ["What", "span"]
    session = await asked(client, "/api/v1/sessions/chat-1")
    said = [turn["messages"][0]["parts"][0]["text"] for turn in session["turns"]]
    assert said[1] == "And a trace?"
    assert (session["calls"], session["users"]) == (2, ["user-7"])
    (model,) = (await asked(client, f"{LIST}/models", **WINDOW))["items"]
    assert (model["model"], model["calls"], model["costPerCall"]) == ("gpt-4o", 2, 0.0725)


async def test_what_postgresql_could_not_hold_is_stored_all_the_same(client: httpx.AsyncClient) -> None:
    awkward = {**ITEM, "prompt": "a\0b", "userId": "u" * 1_024, "model": "m\N{PILE OF POO}", "tags": ["\ufffe"]}
    (item,) = (await submitted(client, awkward))["items"]
    assert item["status"] == "stored"
    assert (await asked(client, f"{LIST}/{item['interactionId']}"))["model"] == "m\N{PILE OF POO}"


@pytest.mark.parametrize("path", [LIST, f"{LIST}/stats", f"{LIST}/models", "/api/v1/sessions", f"{LIST}/search"])
async def test_a_database_that_is_away_is_told(path: str) -> None:
    reader = PostgresInteractionReader(
        ReaderConfig(dsn="postgresql://a:hunter2@127.0.0.1:1/none", connect_timeout_s=0.2)
    )
    await reader.start()
    try:
        transport = httpx.ASGITransport(create_app(CannedReader(), ai=AiAccess(reader)), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            response = await client.get(path, params={"q": "x"} if path.endswith("search") else {})
    finally:
        await reader.aclose()
    assert response.status_code == 503
    assert "hunter2" not in response.text


def test_the_api_process_has_an_index_and_a_writer(tmp_path: Path) -> None:
    components = build_api(load_settings(flags={}), "postgresql://127.0.0.1:1/none", slot="api", run=tmp_path)
    kinds = [type(one) for one in components]
    assert kinds.count(SearchIndex) == 1
    # What takes requests starts after what they need, and so stops before it.
    assert kinds.index(PostgresSpanWriter) < [kind.__name__ for kind in kinds].index("GuestServer")


@pytest.mark.parametrize("operation", get_args(OperationName))
async def test_every_operation_comes_back(client: httpx.AsyncClient, operation: str) -> None:
    (item,) = (await submitted(client, {**ITEM, "operation": operation}))["items"]
    assert (await asked(client, f"{LIST}/{item['interactionId']}"))["operation"] == operation


async def test_a_parameter_changes_no_field(client: httpx.AsyncClient) -> None:
    parameters = {"model": "another", "stream": True, "temperature": 0.5}
    (item,) = (
        await submitted(client, {**ITEM, "isStreaming": False, "timeToFirstToken": None, "parameters": parameters})
    )["items"]
    found = await asked(client, f"{LIST}/{item['interactionId']}")
    assert (found["model"], found["isStreaming"], found["parameters"]) == ("gpt-4o", False, {"temperature": 0.5})


async def test_a_cost_is_of_its_currency(client: httpx.AsyncClient) -> None:
    (item,) = (await submitted(client, {**ITEM, "currency": "EUR"}))["items"]
    found = await asked(client, f"{LIST}/{item['interactionId']}")
    assert (found["cost"], found["currency"]) == (ITEM["cost"], "EUR")


async def test_zeros_are_no_parent(client: httpx.AsyncClient) -> None:
    (item,) = (await submitted(client, {**ITEM, "parentSpanId": "0" * 16}))["items"]
    assert (await asked(client, f"{LIST}/{item['interactionId']}"))["parentSpanId"] is None


@pytest.mark.parametrize(
    "words", ["-" * 100, "- " * 100, "-" * 100 + "span", "word" + " -" * 1_000 + "span", '"' * 1_001, "or " * 500]
)
async def test_no_search_is_the_fault_of_the_store(client: httpx.AsyncClient, words: str) -> None:
    response = await client.get(f"{LIST}/search", params={**WINDOW, "q": words})
    assert response.status_code in {200, 400}


async def test_words_beside_angle_brackets_are_highlighted(client: httpx.AsyncClient, shared_postgres_dsn: str) -> None:
    await submitted(client, {**ITEM, "prompt": "<b>hello</b> \x01 \u2039you\u203a"})
    await index_once(shared_postgres_dsn)
    (hit,) = (await asked(client, f"{LIST}/search", q="hello", **WINDOW))["items"]
    # A fragment begins with a word.
    pieces = [(piece["text"], piece["isMatch"]) for piece in hit["highlights"]["prompt"]]
    assert pieces == [("b>", False), ("hello", True), ("</b>  \u2039you\u203a", False)]
