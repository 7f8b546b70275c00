"""Pydantic AI and Logfire, versions 1 to 6 of their format: in the first, all messages are one list of events."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Moment, Source, UsageKeys

_AGGREGATED = "gen_ai.aggregated_usage."
_DECISION = "pydantic_ai.decision."

CONVENTION = Convention(
    name="pydantic-ai",
    title="Pydantic AI, Logfire",
    scopes=("pydantic-ai", "pydantic_ai*", "logfire.openai*", "logfire.anthropic*"),
    markers=("model_request_parameters", "pydantic_ai.all_messages", "all_messages_events"),
    relevant_prefixes=("pydantic_ai.", "model_request_parameters"),
    operations=(Choice("gen_ai.operation.name", {"decide": "decision"}),),
    # Version 1 has no operation on the spans of agents and tools.
    names={"agent run": "agent", "running tool": "tool", "running tools": "workflow", "running 1 tool": "workflow"},
    model_requested=("model_name",),
    agent=("gen_ai.agent.name", "agent_name"),
    # One for each run, unless the application names it.
    made_up_session=("gen_ai.conversation.id",),
    first_token=(Moment("gen_ai.client.operation.time_to_first_chunk"),),
    usage=UsageKeys(
        input=(f"{_DECISION}usage.input_tokens",),
        output=(f"{_DECISION}usage.output_tokens",),
        cache_read=("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cached_tokens"),
        cache_write=("gen_ai.usage.details.cache_write_tokens", "gen_ai.usage.details.cache_creation_input_tokens"),
        reasoning=("gen_ai.usage.details.reasoning_tokens",),
        audio_input=("gen_ai.usage.details.input_audio_tokens",),
        audio_output=("gen_ai.usage.details.output_audio_tokens",),
    ),
    aggregate=UsageKeys(
        input=(f"{_AGGREGATED}input_tokens",),
        output=(f"{_AGGREGATED}output_tokens",),
        cache_read=(f"{_AGGREGATED}cache_read.input_tokens", f"{_AGGREGATED}details.cache_read_tokens"),
        cache_write=(f"{_AGGREGATED}cache_write.input_tokens", f"{_AGGREGATED}cache_creation.input_tokens"),
        reasoning=(f"{_AGGREGATED}details.reasoning_tokens",),
    ),
    costs=(CostKeys(total="operation.cost"),),
    input=(
        Source("gen_ai.input.messages"),
        Source("events", "events"),
        Source("pydantic_ai.all_messages"),
        Source("all_messages_events", "events"),
        Source(f"{_DECISION}questions"),
        Source("request_data"),
        Source("inputs"),
    ),
    output=(
        Source("gen_ai.output.messages"),
        Source("events", "events"),
        Source("final_result"),
        Source(f"{_DECISION}answers"),
        Source("response_data"),
    ),
    tools=(Source("gen_ai.tool.definitions"), Source("model_request_parameters")),
    arguments=("tool_arguments",),
    result=("tool_response",),
)
