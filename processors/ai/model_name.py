"""Names of providers and models in one spelling each."""

from __future__ import annotations

import re

from tracedata.memory import remembered

_PROVIDERS = {
    "azure.ai.openai": "azure.openai",
    "az.ai.openai": "azure.openai",
    "azure": "azure.openai",
    "azure_openai": "azure.openai",
    "azure-openai": "azure.openai",
    "azureopenai": "azure.openai",
    "azure.ai.inference": "azure.inference",
    "az.ai.inference": "azure.inference",
    "azure_ai": "azure.inference",
    "bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "anthropic_bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_generative_ai": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "gcp.gen_ai": "gcp",
    "x_ai": "xai",
    "x-ai": "xai",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "moonshot_ai": "moonshotai",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "ibm.watsonx.ai": "watsonx",
    "ibm": "watsonx",
    "watson": "watsonx",
    "openai_responses": "openai",
    "openai-responses": "openai",
    "openai-chat": "openai",
}
_PREFIXES = (
    ("amazon-bedrock", "aws.bedrock"),
    ("google.vertex", "gcp.vertex_ai"),
    ("google-vertex", "gcp.vertex_ai"),
    ("azure-openai", "azure.openai"),
    ("azure.openai", "azure.openai"),
)
# Who calls a model is not who serves it.
_FRAMEWORKS = frozenset(
    "langchain langgraph crewai llamaindex llama_index llama-index haystack litellm pydantic-ai pydantic_ai strands strands-agents autogen "
    "semantic_kernel semantic-kernel microsoft.agent_framework microsoft.agents agent_framework openai_agents openai-agents smolagents "
    "dspy agno mastra vercel ai-sdk vercel_ai_sdk google_adk gcp.vertex.agent gateway unknown other mlflow langfuse rag".split()
)
_HOSTS = (
    ("openai.azure.com", "azure.openai"),
    ("services.ai.azure.com", "azure.inference"),
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("bedrock", "aws.bedrock"),
    ("api.mistral.ai", "mistral"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.cohere", "cohere"),
    ("api.x.ai", "xai"),
    ("api.together", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.perplexity.ai", "perplexity"),
    ("openrouter.ai", "openrouter"),
    ("api.moonshot", "moonshotai"),
)
_REGION = re.compile(r"^(?:us|us-gov|eu|apac|ap|jp|au|ca|sa|global)\.(?=[a-z0-9-]+\.)")
_VENDOR = re.compile(r"^(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|stability|writer)\.(?=.)")
_REVISION = re.compile(r"-v\d+(?::\d+)?$|:\d+$")
_DATE = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})$")
_CONTEXT = re.compile(r"\[[^\]]*\]$")
_MAX_CHARS = 256


@remembered(2_048)
def provider_of(said: str) -> str:
    """Who serves the model, in one spelling; the empty string for a framework."""
    name = said[:_MAX_CHARS].strip().lower()
    if name in _FRAMEWORKS:
        return ""
    if name in _PROVIDERS:
        return _PROVIDERS[name]
    for start, canonical in _PREFIXES:
        if name.startswith(start):
            return canonical
    head, dot, _ = name.partition(".")
    if dot and name not in _PROVIDERS.values():
        # The Vercel AI SDK writes which of a provider's interfaces it calls, as in openai.chat.
        return _PROVIDERS.get(head, head) if head not in {"aws", "azure", "gcp", "ibm"} else name
    return name


@remembered(2_048)
def provider_of_host(endpoint: str) -> str:
    """Who serves a model at an address, where that is known."""
    host = endpoint[:_MAX_CHARS].lower()
    return next((provider for part, provider in _HOSTS if part in host), "")


@remembered(2_048)
def provider_of_model(model: str) -> str:
    """Who serves a model whose name begins with that, as gateways write it; a region stands before names of Bedrock only."""
    if _REGION.match(model[:_MAX_CHARS].lower()):
        return "aws.bedrock"
    head, slash, _ = model[:_MAX_CHARS].lower().partition("/")
    if not slash or head in {"models", "projects", "publishers", "accounts"}:
        return ""
    return provider_of(head)


@remembered(4_096)
def family_of(model: str) -> str:
    """A model's name without what differs between providers, regions and dates, to group by; never to be shown as the model."""
    name = model[:_MAX_CHARS].strip().lower()
    name = _CONTEXT.sub("", name)
    if name.startswith("arn:") or "/models/" in name:
        name = name.rpartition("/")[2]
    name = name.removeprefix("models/")
    before, slash, after = name.partition("/")
    name = after if slash and before and after else name
    name = _VENDOR.sub("", _REGION.sub("", name))
    return _DATE.sub("", _REVISION.sub("", name))
