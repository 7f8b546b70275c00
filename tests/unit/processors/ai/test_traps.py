"""The traps of the field, by the number that the catalogue of conventions gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from processors.ai.mapper import Mapper
from tests.support.llm_span import CHAT, USED, chat, event, mapped, messages, only, record, span
from tracedata import LogRecord, Value
from tracedata.interaction import NO_USAGE, OperationName

NATIVE = "com.anthropic.sdk.python"


class TestT3CachesInsideAndOutsideTheInput:
    @pytest.mark.parametrize(
        ("scope", "attributes", "expected"),
        [
            pytest.param("x", {"gen_ai.usage.cache_read.input_tokens": 64}, ("inclusive", 56, 120), id="inside"),
            pytest.param(
                "x", {"gen_ai.usage.cache_read.input_tokens": 84_562}, ("exclusive", 120, 84_682), id="contradiction"
            ),
            pytest.param(
                "x",
                {"gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.total_tokens": 214},
                ("exclusive", 120, 184),
                id="total",
            ),
            pytest.param("x", {"gen_ai.usage.cache_write.input_tokens": 20}, ("inclusive", 100, 120), id="renamed key"),
            pytest.param("x", {"gen_ai.usage.cache_creation_input_tokens": 20}, ("inclusive", 100, 120), id="old key"),
            pytest.param(
                "com.anthropic.claude_code.tracing",
                {"span.type": "llm_request", "model": "m", "input_tokens": 100, "cache_read_tokens": 20},
                ("exclusive", 100, 120),
                id="known to be outside",
            ),
        ],
    )
    def test_buckets_do_not_overlap(
        self, scope: str, attributes: dict[str, Value], expected: tuple[str, int, int]
    ) -> None:
        usage = only(span(1, {**CHAT, **USED, **attributes}, scope=scope)).usage
        assert (usage.basis, usage.input, usage.input_total) == expected

    @pytest.mark.parametrize(("total", "input_"), [(160, 56), (130, 26)], ids=["outside", "inside after all"])
    def test_an_exclusive_reporter_is_believed_unless_its_total_says_otherwise(self, total: int, input_: int) -> None:
        reported = {"input": 56 if total == 160 else 100, "input_cached_tokens": 74, "output": 30, "total": total}
        attributes = {
            "langfuse.observation.type": "generation",
            "langfuse.observation.usage_details": json.dumps(reported),
        }
        assert only(span(1, attributes)).usage.input == input_


REASONING = "gen_ai.usage.reasoning.output_tokens"
CACHED = "gen_ai.usage.cache_read.input_tokens"
TOTAL = "gen_ai.usage.total_tokens"


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({REASONING: 20}, (120, 10, 20), id="inside"),
        pytest.param({REASONING: 20, TOTAL: 150}, (120, 10, 20), id="inside, by the total"),
        pytest.param({REASONING: 20, TOTAL: 170}, (120, 30, 20), id="beside, by the total"),
        pytest.param({REASONING: 20, CACHED: 10, TOTAL: 170}, (110, 30, 20), id="beside, and no cache in the total"),
        pytest.param({REASONING: 20, CACHED: 10, TOTAL: 180}, (120, 30, 20), id="beside, and so is the cache"),
        pytest.param({REASONING: 20, CACHED: 10, TOTAL: 160}, (120, 10, 20), id="inside, and the cache beside"),
    ],
)
def test_t3_reasoning_is_inside_the_output_unless_the_total_says_otherwise(
    told: dict[str, Value], expected: tuple[int, int, int]
) -> None:
    usage = only(chat(1, told)).usage
    assert (usage.input, usage.output, usage.reasoning) == expected


def test_a_cache_holds_at_least_what_its_lifetimes_hold() -> None:
    told = {
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 4,
    }
    usage = only(chat(1, told)).usage
    assert (usage.cache_write, usage.input_total) == (4, 120)


@pytest.mark.parametrize(
    ("currency", "expected"),
    [
        ("EUR", (2.5, "EUR")),
        (" eur", (2.5, "EUR")),
        ("USD", (2.5, "USD")),
        ("dollars", (None, "USD")),
        (7, (None, "USD")),
    ],
)
def test_a_cost_is_of_its_currency(currency: Value, expected: tuple[float | None, str]) -> None:
    cost = only(chat(1, {"gen_ai.usage.cost": 2.5, "gen_ai.usage.cost.currency": currency})).cost
    assert (cost.amount, cost.currency) == expected


def test_t4_tokens_come_from_the_wire_where_a_wrapper_counts_wrong() -> None:
    wrapper = chat(
        1,
        {"gen_ai.response.id": "m1", "gen_ai.usage.output_tokens": 31, "gen_ai.input.messages": messages("user", "x")},
    )
    native = chat(2, {"gen_ai.response.id": "m1"}, trace=2, scope=NATIVE)
    made = only(wrapper, native)
    assert made.span_id == wrapper.span_id
    assert made.usage.output_total == 30


def test_t4_a_stream_without_usage_is_unknown() -> None:
    made = only(span(1, {**CHAT, "gen_ai.request.stream": True, "gen_ai.output.messages": messages("assistant", "yo")}))
    assert made.usage == NO_USAGE
    assert made.is_streaming is True


class TestT5TheSameMessagesInAnyEncoding:
    PARTS = ({"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "novel", "content": "?", "x": 1}]},)

    @pytest.mark.parametrize(
        "written",
        [
            pytest.param(list(PARTS), id="native"),
            pytest.param(json.dumps(PARTS), id="JSON"),
            pytest.param(json.dumps(json.dumps(PARTS)), id="JSON in JSON"),
            pytest.param(repr(list(PARTS)), id="as Python prints"),
            pytest.param([*PARTS, None, 7], id="among what is none"),
        ],
    )
    def test_a_part_that_nobody_knows_stays_and_costs_no_other(self, written: Value) -> None:
        made = Mapper().conversation([span(1, {**CHAT, "gen_ai.input.messages": written})])
        assert [(part.type, part.text) for part in made.input[0].parts] == [("text", "hi"), ("novel", "?")]
        assert made.input[0].parts[1].data["x"] == 1

    def test_the_registry_of_prompts_is_no_message(self) -> None:
        named = {**CHAT, "gen_ai.prompt.name": "greeting", "gen_ai.prompt.version": "2", "gen_ai.prompt.0.role": "user"}
        made = only(span(1, {**named, "gen_ai.prompt.0.content": "hi"}))
        assert made.prompt == "hi"
        assert only(span(1, {**CHAT, "gen_ai.prompt.name": "greeting"})).prompt == ""


class TestT6ZeroIsNotUnknown:
    ZERO: Mapping[str, Value] = {
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "gen_ai.usage.cost": 0.0,
    }

    def test_zeros_with_an_answer_are_unknown_and_so_is_the_cost(self) -> None:
        made = only(span(1, {**CHAT, **self.ZERO, "gen_ai.output.messages": messages("assistant", "yo")}))
        assert made.usage == NO_USAGE
        assert made.cost.amount is None

    def test_zeros_without_an_answer_are_zeros(self) -> None:
        assert only(span(1, {**CHAT, **self.ZERO})).usage.total == 0

    def test_a_zero_bucket_beside_others_is_zero(self) -> None:
        assert only(chat(1, {"gen_ai.usage.cache_read.input_tokens": 0})).usage.cache_read == 0
        assert only(chat(1)).usage.cache_read is None

    def test_no_time_to_the_first_token_is_no_zero(self) -> None:
        made = only(chat(1, {"gen_ai.server.time_to_first_token": 0.0}, scope="openlit"))
        assert made.time_to_first_token_ns is None
        assert made.is_streaming is None


class TestT7EventsOnAnotherSignal:
    ASKED = record("gen_ai.user.message", {"gen_ai.system": "openai"}, body={"content": "hi"}, number=1)
    ANSWERED = record(
        "gen_ai.choice",
        {"gen_ai.system": "openai"},
        body={"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yo"}},
        number=1,
        at_ms=1,
    )

    def test_messages_of_a_span_come_from_log_records_in_any_order(self) -> None:
        made = only(chat(1), records=[self.ANSWERED, self.ASKED, self.ASKED])
        assert (made.prompt, made.response, made.finish_reason) == ("hi", "yo", "stop")
        assert made.usage.total == 150

    def test_the_name_of_an_event_may_stand_in_an_attribute(self) -> None:
        old = record("", {"event.name": "gen_ai.user.message"}, body={"content": "hi"}, number=1)
        assert only(chat(1), records=[old]).prompt == "hi"

    def test_records_without_their_span_are_a_call_with_an_id_that_stays(self) -> None:
        made = only(records=[self.ASKED, self.ANSWERED])
        assert (made.operation, made.prompt, made.response) == ("chat", "hi", "yo")
        assert made == only(records=[self.ANSWERED, self.ASKED])
        assert made.trace_id == self.ASKED.trace_id
        assert made.sources[0].span_id == self.ASKED.span_id

    def test_content_as_an_event_of_the_span_itself(self) -> None:
        said = event("gen_ai.client.inference.operation.details", {"gen_ai.input.messages": messages("user", "hi")})
        assert only(span(1, CHAT, events=[said])).prompt == "hi"

    def test_a_call_that_a_span_and_a_record_tell_of_is_one_and_a_failed_attempt_before_it_another(self) -> None:
        said: dict[str, Value] = {"model": "claude", "input_tokens": 1, "output_tokens": 2}
        call = span(1, {**said, "span.type": "llm_request"}, scope="com.anthropic.claude_code.tracing")
        told = record("claude_code.api_request", {**said, "cost_usd": 0.5}, number=1)
        failed = record("claude_code.api_error", {"model": "claude", "status_code": 529}, number=1)
        made = mapped(call, records=[told, failed])
        assert sorted((one.status, one.cost.amount, len(one.sources)) for one in made) == [
            ("error", None, 1),
            ("success", 0.5, 1),
        ]

    def test_what_a_user_said_belongs_to_the_first_call_after_it_in_the_session(self) -> None:
        def told(name: str, session: str, at_ms: float) -> LogRecord:
            said = {"prompt": f"{session} at {at_ms}"} if name == "user_prompt" else {"model": "m"}
            return record(f"claude_code.{name}", {"session.id": session, **said}, at_ms=at_ms)

        records = [told("user_prompt", "a", 0), told("user_prompt", "b", 1)]
        records += [told("api_request", "b", 2), told("api_request", "a", 3), told("api_request", "a", 4)]
        made = mapped(records=[*reversed(records)])
        assert [one.prompt for one in made] == ["b at 1", "a at 0", ""]

    def test_calls_told_by_records_alone_are_apart_and_the_same_each_time(self) -> None:
        said: dict[str, Value] = {"session.id": "s", "model": "claude", "input_tokens": 1, "output_tokens": 2}
        records = [record("claude_code.api_request", said, at_ms=at) for at in (0, 5)]
        first = mapped(records=records)
        assert len({one.span_id for one in first}) == 2
        assert len({one.trace_id for one in first}) == 1
        assert first == mapped(records=[*reversed(records), *records])


class TestT8WhatASpanIs:
    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            pytest.param(
                {"langsmith.span.kind": "retriever", "gen_ai.operation.name": "embeddings"}, "retriever", id="langsmith"
            ),
            pytest.param(
                {"traceloop.span.kind": "task", "gen_ai.operation.name": "chat"}, "chat", id="a task that is a chat"
            ),
            pytest.param({"traceloop.span.kind": "task"}, "workflow", id="a task"),
            pytest.param({"openinference.span.kind": "RERANKER"}, "rerank", id="reranker"),
            pytest.param({"openinference.span.kind": "DECISION"}, "decision", id="decision"),
            pytest.param({"gen_ai.operation.name": "run_guardrail"}, "guardrail", id="guardrail"),
            pytest.param({"gen_ai.operation.name": "delete_memory_store"}, "memory", id="memory"),
            pytest.param({"gen_ai.tool.name": "search"}, "tool", id="a tool by its name"),
            pytest.param({"gen_ai.request.model": "m", **USED}, "chat", id="tokens of a model"),
            pytest.param({"mlflow.spanType": '"CHAT_MODEL"'}, "chat", id="JSON in quotes"),
        ],
    )
    def test_operations(self, attributes: dict[str, Value], expected: OperationName) -> None:
        assert only(span(1, attributes)).operation == expected

    @pytest.mark.parametrize(
        "attributes",
        [
            pytest.param({"gen_ai.request.model": "gpt-4o-mini"}, id="a model alone"),
            pytest.param(
                {"gen_ai.request.model": "m", "gen_ai.operation.name": "novel", **USED},
                id="an operation that is none of ours",
            ),
            pytest.param(
                {"http.request.method": "GET", "traceloop.association.properties.user_id": "u"}, id="context alone"
            ),
        ],
    )
    def test_no_operation_is_guessed(self, attributes: dict[str, Value]) -> None:
        assert mapped(span(1, attributes)) == []


def test_t9_the_model_that_answered_is_told_from_the_one_that_was_asked_for() -> None:
    served = only(
        chat(1, {"gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.request.model": "openai/gpt-4o-mini"})
    )
    assert (served.model_requested, served.model_served) == ("openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert served.model_family == "gpt-4o-mini"
    failed = only(span(1, {**CHAT, "gen_ai.response.model": "gpt-4o-mini"}, error="Error code: 404"))
    assert failed.model_served == ""
    assert only(chat(1, {"gen_ai.request.model": "None"})).model == ""


def test_t10_a_guardrail_that_lets_pass_is_no_error_and_the_turn_that_it_stopped_is() -> None:
    kind = "openinference.span.kind"
    guard, turn = mapped(
        span(1, {kind: "GUARDRAIL"}, parent=2, name="gr"),
        span(2, {kind: "CHAIN"}, error="Guardrail tripwire triggered: {'guardrail': 'gr'}", at_ms=1),
    )
    assert (guard.status, turn.status, turn.error_class) == ("success", "error", "content_filter")


class TestT11Units:
    @pytest.mark.parametrize(
        ("scope", "value", "expected_ms"),
        [
            pytest.param("openlit", 0.08, 80, id="seconds of OpenLIT"),
            pytest.param("strands.telemetry.tracer", 80, 80, id="milliseconds of Strands"),
            pytest.param("somebody", 0.08, 80, id="seconds, by the span's duration"),
            pytest.param("somebody", 80, 80, id="milliseconds, by the span's duration"),
        ],
    )
    def test_the_same_key_in_seconds_and_milliseconds(self, scope: str, value: float, expected_ms: int) -> None:
        made = only(chat(1, {"gen_ai.server.time_to_first_token": value}, scope=scope))
        assert made.time_to_first_token_ns == expected_ms * 1_000_000

    @pytest.mark.parametrize(
        "written", ['"2026-01-15T12:00:00.050Z"', "2026-01-15T12:00:00.050+00:00", '"\\"2026-01-15T12:00:00.050Z\\""']
    )
    def test_a_moment_in_iso_8601_quoted_or_not(self, written: str) -> None:
        attributes = {"langfuse.observation.type": "generation", "langfuse.observation.completion_start_time": written}
        assert only(span(1, attributes)).time_to_first_token_ns == 50_000_000


class TestT12Size:
    def test_content_in_base64_is_not_kept(self) -> None:
        image = "A" * 50_000
        shapes = [
            {"type": "blob", "mime_type": "image/png", "modality": "image", "content": image},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
            {"inlineData": {"mimeType": "image/png", "data": image}},
            {"type": "input_audio", "input_audio": {"format": "wav", "data": image}},
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{image}"}},
            {
                "type": "tool_result",
                "tool_use_id": "1",
                "content": [{"type": "image", "source": {"type": "base64", "data": image}}],
            },
        ]
        attributes = {**CHAT, "gen_ai.input.messages": json.dumps([{"role": "user", "parts": shapes}])}
        made = Mapper().conversation([span(1, attributes)])
        assert len(made.input[0].parts) == len(shapes)
        assert image not in repr(made)

    def test_a_chunk_is_the_first_of_thousands(self) -> None:
        chunks = [event("gen_ai.content.completion.chunk", at_ms=at) for at in range(90, 10, -1)]
        assert only(span(1, CHAT, events=chunks)).time_to_first_token_ns == 11_000_000

    def test_vectors_of_an_embedding_are_no_text(self) -> None:
        attributes: dict[str, Value] = {
            "openinference.span.kind": "EMBEDDING",
            "embedding.embeddings.0.embedding.text": "a",
            "embedding.embeddings.0.embedding.vector": [0.1] * 3_000,
            "output.value": json.dumps({"data": [{"embedding": [0.1, 0.2]}]}),
        }
        made = only(span(1, attributes))
        assert (made.prompt, made.response) == ("a", "")

    def test_texts_are_cut(self) -> None:
        made = only(span(1, {**CHAT, "gen_ai.input.messages": messages("user", "x" * 20_000)}))
        assert len(made.prompt) == 16_000


class TestT13PythonsPrintAndMixedRoles:
    def test_tokens_as_python_prints_them(self) -> None:
        printed = "{'prompt_tokens': 120, 'completion_tokens': 30, 'prompt_tokens_details': {'cached_tokens': 64, 'audio_tokens': None}}"
        made = only(span(1, {"gen_ai.operation.name": "chat", "metadata.usage_object": printed}, scope="litellm"))
        assert (made.usage.input, made.usage.cache_read, made.usage.output) == (56, 64, 30)

    def test_a_tools_answer_is_a_tools_whoever_is_said_to_give_it(self) -> None:
        said = [
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}], "name": None},
            {"role": "assistant", "parts": []},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "name": "w", "result": "rainy"}]},
        ]
        attributes = {**CHAT, "gen_ai.input.messages": json.dumps(said)}
        made = Mapper().conversation([span(1, attributes)])
        assert [message.role for message in made.input] == ["user", "assistant", "tool"]
        assert only(span(1, attributes)).prompt == "rainy"


def test_numbers_and_truths_come_as_text() -> None:
    made = only(span(1, {**CHAT, "gen_ai.usage.input_tokens": "120", "llm.is_streaming": "False"}))
    assert made.usage.input == 120
    assert made.is_streaming is False


@pytest.mark.parametrize("count", [-1, 2**31, 1.5, True, "many", float("nan"), float("inf"), "1e999"])
def test_a_number_that_no_count_can_be_is_unknown(count: Value) -> None:
    assert only(span(1, {**CHAT, "gen_ai.usage.input_tokens": count})).usage == NO_USAGE
