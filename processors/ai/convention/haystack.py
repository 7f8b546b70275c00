"""Haystack by deepset: a span for each component of a pipeline, with its input and output as JSON."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Source, UsageKeys

_REPLY = "haystack.component.output#replies.0"
_META = "haystack.component.output#meta.0"
_REPLY_META = f"{_REPLY}.meta"


def _meta(*paths: str) -> tuple[str, ...]:
    return tuple(f"{place}.{path}" for path in paths for place in (_REPLY_META, f"{_REPLY}._meta", _META))


CONVENTION = Convention(
    name="haystack",
    title="Haystack",
    scopes=("haystack*",),
    markers=(
        "haystack.component.type",
        "haystack.component.name",
        "haystack.pipeline.input_data",
        "haystack.tool.name",
    ),
    relevant_prefixes=("haystack.",),
    operations=(
        Choice(
            "haystack.component.type",
            {
                "*Generator": "chat",
                "*ChatModel": "chat",
                "*Embedder": "embedding",
                "*Retriever": "retriever",
                "*Ranker": "rerank",
                "*Agent": "agent",
                "*Tool": "tool",
                "*ToolInvoker": "tool",
                "*Evaluator": "evaluator",
                "*": "other",
            },
        ),
    ),
    names={
        "haystack.chat_generator.run": "chat",
        "haystack.agent.run": "agent",
        "haystack.agent.step.llm": "chat",
        "haystack.agent.step.tool": "tool",
        "haystack.agent.step": "workflow",
        "haystack.tool.run": "tool",
        "haystack.pipeline.run": "workflow",
        "haystack.async_pipeline.run": "workflow",
    },
    model_requested=("haystack.model",),
    model_served=_meta("model"),
    response_id=_meta("id"),
    tool=("haystack.tool.name", "haystack.component.name"),
    finish_reason=_meta("finish_reason"),
    usage=UsageKeys(
        input=_meta("usage.prompt_tokens", "usage.input_tokens"),
        output=_meta("usage.completion_tokens", "usage.output_tokens"),
        cache_read=_meta("usage.prompt_tokens_details.cached_tokens", "usage.cache_read_input_tokens"),
        cache_write=_meta("usage.cache_creation_input_tokens"),
        reasoning=_meta("usage.completion_tokens_details.reasoning_tokens"),
    ),
    parameter_maps=("haystack.component.input#generation_kwargs",),
    input=(Source("haystack.component.input"), Source("haystack.agent.input"), Source("haystack.pipeline.input_data")),
    output=(
        Source("haystack.component.output"),
        Source("haystack.agent.output"),
        Source("haystack.pipeline.output_data"),
    ),
    arguments=("haystack.tool.input", "haystack.component.input"),
    result=("haystack.tool.output", "haystack.component.output"),
)
