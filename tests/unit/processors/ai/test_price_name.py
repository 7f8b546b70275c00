from __future__ import annotations

import pytest

from processors.ai.price import Prices
from processors.ai.price_name import model_spellings
from tests.support.model_call import model_call
from tracedata.interaction import Usage

_USAGE = Usage(input=10, output=10)


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


_PROVIDERS = {
    "gpt-4o-mini": {
        "openai": "openai OpenAI openai.chat openai.responses",
        "azure": "azure.ai.openai az.ai.openai azure azure_openai azure.openai azure-openai azure-openai.chat Azure "
        "azure.ai.inference az.ai.inference azure.inference",
    },
    "claude-sonnet-4-5": {
        "anthropic": "anthropic Anthropic anthropic.messages",
        "google": "gcp.vertex_ai vertex_ai google.vertex google.vertex.anthropic.messages google-vertex vertexai VertexAI",
    },
    "anthropic.claude-sonnet-4-5-20250929-v1:0": {
        "aws": "aws.bedrock bedrock AWS amazon-bedrock amazon-bedrock.converse aws_bedrock bedrock_converse",
    },
    "gemini-2.5-flash": {
        "google": "gcp.gemini gemini google Google google.generative-ai gcp.gen_ai gcp google_genai google-genai"
    },
    "grok-4": {"x-ai": "x_ai xai x-ai xai.chat"},
    "mistral-large-latest": {"mistral": "mistral_ai mistralai mistral MistralAI mistral.chat"},
    "kimi-k2-0905-preview": {"moonshotai": "moonshot_ai moonshot moonshotai"},
    "llama-3.3-70b-versatile": {"groq": "groq Groq groq.chat"},
    "deepseek-chat": {"deepseek": "deepseek deepseek.chat"},
    "command-r-plus": {"cohere": "cohere Cohere cohere.chat"},
    "sonar": {"perplexity": "perplexity"},
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": {"together": "together together_ai togetherai"},
    "accounts/fireworks/models/deepseek-v3p2": {"fireworks": "fireworks fireworks_ai fireworks.chat"},
}


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        (spelling, model, provider)
        for model, providers in _PROVIDERS.items()
        for provider, spellings in providers.items()
        for spelling in spellings.split()
    ],
)
def test_every_spelling_of_a_provider_has_its_prices(prices: Prices, provider: str, model: str, expected: str) -> None:
    cost = prices.cost(model_call(_USAGE, provider=provider, model_requested=model))
    assert cost.price.partition("/")[0] == expected


@pytest.mark.parametrize(
    "provider", ["ibm.watsonx.ai", "watsonx", "Watsonx", "ollama", "Ollama", "vllm", "acme", "my-gateway"]
)
def test_who_has_no_prices_does_not_get_those_of_others(prices: Prices, provider: str) -> None:
    for model in ("gpt-4o-mini", "openai/gpt-4o-mini", "llama3.1:8b"):
        assert prices.cost(model_call(_USAGE, provider=provider, model_requested=model)).amount is None


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"),
        ("openai", "GPT-4o-Mini", "openai/gpt-4o-mini"),
        ("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("litellm", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gateway", "openai/gpt-5.4", "openai/gpt-5.4"),
        ("litellm", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/"),
        ("langchain", "gpt-4o-mini", "openai/gpt-4o-mini"),
        ("", "gpt-4o-mini", "openai/gpt-4o-mini"),
        ("", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5[1m]", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/"),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/"),
        ("aws.bedrock", "apac.amazon.nova-lite-v1:0", "aws/"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "aws/"),
        ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        (
            "gcp.vertex_ai",
            "projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
            "google/gemini-2.5-flash",
        ),
        ("azure.ai.openai", "gpt-4o-mini-2024-07-18", "azure/"),
        ("openrouter", "openai/gpt-4o-mini", "openrouter/openai/gpt-4o-mini"),
        ("groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
    ],
)
def test_spellings_of_models(prices: Prices, provider: str, model: str, expected: str) -> None:
    assert prices.cost(model_call(_USAGE, provider=provider, model_requested=model)).price.startswith(expected)


def test_the_model_that_answered_comes_before_the_one_that_was_asked_for(prices: Prices) -> None:
    both = model_call(_USAGE, model_requested="gpt-4o", model_served="gpt-4o-mini-2024-07-18")
    renamed = model_call(_USAGE, model_requested="gpt-4o", model_served="production")
    assert [prices.cost(call).price for call in (both, renamed)] == ["openai/gpt-4o-mini", "openai/gpt-4o"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("api.groq.com", "groq/llama-3.3-70b-versatile"),
        ("https://api.groq.com/openai/v1", "groq/llama-3.3-70b-versatile"),
        ("localhost:8000", ""),
        ("", ""),
    ],
    ids=["host", "address", "somebody else's", "unknown"],
)
def test_the_address_says_whose_model_an_sdk_calls(prices: Prices, endpoint: str, expected: str) -> None:
    call = model_call(_USAGE, provider="openai", model_requested="llama-3.3-70b-versatile", endpoint=endpoint)
    assert prices.cost(call).price == expected


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-3-5-haiku-20241022", "claude-3-5-haiku"),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", "anthropic.claude-3-5-haiku"),
        ("models/gemini-2.0-flash", "gemini-2.0-flash"),
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("usage-model", "usage-model"),
        ("submodels/x", "x"),
    ],
)
def test_what_is_left_of_a_name(name: str, last: str) -> None:
    assert model_spellings(name)[-1] == last
    assert model_spellings(name)[0] == name


@pytest.mark.parametrize("name", ["", "  ", "m" * 257, "/"], ids=["empty", "blank", "too long", "a slash"])
def test_what_is_no_name_has_no_price(prices: Prices, name: str) -> None:
    assert prices.cost(model_call(_USAGE, model_requested=name)).amount is None
