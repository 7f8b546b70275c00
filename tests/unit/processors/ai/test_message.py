from __future__ import annotations

import json

import pytest

from processors.ai.message import entries, message_of
from tracedata.interaction import Message

_CALL = ("tool_call", "call_1", "get_weather", '{"city":"Paris"}')
_TEXT = ("text", "", "", "hi")


def _shown(value: object, role: str = "user") -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    made = [message_of(entry) for entry in entries(value, role)]
    return [(one.role, [(part.type, part.id, part.name, part.text) for part in one.parts]) for one in made]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("hi", [("user", [_TEXT])], id="text"),
        pytest.param([{"role": "user", "content": "hi"}], [("user", [_TEXT])], id="OpenAI"),
        pytest.param({"messages": [["user", "hi"]]}, [("user", [_TEXT])], id="a pair"),
        pytest.param(
            [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], [("user", [_TEXT])], id="OpenAI, parts"
        ),
        pytest.param(
            [{"role": "user", "content": '[{"type":"text","text":"hi"}]'}], [("user", [_TEXT])], id="parts as text"
        ),
        pytest.param(
            [{"role": "user", "content": '["a"]'}],
            [("user", [("text", "", "", '["a"]')])],
            id="JSON that somebody said",
        ),
        pytest.param({"input": "hi", "model": "m"}, [("user", [_TEXT])], id="Responses"),
        pytest.param(
            {
                "instructions": "be",
                "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
            },
            [("system", [("text", "", "", "be")]), ("user", [_TEXT])],
            id="Responses, items",
        ),
        pytest.param({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, [("user", [_TEXT])], id="Gemini"),
        pytest.param([{"role": "user", "content": [{"text": "hi"}]}], [("user", [_TEXT])], id="Bedrock"),
        pytest.param(
            {
                "messages": [
                    [{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "hi"}}]
                ]
            },
            [("user", [_TEXT])],
            id="LangChain",
        ),
        pytest.param(
            {"system": "be", "prompt": "hi"}, [("system", [("text", "", "", "be")]), ("user", [_TEXT])], id="Vercel"
        ),
        pytest.param({"city": "Paris"}, [("user", [("text", "", "", '{"city":"Paris"}')])], id="anything"),
        pytest.param(["a", "b"], [("user", [("text", "", "", "a")]), ("user", [("text", "", "", "b")])], id="texts"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_what_went_in(value: object, expected: object) -> None:
    assert _shown(value) == expected
    assert _shown(json.dumps(value)) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "tool_calls": [
                                {
                                    "id": "call_1",
                                    "type": "function",
                                    "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                                }
                            ],
                        }
                    }
                ]
            },
            id="OpenAI",
        ),
        pytest.param(
            {
                "output": [
                    {
                        "type": "function_call",
                        "call_id": "call_1",
                        "name": "get_weather",
                        "arguments": '{"city":"Paris"}',
                    }
                ]
            },
            id="Responses",
        ),
        pytest.param(
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Paris"}}],
            },
            id="Anthropic",
        ),
        pytest.param(
            {
                "output": {
                    "message": {
                        "role": "assistant",
                        "content": [
                            {"toolUse": {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Paris"}}}
                        ],
                    }
                }
            },
            id="Bedrock",
        ),
        pytest.param(
            {
                "candidates": [
                    {
                        "content": {
                            "role": "model",
                            "parts": [
                                {"functionCall": {"id": "call_1", "name": "get_weather", "args": {"city": "Paris"}}}
                            ],
                        }
                    }
                ]
            },
            id="Gemini",
        ),
        pytest.param(
            {
                "generations": [
                    [
                        {
                            "text": "",
                            "message": {
                                "kwargs": {
                                    "content": "",
                                    "type": "ai",
                                    "tool_calls": [{"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}],
                                }
                            },
                        }
                    ]
                ]
            },
            id="LangChain",
        ),
        pytest.param(
            [
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool-call",
                            "toolCallId": "call_1",
                            "toolName": "get_weather",
                            "input": {"city": "Paris"},
                        }
                    ],
                }
            ],
            id="Vercel",
        ),
        pytest.param(
            [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}
                    ],
                }
            ],
            id="OpenTelemetry",
        ),
        pytest.param(
            {
                "replies": [
                    {
                        "role": "assistant",
                        "content": [
                            {"tool_call": {"id": "call_1", "tool_name": "get_weather", "arguments": {"city": "Paris"}}}
                        ],
                    }
                ]
            },
            id="Haystack",
        ),
    ],
)
def test_a_call_of_a_tool_that_came_out(value: object) -> None:
    assert _shown(value, "assistant") == [("assistant", [_CALL])]
    assert _shown(repr(value), "assistant") == [("assistant", [_CALL])]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"role": "tool", "tool_call_id": "call_1", "content": "rainy"}, id="OpenAI"),
        pytest.param({"type": "function_call_output", "call_id": "call_1", "output": "rainy"}, id="Responses"),
        pytest.param(
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "rainy"}]}
                ],
            },
            id="Anthropic",
        ),
        pytest.param(
            {"role": "user", "content": [{"toolResult": {"toolUseId": "call_1", "content": [{"text": "rainy"}]}}]},
            id="Bedrock",
        ),
        pytest.param(
            {
                "role": "tool",
                "content": [
                    {"type": "tool-result", "toolCallId": "call_1", "output": {"type": "text", "value": "rainy"}}
                ],
            },
            id="Vercel",
        ),
        pytest.param(
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rainy"}]},
            id="OpenTelemetry",
        ),
        pytest.param({"content": "rainy", "type": "tool", "tool_call_id": "call_1", "id": "x"}, id="LangChain"),
    ],
)
def test_an_answer_of_a_tool(message: object) -> None:
    assert _shown([message]) == [("tool", [("tool_call_response", "call_1", "", "rainy")])]


def test_reasoning_is_no_answer() -> None:
    value = [{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}]}]
    assert _shown(value) == [("assistant", [("reasoning", "", "", "hm"), _TEXT])]


def test_a_call_that_is_told_twice_is_one() -> None:
    call = {"id": "call_1", "name": "get_weather", "arguments": "{}"}
    message = {"role": "assistant", "tool_calls": [{"tool_call": call}], "contents": [{"tool_call": call}]}
    assert [len(one.parts) for one in map(message_of, entries([message], "user"))] == [1]


def test_the_end_of_an_answer_stands_beside_the_message() -> None:
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "hi"}}
    made = message_of(entries([choice], "assistant")[0])
    assert (made.finish_reason, made.role) == ("length", "assistant")


def test_nesting_without_end_is_text() -> None:
    value: object = "x"
    for _ in range(50):
        value = {"messages": [value]}
    assert all(isinstance(message_of(entry), Message) for entry in entries(value, "user"))
