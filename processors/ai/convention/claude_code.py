"""Claude Code: mostly log records, spans when asked for; plain names, and input without what came from caches.

Source: https://docs.anthropic.com/en/docs/claude-code/monitoring-usage
"""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Event, Moment, Source, UsageKeys

_SCOPE = "com.anthropic.claude_code"

CONVENTION = Convention(
    name="claude-code",
    title="Claude Code",
    scopes=(f"{_SCOPE}*",),
    markers=("span.type",),
    relevant_prefixes=("span.type",),
    is_private=True,
    operations=(
        Choice(
            "span.type",
            {
                "llm_request": "chat",
                "tool": "tool",
                "tool.execution": "other",
                "tool.blocked_on_user": "other",
                "tool*": "other",
                "interaction": "workflow",
                "hook": "other",
            },
        ),
    ),
    names={
        "claude_code.llm_request": "chat",
        "claude_code.tool.": "other",
        "claude_code.tool": "tool",
        "claude_code.interaction": "workflow",
        "claude_code.api_request": "chat",
        "claude_code.api_error": "chat",
    },
    default_provider="anthropic",
    model_requested=("model",),
    response_id=("request_id",),
    request_id=("client_request_id", "request_id"),
    user_id=("user.id", "user.account_uuid", "user.account_id"),
    session_id=("session.id",),
    organization_id=("organization.id",),
    agent=("agent.name", "agent_name"),
    tool=("tool_name",),
    tool_call_id=("tool_use_id",),
    finish_reason=("stop_reason",),
    error_type=("error_type", "error.type", "error"),
    error_message=("error", "error_message"),
    error_code=("status_code",),
    failure=("success",),
    duration_ms=("duration_ms",),
    first_token=(Moment("ttft_ms", "ms"),),
    usage=UsageKeys(
        input=("input_tokens",),
        output=("output_tokens",),
        cache_read=("cache_read_tokens",),
        cache_write=("cache_creation_tokens",),
    ),
    input_basis="exclusive",
    costs=(CostKeys(total="cost_usd"),),
    parameters={"speed": ("speed",), "attempt": ("attempt",), "query_source": ("query_source",), "effort": ("effort",)},
    input=(Source("prompt"), Source("user_prompt"), Source("new_context")),
    output=(Source("response.model_output"), Source("response")),
    arguments=("tool_input", "tool_parameters", "full_command", "file_path"),
    result=("tool_result", "new_context"),
    events={
        "claude_code.api_request": Event("call"),
        "claude_code.api_error": Event("call"),
        "claude_code.tool_result": Event("tool"),
        "claude_code.user_prompt": Event("prompt"),
    },
)
