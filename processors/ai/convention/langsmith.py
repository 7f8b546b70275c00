"""LangSmith's export to OpenTelemetry: what LangChain serialises, as one text."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Source, UsageKeys

_METADATA = "langsmith.metadata."
_USAGE = f"{_METADATA}usage_metadata#"
_GENERATION = "gen_ai.completion#generations.0.0"

CONVENTION = Convention(
    name="langsmith",
    title="LangSmith (LangChain, LangGraph)",
    scopes=("langsmith",),
    markers=("langsmith.span.kind",),
    relevant_prefixes=("langsmith.span.", "langsmith.trace."),
    # What the operation says of retrievers and chains is wrong or nobody's.
    operations=(
        Choice(
            "langsmith.span.kind",
            {
                "llm": "chat",
                "tool": "tool",
                "chain": "workflow",
                "retriever": "retriever",
                "embedding": "embedding",
                "prompt": "other",
                "parser": "other",
            },
        ),
    ),
    provider=(f"{_METADATA}ls_provider",),
    model_requested=(f"{_METADATA}ls_model_name",),
    model_served=(
        "gen_ai.completion#llm_output.model_name",
        f"{_GENERATION}.message.kwargs.response_metadata.model_name",
        f"{_GENERATION}.generation_info.model_name",
    ),
    response_id=(
        "gen_ai.completion#llm_output.id",
        f"{_GENERATION}.message.kwargs.response_metadata.id",
        "gen_ai.completion#id",
    ),
    request_id=(f"{_GENERATION}.message.kwargs.response_metadata.request_id",),
    user_id=(f"{_METADATA}user_id", f"{_METADATA}userId"),
    session_id=tuple(f"{_METADATA}{name}" for name in ("session_id", "conversation_id", "thread_id")),
    organization_id=(f"{_METADATA}organization_id", f"{_METADATA}org_id"),
    agent=(f"{_METADATA}lc_agent_name", f"{_METADATA}agent_name"),
    finish_reason=(
        f"{_GENERATION}.generation_info.finish_reason",
        f"{_GENERATION}.message.kwargs.response_metadata.finish_reason",
        f"{_GENERATION}.message.kwargs.response_metadata.stop_reason",
        "gen_ai.completion#choices.0.finish_reason",
    ),
    error_code=(f"{_GENERATION}.message.kwargs.response_metadata.status_code",),
    tags=("langsmith.span.tags",),
    usage=UsageKeys(
        input=(f"{_USAGE}input_tokens",),
        output=(f"{_USAGE}output_tokens",),
        cache_read=(f"{_USAGE}input_token_details.cache_read",),
        cache_write=(f"{_USAGE}input_token_details.cache_creation",),
        cache_write_5m=(f"{_USAGE}input_token_details.ephemeral_5m_input_tokens",),
        cache_write_1h=(f"{_USAGE}input_token_details.ephemeral_1h_input_tokens",),
        audio_input=(f"{_USAGE}input_token_details.audio",),
        reasoning=(f"{_USAGE}output_token_details.reasoning",),
        audio_output=(f"{_USAGE}output_token_details.audio",),
        total=(f"{_USAGE}total_tokens",),
    ),
    parameters={
        "temperature": (f"{_METADATA}ls_temperature",),
        "max_tokens": (f"{_METADATA}ls_max_tokens",),
        "stop_sequences": (f"{_METADATA}ls_stop",),
    },
    input=(Source("gen_ai.prompt"),),
    output=(Source("gen_ai.completion"),),
    arguments=("gen_ai.prompt",),
    result=("gen_ai.completion#output.content", "gen_ai.completion#output", "gen_ai.completion"),
)
