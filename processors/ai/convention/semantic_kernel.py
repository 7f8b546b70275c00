"""Microsoft's Semantic Kernel and Agent Framework, and what Azure's SDKs emit."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention

CONVENTION = Convention(
    name="semantic-kernel",
    title="Semantic Kernel, Microsoft Agent Framework",
    scopes=(
        "agent_framework*",
        "semantic_kernel*",
        "Microsoft.SemanticKernel*",
        "Microsoft.Agents*",
        "Experimental.Microsoft.Agents*",
        "Experimental.Microsoft.Extensions.AI*",
        "azure.ai.*",
    ),
    operations=(
        Choice(
            "gen_ai.operation.name",
            {
                "chat.completions": "chat",
                "chat.streaming_completions": "chat",
                "text.completions": "completion",
                "text.streaming_completions": "completion",
                "chat": "chat",
                "process_thread_run": "agent",
                "create_thread": "other",
                "create_message": "other",
                "start_thread_run": "other",
                "get_thread_run": "other",
                "list_messages": "other",
                "list_run_steps": "other",
                "submit_tool_outputs": "other",
            },
        ),
    ),
    names={"execute_tool": "tool", "invoke_agent": "agent", "AutoFunctionInvocationLoop": "workflow"},
    session_id=("gen_ai.conversation.id", "gen_ai.thread.id"),
    tool=("gen_ai.tool.name", "sk.function"),
    finish_reason=("gen_ai.response.finish_reason",),
    streaming_operations=(Choice("gen_ai.operation.name", {"*.streaming_completions": "chat"}),),
)
