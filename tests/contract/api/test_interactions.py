"""What the endpoints of AI interactions and sessions answer, through HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from query.cursor import encode_interaction_cursor, encode_session_cursor
from relayscope.api.app import AiAccess, create_app
from relayscope.api.rest import interaction_schema as schema
from storage.interaction_reader import InteractionCursor, SessionCursor
from tests.support.canned_reader import CannedReader
from tests.support.factory import BASE_US, HOUR_US, MS_NS, SECOND_US, span
from tests.support.interaction import full_interaction, interaction
from tests.support.memory_interactions import MemoryInteractions
from tracedata import Interaction, LogRecord, Span
from tracedata.interaction import Conversation, Cost, Message, Part, SpanReference, Usage

LIST, SESSIONS = "/api/v1/ai-interactions", "/api/v1/sessions"
NOW_NS = (BASE_US + HOUR_US) * 1_000
Query = Mapping[str, str | int | list[str]]


def conversation(spans: Sequence[Span], records: Sequence[LogRecord]) -> Conversation:
    """The names of the spans, said by the user after an older exchange, and answered with a tool call."""
    said = ", ".join(span.name for span in spans)
    return Conversation(
        input=[
            Message(role="user", parts=[Part(type="text", text="before")]),
            Message(role="assistant", parts=[Part(type="text", text="answer before")]),
            Message(role="user", parts=[Part(type="text", text=said)]),
        ],
        output=[Message(role="assistant", parts=[Part(type="tool_call", name="search", id="1", text="{}")])],
        tools=[{"name": "search"}],
    )


async def get(store: MemoryInteractions, path: str, query: Query | None = None) -> httpx.Response:
    app = create_app(CannedReader(), clock=lambda: NOW_NS, ai=AiAccess(store, conversation))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query or {})


async def answer(store: MemoryInteractions, path: str, query: Query | None = None) -> Any:  # noqa: ANN401 - JSON
    response = await get(store, path, query)
    assert response.status_code == 200, response.text
    return response.json()


def holding(*ones: Interaction) -> MemoryInteractions:
    store = MemoryInteractions()
    store.put(*ones)
    return store


def id_of(one: Interaction) -> str:
    return f"{one.trace_id.hex()}-{one.span_id.hex()}"


async def test_a_list_has_the_fields_of_document_1() -> None:
    one = full_interaction(prompt="p" * 400)
    found = await answer(holding(one), LIST)
    assert found["nextCursor"] is None
    (item,) = found["items"]
    expected = {
        "id": id_of(one),
        "requestId": "req-1",
        "traceId": one.trace_id.hex(),
        "timestamp": "2026-01-15T12:00:00.000000123Z",
        "userId": "user-1",
        "organizationId": "org-1",
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "promptTokens": 15,
        "responseTokens": 23,
        "totalTokens": 38,
        "startTime": "2026-01-15T12:00:00.000000123Z",
        "endTime": "2026-01-15T12:00:00.123456789Z",
        "latencyMs": 123.456666,
        "prompt": "p" * 300,
        "response": "A part of a trace.",
        "cost": 0.012345,
        "currency": "EUR",
        "timeToFirstToken": 7.0,
        "status": "error",
        "errorDetails": {"message": "slow down", "code": "rate_limit", "type": "RateLimitError"},
        "sessionId": "session-1",
        "toolCalls": ["search"],
        "isStreaming": True,
        "usage": {
            "input": 1, "cacheRead": 2, "cacheWrite": 7, "cacheWrite5m": 3, "cacheWrite1h": 4, "audioInput": 5,
            "output": 6, "reasoning": 8, "audioOutput": 9, "isEstimated": True,
        },
    }  # fmt: skip
    assert {key: item[key] for key in expected} == expected
    assert item["tokensPerSecond"] == pytest.approx(197.497, abs=0.01)


@pytest.mark.parametrize(("query", "count"), [({}, 1), ({"start": "-1h"}, 0)], ids=["of any age", "of the last hour"])
async def test_who_names_a_trace_finds_it_however_old(query: Query, count: int) -> None:
    old = interaction(start_time_unix_nano=1_000_000_000, end_time_unix_nano=2_000_000_000)
    named = {"traceId": old.trace_id.hex(), **query}
    assert len((await answer(holding(old), LIST, named))["items"]) == count


async def test_what_nobody_told_is_null_or_left_out() -> None:
    (item,) = (await answer(holding(interaction()), LIST))["items"]
    nulls = {name for name, value in item.items() if value is None}
    assert nulls == {
        "parentSpanId", "promptTokens", "responseTokens", "totalTokens", "timeToFirstToken", "tokensPerSecond",
        "isStreaming", "cost",
    }  # fmt: skip
    assert "userId" not in item
    assert "errorDetails" not in item


async def test_pages_and_filters_reach_the_store() -> None:
    ones = [
        interaction(
            start_time_unix_nano=(BASE_US + number * SECOND_US) * 1_000, provider="openai", cost=Cost(amount=0.5)
        )
        for number in range(3)
    ]
    store = holding(*ones, interaction(provider="anthropic"))
    query: Query = {"provider": "openai", "minCost": "0.5", "maxCost": "0.5", "limit": 2, "start": "-2h"}
    first = await answer(store, LIST, query)
    assert [item["id"] for item in first["items"]] == [id_of(ones[2]), id_of(ones[1])]
    second = await answer(store, LIST, {**query, "cursor": first["nextCursor"]})
    assert [item["id"] for item in second["items"]] == [id_of(ones[0])]
    assert second["nextCursor"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"operation": "all"}, 3),
        ({"operation": "tool"}, 1),
        ({"operation": ["tool", "chat"]}, 2),
        ({"status": "timeout"}, 1),
        ({"errorClass": "timeout"}, 1),
        ({"maxTokens": 3}, 1),
        ({"minTokens": 4}, 0),
        ({"minLatency": "1s"}, 1),
        ({"maxLatency": "999"}, 1),
        ({"traceId": "1"}, 0),
    ],
)
async def test_every_filter_of_the_query_string(query: Query, count: int) -> None:
    end = (BASE_US + SECOND_US) * 1_000
    store = holding(
        interaction(status="timeout", error_class="timeout", end_time_unix_nano=end),
        interaction(operation="embedding", usage=Usage(input=3)),
        interaction(operation="tool"),
    )
    assert len((await answer(store, LIST, query))["items"]) == count


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        (LIST, {"limit": 0}, "limit"),
        (LIST, {"limit": 1001}, "limit"),
        (LIST, {"operation": "chatter"}, "operation"),
        (LIST, {"status": "bad"}, "status"),
        (LIST, {"errorClass": "bad"}, "errorClass"),
        (LIST, {"minCost": "-1"}, "minCost"),
        (LIST, {"minCost": "NaN"}, "minCost"),
        (LIST, {"maxCost": "1e99"}, "maxCost"),
        (LIST, {"minTokens": "x"}, "minTokens"),
        (LIST, {"minLatency": "1 parsec"}, "minLatency"),
        (LIST, {"traceId": "xyz"}, "traceId"),
        (LIST, {"user": "a\0b"}, "user"),
        (LIST, {"cursor": "???"}, "cursor: malformed cursor"),
        (LIST, {"cursor": encode_session_cursor(SessionCursor(last_start_us=1, session_id="s"))}, "cursor: malformed"),
        (LIST, {"min_cost": "1"}, "min_cost: unknown query parameter"),
        (f"{LIST}/search", {}, "q"),
        (f"{LIST}/search", {"q": "?"}, "q: there is no word"),
        (f"{LIST}/search", {"q": "x", "limit": 101}, "limit"),
        (f"{LIST}/stats", {"by": "colour"}, "by: must be some of provider"),
        (f"{LIST}/stats", {"bucket": "1 parsec"}, "bucket: expected a duration"),
        (f"{LIST}/stats", {"bucket": "1ms"}, "bucket: must be at least 1s"),
        (f"{LIST}/stats", {"bucket": "1s", "start": "-30d"}, "bucket: too short"),
        (f"{LIST}/models", {"cursor": "x"}, "cursor: unknown query parameter"),
        (f"{LIST}/abc", {}, "id: must be a trace id"),
        (f"{LIST}/{'0' * 32}-{'0' * 16}", {"x": "1"}, "x: unknown query parameter"),
        (SESSIONS, {"cursor": encode_interaction_cursor(InteractionCursor(start_us=1, trace_id=b"", span_id=b""))}, "cursor"),
        (f"{SESSIONS}/s", {"limit": 201}, "limit"),
    ],
)  # fmt: skip
async def test_questions_that_cannot_be_answered_are_refused(path: str, query: Query, named: str) -> None:
    response = await get(holding(), path, query)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(named)


async def test_one_interaction_has_everything() -> None:
    parent = span(name="agent")
    source = span(name="chat", trace_id=parent.trace_id, parent_span_id=parent.span_id)
    one = full_interaction(
        trace_id=source.trace_id,
        span_id=source.span_id,
        sources=[
            SpanReference(
                trace_id=source.trace_id,
                span_id=source.span_id,
                start_time_unix_nano=source.start_time_unix_nano,
                convention="otel",
            )
        ],
    )
    store = holding(one)
    store.put_spans([parent, source])
    found = await answer(store, f"{LIST}/{id_of(one).upper()}")
    assert found["id"] == id_of(one)
    assert [message["role"] for message in found["messages"]["input"]] == ["user", "assistant", "user"]
    assert found["messages"]["input"][2]["parts"] == [{"type": "text", "text": "chat"}]
    assert found["messages"]["output"][0]["parts"] == [{"type": "tool_call", "text": "{}", "id": "1", "name": "search"}]
    assert found["messages"]["tools"] == [{"name": "search"}]
    assert found["messages"]["source"] == "spans"
    assert found["parameters"]["temperature"] == 0.0
    assert found["costExplanation"] == {
        "amount": 0.012345,
        "currency": "EUR",
        "source": "reported:gen_ai.usage.cost",
        "computed": 0.02,
        "computedBy": "computed:genai-prices-1",
        "isDiscrepant": True,
        "price": "openai/gpt-4o",
        "lines": [{"bucket": "input", "tokens": 1, "perMillion": "2.5", "amount": "0.0000025"}],
    }
    assert found["reportedUsage"]["input"] == 15
    assert found["reportedUsage"]["aggregate"]["output"] == 200
    assert [(related["relation"], related["name"]) for related in found["relatedSpans"]] == [
        ("source", "chat"),
        ("parent", "agent"),
    ]


async def test_texts_stand_for_messages_that_are_gone() -> None:
    one = interaction(prompt="question", response="answer")
    messages = (await answer(holding(one), f"{LIST}/{id_of(one)}"))["messages"]
    assert messages == {
        "input": [{"role": "user", "parts": [{"type": "text", "text": "question"}]}],
        "output": [{"role": "assistant", "parts": [{"type": "text", "text": "answer"}]}],
        "tools": [],
        "source": "texts",
    }


@pytest.mark.parametrize("path", [f"{LIST}/{'0' * 32}-{'0' * 16}", f"{SESSIONS}/nobody", f"{SESSIONS}/a%00b"])
async def test_what_is_not_there(path: str) -> None:
    response = await get(holding(), path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_search_shows_where_words_stand() -> None:
    one = interaction(prompt="How do I cook rice?")
    found = await answer(holding(one, interaction(prompt="other")), f"{LIST}/search", {"q": "rice"})
    (hit,) = found["items"]
    assert hit["interaction"]["id"] == id_of(one)
    assert [part["text"] for part in hit["highlights"]["prompt"] if part["isMatch"]] == ["rice"]
    assert (hit["highlights"]["response"], found["truncated"]) == ([], False)


async def test_statistics_by_model_and_time() -> None:
    end = (BASE_US + SECOND_US) * 1_000
    store = holding(
        interaction(model_served="a", end_time_unix_nano=end, usage=Usage(input=2, output=100), cost=Cost(amount=0.25)),
        interaction(model_served="a", end_time_unix_nano=end, status="error", cost=Cost(amount=0.25)),
        interaction(model_served="b", cost=Cost(amount=1.0, currency="EUR")),
    )
    found = await answer(store, f"{LIST}/stats", {"by": "model,provider", "bucket": "1h", "start": "-2h"})
    first, second = found["items"]
    assert first["key"] == {"provider": "", "model": "a"}
    assert first["bucketStart"] == "2026-01-15T12:00:00.000000000Z"
    assert (first["calls"], first["errors"], first["errorRate"]) == (2, 1, 0.5)
    assert (first["cost"], first["currency"], first["pricedCalls"]) == (0.5, "USD", 2)
    assert (first["promptTokens"], first["totalTokens"], first["tokensPerSecond"]) == (2, 102, 100.0)
    assert first["latency"] == {"p50": 1_000.0, "p95": 1_000.0, "p99": 1_000.0}
    assert second["currency"] == "EUR"
    assert found["start"] == "2026-01-15T11:00:00.000000000Z"
    everything = (await answer(store, f"{LIST}/stats"))["items"][0]
    assert (everything["key"], everything["bucketStart"], everything["cost"]) == ({}, None, None)
    assert everything["costs"] == [{"currency": "EUR", "amount": 1.0}, {"currency": "USD", "amount": 0.5}]


async def test_statistics_by_operation_count_agents_and_tools_without_their_tokens_twice() -> None:
    end = (BASE_US + SECOND_US) * 1_000
    store = holding(
        interaction(usage=Usage(input=2, output=3), cost=Cost(amount=0.25)),
        interaction(operation="agent", end_time_unix_nano=end, reported_aggregate=Usage(input=2, output=3)),
        interaction(operation="tool", end_time_unix_nano=end, status="error"),
        interaction(operation="tool", end_time_unix_nano=end),
    )
    found = (await answer(store, f"{LIST}/stats", {"by": "operation"}))["items"]
    counted = {one["key"]["operation"]: (one["calls"], one["errors"], one["totalTokens"], one["cost"]) for one in found}
    assert counted == {"chat": (1, 0, 5, 0.25), "agent": (1, 0, None, None), "tool": (2, 1, None, None)}
    assert {one["key"]["operation"]: one["latency"]["p50"] for one in found}["tool"] == 1_000.0
    only = (await answer(store, f"{LIST}/stats", {"by": "operation", "operation": "tool"}))["items"]
    assert [one["key"] for one in only] == [{"operation": "tool"}]
    (everything,) = (await answer(store, f"{LIST}/stats"))["items"]
    assert (everything["calls"], everything["totalTokens"]) == (1, 5)


async def test_models_are_compared() -> None:
    store = holding(
        interaction(provider="p", model_served="a", cost=Cost(amount=0.5), usage=Usage(input=10)),
        interaction(provider="p", model_served="a", usage=Usage(input=20)),
        interaction(provider="p", model_served="b", status="timeout"),
    )
    first, second = (await answer(store, f"{LIST}/models"))["items"]
    assert (first["provider"], first["model"], first["calls"]) == ("p", "a", 2)
    assert (first["costPerCall"], first["tokensPerCall"]) == (0.5, 15.0)
    assert (second["errorRate"], second["timeouts"], second["costPerCall"]) == (1.0, 1, None)


async def test_sessions_and_one_as_a_conversation() -> None:
    first_span = span(name="first question", at_us=-3 * HOUR_US)
    first = interaction(
        trace_id=first_span.trace_id,
        span_id=first_span.span_id,
        session_id="a/b",
        start_time_unix_nano=first_span.start_time_unix_nano,
        end_time_unix_nano=first_span.end_time_unix_nano,
        usage=Usage(input=5),
    )
    second = interaction(session_id="a/b", prompt="second question", response="second answer", user_id="ann")
    store = holding(first, second, interaction(session_id="other"), interaction(session_id="a/b", operation="tool"))
    store.put_spans([first_span])
    listed = (await answer(store, SESSIONS, {"user": "ann"}))["items"]
    assert [(one["id"], one["calls"], one["users"]) for one in listed] == [("a/b", 1, ["ann"])]
    found = await answer(store, f"{SESSIONS}/a/b")
    assert (found["id"], found["calls"], found["promptTokens"]) == ("a/b", 2, 5)
    said = [[(message["role"], message["parts"][0]["text"]) for message in turn["messages"]] for turn in found["turns"]]
    assert said == [
        [("user", "first question"), ("assistant", "{}")],
        [("user", "second question"), ("assistant", "second answer")],
    ]
    page = await answer(store, f"{SESSIONS}/a%2Fb", {"limit": 1})
    rest = await answer(store, f"{SESSIONS}/a%2Fb", {"limit": 1, "cursor": page["nextCursor"]})
    assert [one["turns"][0]["interaction"]["id"] for one in (page, rest)] == [id_of(first), id_of(second)]
    assert rest["nextCursor"] is None
    assert len((await answer(store, f"{SESSIONS}/a/b", {"operation": "all"}))["turns"]) == 3


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        (LIST, {}, schema.InteractionList),
        (f"{LIST}/search", {"q": "span"}, schema.HitList),
        (f"{LIST}/stats", {"by": "model", "bucket": "1h"}, schema.InteractionStatistics),
        (f"{LIST}/models", {}, schema.ModelList),
        (SESSIONS, {}, schema.SessionList),
        (f"{SESSIONS}/session-1", {}, schema.SessionDetail),
        (LIST, {"one": "1"}, schema.InteractionDetail),
    ],
)
async def test_answers_are_of_their_types(path: str, query: Query, kind: type[msgspec.Struct]) -> None:
    one = full_interaction(end_time_unix_nano=BASE_US * 1_000 + 123 + 5 * MS_NS)
    if "one" in query:
        path, query = f"{path}/{id_of(one)}", {}
    response = await get(holding(one, replace(one, span_id=b"\x01" * 8)), path, query)
    decoded = msgspec.json.decode(response.content, type=kind)
    assert msgspec.json.decode(msgspec.json.encode(decoded)) == response.json()


async def test_without_a_reader_there_are_no_endpoints() -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(CannedReader())), base_url="http://test"
    ) as client:
        assert (await client.get(LIST)).status_code == 404


async def test_openapi_describes_every_endpoint() -> None:
    document = (await get(holding(), "/openapi.json")).json()
    schemas = document["components"]["schemas"]
    ours = {path: methods for path, methods in document["paths"].items() if path.startswith((LIST, SESSIONS))}
    assert len(ours) == 7
    for path, methods in ours.items():
        operation = methods["get"]
        assert operation["summary"], path
        assert operation["description"], path
        assert "422" not in operation["responses"], path
        reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert reference.rpartition("/")[2] in schemas
