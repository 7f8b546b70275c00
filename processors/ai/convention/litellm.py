"""LiteLLM's OpenTelemetry callback, the classic one: a span for its call, and one below it that repeats the provider's."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Source, UsageKeys

_USAGE = "metadata.usage_object#"
# What OpenAI answered, as Python prints it. Inside a span of the application LiteLLM makes none for its call, but writes on that
# one, where each call overwrites the one before; then this is all that is left of them.
_RAW = "llm.openai."
_RAW_USAGE = f"{_RAW}usage#"
_PROVIDERS = ("openai", "anthropic", "azure", "bedrock", "vertex_ai", "gemini", "mistral", "groq", "cohere")

CONVENTION = Convention(
    name="litellm",
    title="LiteLLM, classic callback",
    scopes=("litellm",),
    markers=("hidden_params", "litellm.call_id", "litellm.provider.model"),
    relevant_prefixes=("hidden_params", "litellm."),
    operations=(
        Choice(
            "gen_ai.operation.name",
            {
                "chat": "chat",
                "completion": "chat",
                "acompletion": "chat",
                "embedding": "embedding",
                "embeddings": "embedding",
                "rerank": "rerank",
                "litellm.moderation": "guardrail",
                "litellm.*": "other",
            },
        ),
        Choice(
            "llm.request.type",
            {"*completion": "chat", "*embedding": "embedding", "*rerank": "rerank", "*responses": "chat"},
        ),
    ),
    names={"litellm_request": "chat", "raw_gen_ai_request": "chat"},
    echoes=("raw_gen_ai_request",),
    provider=("gen_ai.system", "error.llm_provider"),
    provider_signs={f"llm.{provider}.id": provider for provider in _PROVIDERS},
    model_requested=("gen_ai.request.model", "litellm.provider.model"),
    model_served=tuple(f"llm.{provider}.model" for provider in _PROVIDERS),
    # Of what the provider said, the id is better than one that LiteLLM makes up.
    response_id=(*(f"llm.{provider}.id" for provider in _PROVIDERS), "gen_ai.response.id"),
    fabricated_id=("litellm.call_id",),
    request_id=("litellm.call_id",),
    user_id=("litellm.end_user.id", "llm.user", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id"),
    session_id=(
        "litellm.session.id",
        "metadata.requester_metadata#session_id",
        "metadata.session_id",
        "metadata.trace_id",
    ),
    organization_id=("metadata.user_api_key_org_id", "metadata.user_api_key_team_id"),
    endpoint=("hidden_params#api_base",),
    finish_reason=(f"{_RAW}choices#0.finish_reason",),
    error_code=("error.code",),
    tags=("metadata.tags",),
    streaming=("litellm.request.streaming",),
    usage=UsageKeys(
        input=(f"{_USAGE}prompt_tokens", f"{_RAW_USAGE}prompt_tokens"),
        output=(f"{_USAGE}completion_tokens", f"{_RAW_USAGE}completion_tokens"),
        cache_read=(
            f"{_USAGE}prompt_tokens_details.cached_tokens",
            f"{_USAGE}cache_read_input_tokens",
            f"{_RAW_USAGE}prompt_tokens_details.cached_tokens",
        ),
        cache_write=(
            f"{_USAGE}prompt_tokens_details.cache_write_tokens",
            f"{_USAGE}prompt_tokens_details.cache_creation_tokens",
            f"{_USAGE}cache_creation_input_tokens",
        ),
        cache_write_5m=(f"{_USAGE}prompt_tokens_details.cache_creation_token_details.ephemeral_5m_input_tokens",),
        cache_write_1h=(f"{_USAGE}prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",),
        reasoning=(
            f"{_USAGE}completion_tokens_details.reasoning_tokens",
            f"{_RAW_USAGE}completion_tokens_details.reasoning_tokens",
        ),
        audio_input=(f"{_USAGE}prompt_tokens_details.audio_tokens",),
        audio_output=(f"{_USAGE}completion_tokens_details.audio_tokens",),
        total=(f"{_USAGE}total_tokens",),
    ),
    costs=(
        CostKeys(
            total="gen_ai.cost.total_cost",
            parts={
                "input": "gen_ai.cost.input_cost",
                "output": "gen_ai.cost.output_cost",
                "cache_read": "gen_ai.cost.cache_read_cost",
                "cache_write": "gen_ai.cost.cache_creation_cost",
                "reasoning": "gen_ai.cost.reasoning_cost",
            },
        ),
        CostKeys(total="hidden_params#response_cost"),
    ),
    # Parts are empty where a tool is called; the call stands in the flattened form only.
    input=(Source("gen_ai.input.messages"), Source(f"{_RAW}messages")),
    output=(Source("gen_ai.output.messages"), Source("gen_ai.completion", "flat"), Source(f"{_RAW}choices")),
    tools=(Source("llm.request.functions", "flat"),),
)
