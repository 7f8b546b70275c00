"""Langfuse's SDKs: observations, whose usage is in buckets that do not overlap.

Source: https://langfuse.com/docs/opentelemetry/get-started
"""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Moment, Source, UsageKeys

_OBSERVATION = "langfuse.observation."
_USAGE = f"{_OBSERVATION}usage_details#"


def _used(*names: str) -> tuple[str, ...]:
    return tuple(f"{_USAGE}{name}" for name in names)


CONVENTION = Convention(
    name="langfuse",
    title="Langfuse",
    scopes=("langfuse-sdk*",),
    markers=(
        f"{_OBSERVATION}type",
        f"{_OBSERVATION}input",
        f"{_OBSERVATION}output",
        f"{_OBSERVATION}model.name",
        f"{_OBSERVATION}usage_details",
    ),
    relevant_prefixes=(_OBSERVATION,),
    operations=(
        Choice(
            f"{_OBSERVATION}type",
            {
                "generation": "chat",
                "embedding": "embedding",
                "agent": "agent",
                "tool": "tool",
                "chain": "workflow",
                "retriever": "retriever",
                "guardrail": "guardrail",
                "evaluator": "evaluator",
                "span": "other",
                "event": "other",
            },
        ),
    ),
    model_requested=(f"{_OBSERVATION}model.name",),
    user_id=("langfuse.user.id", "user.id"),
    session_id=("langfuse.session.id", "session.id"),
    organization_id=("langfuse.trace.metadata.organization_id", "langfuse.trace.metadata.org_id"),
    error_message=(f"{_OBSERVATION}status_message",),
    failure=(f"{_OBSERVATION}level",),
    tags=("langfuse.trace.tags",),
    first_token=(Moment(f"{_OBSERVATION}completion_start_time", "iso"),),
    usage=UsageKeys(
        input=_used("input", "input_tokens", "prompt_tokens", "promptTokens", "inputTokens"),
        output=_used("output", "output_tokens", "completion_tokens", "completionTokens", "outputTokens"),
        cache_read=_used(
            "input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cached_tokens", "cachedInputTokens"
        ),
        cache_write=_used("cache_creation_input_tokens", "input_cache_creation", "cache_write_input_tokens"),
        cache_write_5m=_used("input_cache_creation_5m"),
        cache_write_1h=_used("input_cache_creation_1h"),
        audio_input=_used("input_audio_tokens", "input_audio"),
        reasoning=_used("output_reasoning_tokens", "reasoning_tokens", "output_reasoning"),
        audio_output=_used("output_audio_tokens", "output_audio"),
        total=_used("total", "total_tokens", "totalTokens"),
    ),
    input_basis="exclusive",
    output_basis="exclusive",
    costs=(
        CostKeys(
            total=f"{_OBSERVATION}cost_details#total",
            parts={"input": f"{_OBSERVATION}cost_details#input", "output": f"{_OBSERVATION}cost_details#output"},
        ),
        CostKeys(total=f"{_OBSERVATION}cost_details", is_sum=True),
    ),
    parameter_maps=(f"{_OBSERVATION}model.parameters",),
    input=(Source(f"{_OBSERVATION}input"),),
    output=(Source(f"{_OBSERVATION}output"),),
    arguments=(f"{_OBSERVATION}input",),
    result=(f"{_OBSERVATION}output",),
)
