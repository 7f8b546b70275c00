"""Submitting AI interactions: what is taken, what it becomes, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.ai.mapper import Mapper
from relayscope.api.app import AiAccess, create_app
from relayscope.api.rest.interaction_schema import Submission
from relayscope.api.rest.submission import Accepted, read_item
from relayscope.api.rest.submitted import MAX_BODY_BYTES, Refusal
from tests.support.canned_reader import CannedReader
from tests.support.memory_interactions import MemoryInteractions
from tests.support.recording_consumer import RecordingConsumer
from tests.support.strategies import unhurried
from tracedata import Batch, Receipt, RetryableError, Span, StatusCode

PATH = "/api/v1/telemetry/ai-interactions"
ITEM: dict[str, Any] = {
    "id": "call-1",
    "requestId": "req-1",
    "traceId": "5B8EFFF798038103D269B633813FC60C",
    "timestamp": "2026-01-15T12:00:00Z",
    "userId": "ann",
    "organizationId": "acme",
    "provider": "openai",
    "model": "gpt-4o",
    "promptTokens": 450,
    "responseTokens": 800,
    "totalTokens": 1250,
    "startTime": "2026-01-15T12:00:00.100000007Z",
    "endTime": "2026-01-15T13:00:02.6+01:00",
    "latencyMs": 2500,
    "prompt": "What is a span?",
    "response": "A part of a trace.",
    "cost": 0.0725,
    "currency": "USD",
    "timeToFirstToken": 800,
    "tokensPerSecond": 320,
    "status": "success",
}


class Store(RecordingConsumer):
    """A consumer whose spans can be found again; it refuses spans whose name is in ``unwanted``."""

    def __init__(self, *unwanted: str) -> None:
        super().__init__()
        self.reader = MemoryInteractions()
        self._unwanted = unwanted

    async def consume(self, batch: Batch) -> Receipt:
        await super().consume(batch)
        kept = [span for span in batch.spans if span.name not in self._unwanted]
        self.reader.put_spans(kept)
        rejected = len(batch.spans) - len(kept)
        return Receipt(accepted=len(kept), rejections={"limit": rejected} if rejected else {})


async def post(store: Store, body: object, **options: Any) -> httpx.Response:  # noqa: ANN401 - those of httpx
    app = create_app(CannedReader(), ai=AiAccess(store.reader, consumer=store))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(PATH, content=content, **{"headers": {"content-type": "application/json"}, **options})


def span_of(item: object) -> Span:
    found = read_item(item)
    assert isinstance(found, Accepted), found
    return found.span


def refusal_of(item: object) -> dict[str, str]:
    found = read_item(item)
    assert isinstance(found, Refusal)
    return {error.field: error.detail for error in found.errors}


def test_every_field_becomes_a_part_of_the_span() -> None:
    made = span_of(ITEM)
    assert made.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert made.start_time_unix_nano == 1_768_478_400_100_000_007
    assert made.end_time_unix_nano == 1_768_478_402_600_000_000
    assert (made.name, made.status_code, made.status_message) == ("chat gpt-4o", StatusCode.UNSET, "")
    assert dict(made.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "relayscope.interaction.id": "call-1",
        "request.id": "req-1",
        "user.id": "ann",
        "organization.id": "acme",
        "gen_ai.usage.input_tokens": 450,
        "gen_ai.usage.output_tokens": 800,
        "gen_ai.usage.total_tokens": 1250,
        "gen_ai.usage.cost": 0.0725,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.response.time_to_first_chunk": 0.8,
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"What is a span?"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"A part of a trace."}]}]',
    }


def test_what_document_1_does_not_have() -> None:
    made = span_of({
        "timestamp": "2026-01-15T12:00:00Z", "latencyMs": 1.5, "provider": "p", "model": "m", "operation": "embedding",
        "sessionId": "s", "agent": "a", "service": "gateway", "parentSpanId": "EEE19B7EC3C1B174", "cacheReadTokens": 1,
        "cacheWriteTokens": 2, "reasoningTokens": 3, "isStreaming": False, "finishReason": "stop", "response": "r",
        "parameters": {"maxTokens": 5, "temperature": 0.5, "top_p": 1, "stop": ["x"]}, "tags": ["t"],
    })  # fmt: skip
    assert made.end_time_unix_nano - made.start_time_unix_nano == 1_500_000
    assert made.parent_span_id.hex() == "eee19b7ec3c1b174"
    assert made.resource.service_name == "gateway"
    expected = {
        "gen_ai.operation.name": "embeddings",
        "session.id": "s",
        "gen_ai.agent.name": "a",
        "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.request.stream": False,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1,
        "gen_ai.request.stop": ["x"],
        "tag.tags": ["t"],
    }
    assert {key: made.attributes[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        ("error", {"message": "slow down", "code": 429, "type": "RateLimit"}, ("RateLimit", 429, "slow down")),
        ("error", {"message": "no", "code": "quota"}, ("quota", None, "no")),
        ("timeout", {"message": "too late", "type": "ReadError"}, ("timeout", None, "too late")),
        ("timeout", None, ("timeout", None, "")),
        ("error", None, ("error", None, "")),
    ],
)
def test_errors(status: str, details: object, expected: tuple[str, int | None, str]) -> None:
    made = span_of({**ITEM, "status": status, "errorDetails": details})
    kind, code, message = expected
    assert made.status_code == StatusCode.ERROR
    assert made.status_message == message
    assert made.attributes["error.type"] == kind
    assert made.attributes.get("http.response.status_code") == code
    if details:
        assert made.events[0].attributes["exception.message"] == message
    else:
        assert made.events == ()


@pytest.mark.parametrize(
    ("change", "field", "detail"),
    [
        ({"provider": None}, "provider", "expected `str`"),
        ({"model": ""}, "model", "expected `str` of length >= 1"),
        ({"promptTokens": -1}, "promptTokens", "expected `int` >= 0"),
        ({"promptTokens": "12"}, "promptTokens", "expected `int | null`"),
        ({"cost": "cheap"}, "cost", "expected"),
        ({"currency": "dollars"}, "currency", "expected"),
        ({"status": "ok"}, "status", "must be one of success, error, timeout"),
        ({"operation": "chatter"}, "operation", "must be one of"),
        ({"prompt": 5}, "prompt", "expected"),
        ({"startTime": "yesterday"}, "startTime", "must be ISO-8601"),
        ({"startTime": "2026-02-30T00:00:00Z"}, "startTime", "must be ISO-8601"),
        ({"startTime": "1969-12-31T00:00:00Z"}, "startTime", "must be ISO-8601"),
        ({"startTime": "9999-12-31T00:00:00Z"}, "startTime", "must be ISO-8601"),
        ({"endTime": "2026-01-15T11:00:00Z"}, "endTime", "must not lie before"),
        ({"startTime": None, "timestamp": None, "latencyMs": None}, "startTime", "is required"),
        ({"parentSpanId": "xyz"}, "parentSpanId", "must be 16 hex digits"),
        ({"errorDetails": {"message": "m"}}, "errorDetails", "only where status"),
        ({"errorDetails": {}}, "errorDetails", "object missing required field `message`"),
        ({"errorDetails": {"message": 1}, "status": "error"}, "errorDetails.message", "expected `str`"),
        ({"parameters": {"a": {}}}, "parameters[...]", "expected"),
        ({"tokens": 5}, "tokens", "unknown field"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], field: str, detail: str) -> None:
    found = refusal_of({**ITEM, **change})
    assert found[field].startswith(detail)
    assert len(found) == 1


def test_every_wrong_field_is_named() -> None:
    assert set(refusal_of({"model": 1, "cost": -1, "x": 1})) == {"provider", "model", "cost", "x", "startTime"}
    assert refusal_of([]) == {"": "must be an object"}


@pytest.mark.parametrize(
    ("given_id", "is_kept"),
    [
        ("5b8efff7-9803-8103-d269-b633813fc60c", True),
        ("5b8efff798038103d269b633813fc60c", True),
        ("0" * 32, False),
        ("ghi789", False),
    ],
)
def test_ids_of_traces(given_id: str, is_kept: bool) -> None:  # noqa: FBT001 - a column of the table
    made = span_of({**ITEM, "traceId": given_id})
    assert (made.trace_id.hex() == "5b8efff798038103d269b633813fc60c") == is_kept
    assert any(made.trace_id)
    assert span_of({**ITEM, "traceId": given_id, "id": "other"}).trace_id == made.trace_id


def test_ids_follow_from_what_is_sent() -> None:
    assert span_of(ITEM) == span_of(dict(reversed(ITEM.items())))
    bare = {key: value for key, value in ITEM.items() if key not in ("id", "traceId")}
    assert span_of(bare) == span_of(bare)
    assert span_of(bare).span_id != span_of({**bare, "prompt": "other"}).span_id
    assert span_of({**bare, "id": "a"}).trace_id != span_of({**bare, "id": "b"}).trace_id


async def test_one_object() -> None:
    store = Store()
    response = await post(store, ITEM)
    assert response.status_code == 200
    found = msgspec.json.decode(response.content, type=Submission)
    (item,) = found.items
    assert (found.accepted, found.rejected) == (1, 0)
    assert (item.id, item.status, item.trace_id) == ("call-1", "stored", "5b8efff798038103d269b633813fc60c")
    assert item.interaction_id == f"{item.trace_id}-{item.span_id}"
    assert [span.span_id.hex() for span in store.spans] == [item.span_id]
    assert store.batches[0].workspace_id == 1


async def test_good_neighbours_of_bad_ones_are_stored() -> None:
    store = Store("chat refused")
    body = [ITEM, {"provider": "p"}, {**ITEM, "id": "call-2"}, 5, {**ITEM, "id": "call-3", "model": "refused"}]
    response = await post(store, body)
    assert response.status_code == 200
    found = response.json()
    assert (found["accepted"], found["rejected"]) == (2, 3)
    assert [item["status"] for item in found["items"]] == ["stored", "rejected", "stored", "rejected", "rejected"]
    assert [item["index"] for item in found["items"]] == [0, 1, 2, 3, 4]
    assert {error["field"] for error in found["items"][1]["errors"]} == {"model", "startTime"}
    assert "limit" in found["items"][4]["errors"][0]["detail"]


async def test_what_comes_again_is_stored_once() -> None:
    store = Store()
    again = {**ITEM, "prompt": "changed since"}
    first = (await post(store, [ITEM, again])).json()
    second = (await post(store, [again, {**ITEM, "id": "new"}])).json()
    assert [item["status"] for item in first["items"]] == ["stored", "known"]
    assert [item["status"] for item in second["items"]] == ["known", "stored"]
    assert len(store.spans) == 2
    assert "What is a span?" in str(store.spans[0].attributes)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "body: must be JSON"),
        (b"{", "body: must be JSON"),
        (b"\xff", "body: must be JSON"),
        (b"5", "body: must be an object or a list"),
        (b"[]", "body: must have between 1 and 1,000 items"),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", "body: must have between 1 and 1,000 items"),
        (b"[" * 100_000, "body: must be JSON"),
        ({"provider": "p", "model": "m", "timestamp": "x"}, "timestamp: must be ISO-8601"),
    ],
)
async def test_requests_that_are_refused_as_a_whole(body: object, detail: str) -> None:
    store = Store()
    response = await post(store, body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(detail)
    assert store.batches == []


async def test_only_json_of_a_bearable_size_is_read() -> None:
    store = Store()
    assert (await post(store, ITEM, headers={"content-type": "text/plain"})).status_code == 415
    assert (await post(store, ITEM, headers={"content-type": "application/json; charset=utf-8"})).status_code == 200
    assert (await post(store, b" " * (MAX_BODY_BYTES + 1))).status_code == 413


async def test_without_a_store_one_may_try_again() -> None:
    store = Store()
    store.error = RetryableError("the queue is full", retry_after_s=3)
    response = await post(store, ITEM)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "3"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@unhurried
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ITEM, _JSON)), st.sets(st.sampled_from(sorted(ITEM))))
def test_whatever_is_sent_is_taken_or_refused(changes: dict[str, object], kept: set[str]) -> None:
    item = {**ITEM, **{name: value for name, value in changes.items() if name not in kept}}
    found = read_item(item)
    if isinstance(found, Refusal):
        assert found.errors
        return
    assert 0 <= found.span.start_time_unix_nano <= found.span.end_time_unix_nano < 2**64
    assert (len(found.span.trace_id), len(found.span.span_id)) == (16, 8)


@pytest.mark.parametrize(
    ("said", "currency", "is_estimated"),
    [({}, "USD", False), ({"currency": "EUR"}, "EUR", False), ({"isEstimated": True}, "USD", True)],
    ids=["nothing", "a currency", "estimated tokens"],
)
def test_what_is_said_of_cost_and_tokens_is_what_the_mapper_reads(
    said: dict[str, object],
    currency: str,
    is_estimated: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    item = {key: value for key, value in ITEM.items() if key != "currency"}
    (made,) = Mapper().interactions([span_of({**item, **said})])
    assert (made.cost.amount, made.cost.currency) == (0.0725, currency)
    assert made.usage.is_estimated is is_estimated
