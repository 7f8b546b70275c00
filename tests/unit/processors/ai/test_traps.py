"""The traps of the field, by the number that the catalogue of conventions gives them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from processors.ai.mapper import Mapper
from tests.support.llm_span import CHAT, USED, chat, event, mapped, messages, only, record, span
from tracedata import Span, Value
from tracedata.interaction import MODEL_OPERATIONS, NO_USAGE, OperationName

NATIVE = "com.anthropic.sdk.python"
FAILED = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "bad"}


class TestT1SeveralSpansForOneRequest:
    def test_nested_wrappers_are_one_call_whose_primary_span_is_the_deepest_with_messages_and_tokens(self) -> None:
        said: dict[str, Value] = {
            "gen_ai.input.messages": messages("user", "hi"),
            "gen_ai.output.messages": messages("assistant", "yo"),
        }
        made = only(
            span(1, {**CHAT, **said}),
            chat(2, said, parent=1),
            chat(3, {"gen_ai.response.id": "chatcmpl-1"}, parent=2),
        )
        assert made.span_id == (2).to_bytes(8, "big")
        assert made.response_id == "chatcmpl-1"
        assert made.usage.total == 150
        assert len(made.sources) == 3

    def test_spans_of_different_traces_with_one_response_id_are_one_call(self) -> None:
        made = only(
            chat(1, {"gen_ai.response.id": "msg_1", "gen_ai.input.messages": messages("user", "hi")}, scope="a"),
            chat(2, {"gen_ai.response.id": "msg_1"}, trace=2, scope=NATIVE),
        )
        assert made.trace_id == (1).to_bytes(16, "big")
        assert made.usage.total == 150

    @pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent", "retrieval", "run_guardrail"])
    def test_a_call_inside_a_tool_or_the_like_is_a_call_of_its_own(self, operation: str) -> None:
        made = mapped(chat(1), span(2, {"gen_ai.operation.name": operation}, parent=1), chat(3, parent=2))
        assert [one.operation in MODEL_OPERATIONS for one in made].count(True) == 2

    def test_requests_below_a_span_that_tells_of_them_all_are_the_calls(self) -> None:
        made = mapped(
            chat(1),
            chat(2, {"gen_ai.response.id": "chatcmpl-1"}, parent=1, scope="sdk"),
            chat(3, {"gen_ai.response.id": "chatcmpl-2"}, parent=1, scope="sdk"),
        )
        assert [one.operation for one in made] == ["workflow", "chat", "chat"]
        assert made[0].usage == NO_USAGE
        assert made[0].reported_aggregate is not None
        assert made[0].reported_aggregate.total == 150

    def test_a_retried_request_is_told_of_by_the_span_around_it_and_the_one_before_stays_a_call(self) -> None:
        made = mapped(
            chat(1, {"gen_ai.response.id": "msg_2"}),
            span(2, FAILED, parent=1, scope=NATIVE, error="Error code: 529"),
            chat(3, {"gen_ai.response.id": "msg_2"}, parent=1, scope=NATIVE),
        )
        assert sorted((one.status, len(one.sources)) for one in made) == [("error", 1), ("success", 2)]

    def test_what_one_library_gives_two_ids_are_two_requests_however_they_are_nested(self) -> None:
        outer, inner = {"gen_ai.response.id": "chatcmpl-1"}, {"gen_ai.response.id": "chatcmpl-2"}
        assert len(mapped(chat(1, outer), span(2, {}, parent=1), chat(3, inner, parent=2))) == 2

    def test_a_failed_request_on_the_wire_belongs_to_the_call_within_whose_time_it_lies(self) -> None:
        call = span(1, FAILED, at_ms=0, took_ms=20, error="Error code: 404", scope="wrapper")
        wire = span(2, FAILED, trace=2, at_ms=1, took_ms=10, error="Error code: 404", scope=NATIVE)
        later = span(3, FAILED, trace=3, at_ms=50, took_ms=10, error="Error code: 404", scope=NATIVE)
        assert [len(one.sources) for one in mapped(call, wire, later)] == [2, 1]

    def test_what_repeats_a_call_that_is_not_at_hand_is_no_call(self) -> None:
        echo = span(2, {"llm.openai.id": "chatcmpl-1"}, parent=1, scope="litellm", name="raw_gen_ai_request")
        assert mapped(echo) == []
        assert (
            mapped(span(1, {**CHAT, **USED}, scope="litellm", name="litellm_request"), echo)[0].response_id
            == "chatcmpl-1"
        )

    def test_an_embedding_inside_a_chat_is_a_call_of_its_own(self) -> None:
        embedding = {**CHAT, "gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 9}
        assert [one.operation for one in mapped(chat(1), span(2, embedding, parent=1))] == ["chat", "embedding"]


class TestT2ParentsRepeatTheTokensOfTheirCalls:
    @pytest.mark.parametrize(
        ("scope", "attributes"),
        [
            pytest.param("pydantic-ai", {"gen_ai.aggregated_usage.input_tokens": 120}, id="aggregated"),
            pytest.param("pydantic-ai", {"gen_ai.usage.input_tokens": 120}, id="pydantic-ai, old"),
            pytest.param("gen_ai", {"gen_ai.usage.input_tokens": 120}, id="vercel"),
            pytest.param("agent_framework", {"gen_ai.usage.input_tokens": 120}, id="agent framework"),
            pytest.param("strands.telemetry.tracer", {"gen_ai.usage.input_tokens": 120}, id="strands"),
        ],
    )
    def test_an_agents_tokens_are_kept_aside(self, scope: str, attributes: dict[str, Value]) -> None:
        agent, call = mapped(
            span(1, {"gen_ai.operation.name": "invoke_agent", **attributes}, scope=scope), chat(2, parent=1)
        )
        assert agent.usage == NO_USAGE
        assert agent.reported_aggregate is not None
        assert agent.reported_aggregate.input == 120
        assert call.usage.total == 150

    def test_of_agents_without_calls_below_the_innermost_sum_counts(self) -> None:
        agent = {"gen_ai.operation.name": "invoke_agent", **USED}
        outer, inner = mapped(span(1, agent), span(2, agent, parent=1))
        assert outer.usage == NO_USAGE
        assert inner.usage.total == 150


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


def test_t14_an_id_that_one_library_gives_to_two_calls_joins_nothing() -> None:
    constant = {"gen_ai.response.id": "resp_fake"}
    made = mapped(chat(1, constant), chat(2, constant, trace=2), chat(3, constant, trace=3, scope=NATIVE))
    assert len(made) == 3


def test_numbers_and_truths_come_as_text() -> None:
    made = only(span(1, {**CHAT, "gen_ai.usage.input_tokens": "120", "llm.is_streaming": "False"}))
    assert made.usage.input == 120
    assert made.is_streaming is False


@pytest.mark.parametrize("count", [-1, 2**31, 1.5, True, "many", float("nan"), float("inf"), "1e999"])
def test_a_number_that_no_count_can_be_is_unknown(count: Value) -> None:
    assert only(span(1, {**CHAT, "gen_ai.usage.input_tokens": count})).usage == NO_USAGE


def test_duplicates_count_once_and_the_fuller_one_counts() -> None:
    started: Span = span(1, CHAT)
    made = only(started, chat(1), started, chat(1))
    assert made.usage.total == 150
