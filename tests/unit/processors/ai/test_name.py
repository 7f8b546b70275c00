from __future__ import annotations

import pytest

from processors.ai.failure import finish_of
from processors.ai.model_name import family_of, provider_of, provider_of_host, provider_of_model
from tests.support.llm_span import CHAT, event, only, span
from tracedata import Value
from tracedata.interaction import ErrorClass, FinishReason


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("OpenAI", "openai"),
        ("openai.chat", "openai"),
        ("azure.ai.openai", "azure.openai"),
        ("az.ai.inference", "azure.inference"),
        ("AWS", "aws.bedrock"),
        ("aws.bedrock", "aws.bedrock"),
        ("amazon-bedrock.converse", "aws.bedrock"),
        ("google.generative-ai", "gcp.gemini"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("gcp.gen_ai", "gcp"),
        ("x_ai", "xai"),
        ("mistralai", "mistral"),
        ("anthropic.messages", "anthropic"),
        ("langchain", ""),
        ("microsoft.agent_framework", ""),
        ("gcp.vertex.agent", ""),
        ("somebody", "somebody"),
    ],
)
def test_providers(said: str, expected: str) -> None:
    assert provider_of(said) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "nova-pro"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4.1-mini", "gpt-4.1-mini"),
    ],
)
def test_families(model: str, expected: str) -> None:
    assert family_of(model) == expected


def test_a_provider_is_known_by_the_model_or_by_the_address() -> None:
    assert provider_of_model("anthropic/claude-sonnet-4-5") == "anthropic"
    assert provider_of_model("us.anthropic.claude-sonnet-4-5-20250929-v1:0") == "aws.bedrock"
    assert provider_of_model("models/gemini-2.5-pro") == ""
    assert provider_of_host("https://x.openai.azure.com/") == "azure.openai"
    assert (
        only(span(1, {**CHAT, "gen_ai.provider.name": "langchain", "server.address": "api.openai.com"})).provider
        == "openai"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("FinishReason.STOP", "stop"),
        ("tool-calls", "tool_call"),
        ("tool_use", "tool_call"),
        ("function_call", "tool_call"),
        ("MAX_TOKENS", "length"),
        ("max_output_tokens", "length"),
        ("content-filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
        ("error", "error"),
        ("novel", "other"),
        ("", ""),
    ],
)
def test_ends_of_answers(said: str, expected: FinishReason) -> None:
    assert finish_of(said) == expected


@pytest.mark.parametrize(
    ("attributes", "message", "expected"),
    [
        pytest.param(
            {"error.type": "openai.RateLimitError"}, "Error code: 429 - Rate limit reached", "rate_limit", id="429"
        ),
        pytest.param(
            {"error.type": "invalid_request_error", "http.response.status_code": 404},
            "",
            "not_found",
            id="the status first",
        ),
        pytest.param({"error.type": "AuthenticationError"}, "Error code: 401", "auth", id="401"),
        pytest.param({"error.type": "PermissionDeniedError"}, "", "auth", id="by its type"),
        pytest.param({"error.code": "503"}, "", "server", id="as text"),
        pytest.param({}, "status_code: 400, body: content_filter", "content_filter", id="a filter"),
        pytest.param({}, "status_code: 400, body: too long", "invalid_request", id="400"),
        pytest.param({}, "APITimeoutError: Request timed out.", "timeout", id="timeout"),
        pytest.param({}, "CancelledError", "cancelled", id="cancelled"),
        pytest.param({"error.type": "529"}, "", "server", id="a number as type"),
        pytest.param({}, "APIConnectionError: Connection error.", "server", id="connection"),
        pytest.param({}, "prompt of 40400 tokens is broken", "other", id="a number that is no status"),
    ],
)
def test_classes_of_errors(attributes: dict[str, Value], message: str, expected: ErrorClass) -> None:
    made = only(span(1, {**CHAT, **attributes}, error=message))
    assert made.error_class == expected
    assert made.status == ("timeout" if expected == "timeout" else "error")


def test_what_went_wrong_may_stand_in_an_exception_with_its_whole_traceback() -> None:
    told = event(
        "exception",
        {"exception.type": "X", "exception.message": "Error code: 404 - no\nTraceback (most recent call last)\n..."},
    )
    made = only(span(1, CHAT, events=[told], error=" "))
    assert (made.error_type, made.error_message) == ("X", "")
    made = only(span(1, {**CHAT, "gen_ai.task.status": "failure"}, events=[told]))
    assert (made.error_class, made.error_message) == ("not_found", "Error code: 404 - no")


def test_a_call_that_went_well_has_no_error() -> None:
    made = only(span(1, CHAT))
    assert (made.status, made.error_class, made.error_message) == ("success", "", "")
