"""OpenLLMetry by Traceloop as it was: messages flattened below ``gen_ai.prompt.N`` and ``gen_ai.completion.N``."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Moment, Source, UsageKeys

CONVENTION = Convention(
    name="openllmetry-old",
    title="OpenLLMetry (Traceloop), flattened messages",
    markers=(
        "llm.request.type",
        "llm.is_streaming",
        "gen_ai.prompt.0.role",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.role",
        "gen_ai.completion.0.content",
    ),
    relevant_prefixes=("llm.request.type", "llm.is_streaming", "llm.usage."),
    operations=(
        Choice(
            "llm.request.type",
            {
                "chat": "chat",
                "completion": "completion",
                "embedding": "embedding",
                "rerank": "rerank",
                "unknown": "chat",
            },
        ),
    ),
    user_id=("llm.user",),
    finish_reason=(
        "gen_ai.completion.0.finish_reason",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
    ),
    streaming=("llm.is_streaming",),
    first_token=(Moment("llm.content.completion.chunk", "event"),),
    usage=UsageKeys(
        input=("gen_ai.usage.prompt_tokens",),
        output=("gen_ai.usage.completion_tokens",),
        reasoning=("llm.usage.reasoning_tokens",),
        total=("llm.usage.total_tokens",),
    ),
    parameters={
        "frequency_penalty": ("llm.frequency_penalty",),
        "presence_penalty": ("llm.presence_penalty",),
        "top_k": ("llm.top_k",),
        "stop_sequences": ("llm.chat.stop_sequences",),
    },
    input=(Source("gen_ai.prompt", "flat", ("gen_ai.prompt.0.role", "gen_ai.prompt.0.content")),),
    output=(
        Source(
            "gen_ai.completion",
            "flat",
            (
                "gen_ai.completion.0.role",
                "gen_ai.completion.0.content",
                "gen_ai.completion.0.finish_reason",
                "gen_ai.completion.0.function_call.name",
                "gen_ai.completion.0.tool_calls.0.name",
            ),
        ),
    ),
    tools=(Source("llm.request.functions", "flat", ("llm.request.functions.0.name",)),),
)
