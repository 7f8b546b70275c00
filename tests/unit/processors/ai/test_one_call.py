"""The traps of the field in which a call is told of several times, by the number that the catalogue of conventions gives them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.llm_span import CHAT, GATEWAY, USED, chat, mapped, messages, only, span
from tracedata import Span, Value
from tracedata.interaction import MODEL_OPERATIONS, NO_USAGE

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

    def test_a_client_and_a_gateway_with_one_library_tell_of_one_call_in_traces_of_their_own(self) -> None:
        client = span(1, {**CHAT, **USED, "gen_ai.response.id": "chatcmpl-1", "user.id": "u-1"}, took_ms=200)
        gateway = replace(chat(2, {"gen_ai.response.id": "chatcmpl-1"}, trace=2), resource=GATEWAY)
        made = only(client, gateway)
        assert made.usage.total == 150
        assert made.user_id == "u-1"
        assert len(made.sources) == 2

    def test_what_two_services_got_from_a_cache_one_after_the_other_are_two_calls(self) -> None:
        first = chat(1, {"gen_ai.response.id": "chatcmpl-1"})
        later = span(2, {**CHAT, **USED, "gen_ai.response.id": "chatcmpl-1"}, trace=2, at_ms=5_000)
        assert len(mapped(first, replace(later, resource=GATEWAY))) == 2

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

    def test_a_wrapper_that_saw_no_id_is_the_call_of_the_request_that_it_made(self) -> None:
        wrapper = span(1, {**CHAT, "gen_ai.input.messages": messages("user", "hi")}, took_ms=30)
        wire = span(2, {**CHAT, **USED, "gen_ai.response.id": "msg_1"}, trace=2, at_ms=1, took_ms=20, scope=NATIVE)
        made = only(wrapper, wire)
        assert (made.prompt, made.response_id, made.usage.total) == ("hi", "msg_1", 150)

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


def test_t14_an_id_that_one_library_gives_to_two_calls_joins_nothing() -> None:
    constant = {"gen_ai.response.id": "resp_fake"}
    made = mapped(chat(1, constant), chat(2, constant, trace=2), chat(3, constant, trace=3, scope=NATIVE))
    assert len(made) == 3


def test_duplicates_count_once_and_the_fuller_one_counts() -> None:
    started: Span = span(1, CHAT)
    made = only(started, chat(1), started, chat(1))
    assert made.usage.total == 150
