"""What libraries write on spans that are not theirs, and sessions that they make up."""

from __future__ import annotations

import pytest

from tests.support.llm_span import CHAT, USED, mapped, only, span
from tracedata import Value


def _raw(number: int) -> dict[str, Value]:
    return {
        "llm.openai.id": f"chatcmpl-{number}",
        "llm.openai.model": "gpt-4o-mini-2024-07-18",
        "llm.openai.messages": "[{'role': 'user', 'content': 'hello'}]",
        "llm.openai.choices": "[{'finish_reason': 'stop', 'message': {'role': 'assistant', 'content': 'hi', 'name': None}}]",
        "llm.openai.usage": f"{{'prompt_tokens': {number}, 'completion_tokens': 5, 'total_tokens': {number + 5}}}",
    }


def test_calls_that_were_written_on_one_span_of_the_application_are_told_apart() -> None:
    overwritten = {**CHAT, **USED, "litellm.call_id": "call-2", "gen_ai.response.id": "chatcmpl-2"}
    made = mapped(
        span(1, overwritten, scope="app", name="request"),
        span(2, _raw(1), parent=1, scope="litellm", name="raw_gen_ai_request"),
        span(3, _raw(2), parent=1, scope="litellm", name="raw_gen_ai_request"),
    )

    assert sorted((one.response_id, one.usage.input, one.name) for one in made) == [
        ("chatcmpl-1", 1, "raw_gen_ai_request"),
        ("chatcmpl-2", 2, "raw_gen_ai_request"),
    ]
    assert {(one.provider, one.model_served, one.prompt, one.response, one.finish_reason) for one in made} == {
        ("openai", "gpt-4o-mini-2024-07-18", "hello", "hi", "stop")
    }


@pytest.mark.parametrize(
    ("above", "scope", "expected"),
    [
        pytest.param({"session.id": "mine"}, "pydantic-ai", "mine", id="the application's session counts"),
        pytest.param({}, "pydantic-ai", "made-up", id="without one, that of the run does"),
        pytest.param({"session.id": "mine"}, "wrapper", "made-up", id="a conversation that was named stays"),
    ],
)
def test_a_session_that_a_library_makes_up_gives_way(above: dict[str, Value], scope: str, expected: str) -> None:
    call = span(2, {**CHAT, "gen_ai.conversation.id": "made-up"}, parent=1, scope=scope)
    assert only(span(1, above, scope="app"), call).session_id == expected
