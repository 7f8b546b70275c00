"""Google's Agent Development Kit: requests and responses of Gemini's interface as JSON."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Source, UsageKeys

_ADK = "gcp.vertex.agent."
_USAGE = f"{_ADK}llm_response#usage_metadata."

CONVENTION = Convention(
    name="google-adk",
    title="Google ADK",
    scopes=("gcp.vertex.agent",),
    markers=(
        f"{_ADK}llm_request",
        f"{_ADK}llm_response",
        f"{_ADK}invocation_id",
        f"{_ADK}event_id",
        f"{_ADK}tool_call_args",
    ),
    relevant_prefixes=(_ADK,),
    operations=(Choice("gen_ai.operation.name", {"generate_content": "chat", "call_llm": "chat"}),),
    names={
        "call_llm": "chat",
        "generate_content": "chat",
        "execute_tool": "tool",
        "invoke_agent": "agent",
        "agent_run": "agent",
        "invocation": "workflow",
    },
    model_requested=(f"{_ADK}llm_request#model",),
    model_served=(f"{_ADK}llm_response#model_version",),
    session_id=("gen_ai.conversation.id", f"{_ADK}session_id"),
    user_id=(f"{_ADK}user_id",),
    tool_call_id=("gen_ai.tool.call.id",),
    finish_reason=(f"{_ADK}llm_response#finish_reason",),
    usage=UsageKeys(
        input=(f"{_USAGE}prompt_token_count",),
        output=(f"{_USAGE}candidates_token_count",),
        cache_read=(f"{_USAGE}cached_content_token_count",),
        reasoning=("gen_ai.usage.experimental.reasoning_tokens", f"{_USAGE}thoughts_token_count"),
        total=(f"{_USAGE}total_token_count",),
    ),
    parameter_maps=(f"{_ADK}llm_request#config",),
    input=(Source(f"{_ADK}llm_request"),),
    output=(Source(f"{_ADK}llm_response"),),
    tools=(Source(f"{_ADK}llm_request#config.tools"),),
    arguments=(f"{_ADK}tool_call_args",),
    result=(f"{_ADK}tool_response",),
)
