"""Spellings of providers and models, as far as prices depend on them.

Sources: the provider names of OpenTelemetry's GenAI conventions, old and new, of OpenInference, OpenLLMetry, LangSmith, LiteLLM
and the Vercel AI SDK; the ids of genai-prices.
"""

from __future__ import annotations

import re

# By spelling, in lower case: the id in the price data.
_SPELLINGS = {
    "openai": "openai",
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
    "azure.openai": "azure",
    "azure": "azure",
    "azure.ai.inference": "azure",
    "az.ai.inference": "azure",
    "azure.inference": "azure",
    "anthropic": "anthropic",
    "aws": "aws",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "gcp": "google",
    "gcp.gen_ai": "google",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "vertexai": "google",
    "vertex_ai": "google",
    "x_ai": "x-ai",
    "x-ai": "x-ai",
    "xai": "x-ai",
    "mistral": "mistral",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "moonshotai": "moonshotai",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
}
_BEGINNINGS = {
    "azure-openai": "azure",
    "azure_openai": "azure",
    "azure-": "azure",
    "azure_": "azure",
    "amazon-bedrock": "aws",
    "amazon_bedrock": "aws",
    "google.": "google",
    "google-": "google",
    "vertex_ai": "google",
}
# Frameworks and gateways call models of others, and often say in the name of the model whose it is.
_INTERMEDIARIES = frozenset(
    "ai_gateway autogen crewai gateway haystack helicone langchain langgraph litellm litellm_proxy llama_index llamaindex "
    "portkey pydantic_ai semantic_kernel smolagents strands strands-agents vercel vercel.ai-gateway".split()
)

_MAX_CHARS = 256
_BRACKETS = re.compile(r"\[[^\]]*\]$")
_REGION = re.compile(r"^(?:us|us-gov|eu|apac|jp|au|ca|global)\.")
_REVISION = re.compile(r"-v\d+:\d+$")
_DATE = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})$")


def is_intermediary(provider: str) -> bool:
    """Whether nobody, or only who stands between, is named."""
    return not provider or provider.strip().lower() in _INTERMEDIARIES


def provider_spellings(provider: str) -> tuple[str, ...]:
    """The ids by which the price data may know ``provider``, the likeliest first: ``openai.chat`` is that of ``openai``."""
    name = provider[:_MAX_CHARS].strip().lower()
    known = _SPELLINGS.get(name) or next((id_ for start, id_ in _BEGINNINGS.items() if name.startswith(start)), None)
    if known:
        return (known,)
    head = name.partition(".")[0]
    return tuple(dict.fromkeys((name, _SPELLINGS.get(head, head)))) if name else ()


def prefix_of(model: str) -> str:
    """What stands before the first slash of a model's name: the provider, when a gateway wrote it."""
    return model.partition("/")[0].strip().lower() if "/" in model else ""


def model_spellings(model: str) -> tuple[str, ...]:
    """``model`` in lower case, then with one after the other left out of it: path, prefix, suffix, region, revision, date.

    A name that is longer than any real one has no spellings.
    """
    name = model.strip().lower()
    if not name or len(name) > _MAX_CHARS:
        return ()
    spellings = [name]
    for shorten in (
        _without_path,
        _without_prefix,
        _without_brackets,
        _without_region,
        _without_revision,
        _without_date,
    ):
        spellings.append(shorten(spellings[-1]))
    return tuple(dict.fromkeys(filter(None, spellings)))


def _without_path(name: str) -> str:
    """Of ``models/gemini-2.5-pro``, ``projects/.../models/NAME`` and ``arn:aws:bedrock:...:foundation-model/NAME``, the name."""
    if name.startswith("arn:"):
        return name.rpartition("/")[2]
    before, found, after = name.rpartition("models/")
    return after if found and (not before or before.endswith("/")) else name


def _without_prefix(name: str) -> str:
    return name.partition("/")[2] or name


def _without_brackets(name: str) -> str:
    """Claude Code writes the size of the context behind the name, as in ``claude-sonnet-4-5[1m]``."""
    return _BRACKETS.sub("", name)


def _without_region(name: str) -> str:
    return _REGION.sub("", name)


def _without_revision(name: str) -> str:
    return _REVISION.sub("", name)


def _without_date(name: str) -> str:
    return _DATE.sub("", name)
