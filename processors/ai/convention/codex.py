"""Codex: log records only, of which the end of a response tells the tokens.

Source: https://github.com/openai/codex/blob/main/docs/config.md
"""

from __future__ import annotations

from processors.ai.convention.table import Convention, Event, Source, UsageKeys

CONVENTION = Convention(
    name="codex",
    title="Codex",
    scopes=("codex_*", "codex-*", "codex"),
    is_private=True,
    default_provider="openai",
    relevant_prefixes=("codex.",),
    names={"codex.sse_event": "chat", "codex.api_request": "chat", "codex.tool": "tool"},
    model_requested=("model",),
    response_id=("response.id", "response_id"),
    user_id=("user.account_id", "user.id"),
    session_id=("conversation.id",),
    agent=("originator",),
    tool=("tool_name",),
    tool_call_id=("call_id",),
    error_type=("error.type",),
    error_message=("error.message",),
    error_code=("http.response.status_code",),
    failure=("success",),
    duration_ms=("duration_ms",),
    usage=UsageKeys(
        input=("input_token_count",),
        output=("output_token_count",),
        cache_read=("cached_token_count",),
        reasoning=("reasoning_token_count",),
    ),
    input=(Source("prompt"),),
    arguments=("arguments",),
    result=("output",),
    parameters={"reasoning_effort": ("reasoning_effort",), "service_tier": ("service_tier",)},
    events={
        "codex.sse_event": Event("call", only=("event.kind", "response.completed")),
        "codex.api_request": Event("call", only=("success", "false")),
        "codex.tool_result": Event("tool"),
        "codex.user_prompt": Event("prompt"),
    },
)
