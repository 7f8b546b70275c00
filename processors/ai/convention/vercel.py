"""The Vercel AI SDK as it traces by itself (``ai.*``): an outer span for the call of the SDK, an inner one for each request."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Moment, Source, UsageKeys
from tracedata.interaction import OperationName

_OPERATIONS: dict[str, OperationName] = {
    "*.doGenerate": "chat",
    "*.doStream": "chat",
    "*.doEmbed": "embedding",
    "*.doRerank": "rerank",
    "ai.toolCall": "tool",
    "ai.generateText": "workflow",
    "ai.streamText": "workflow",
    "ai.generateObject": "workflow",
    "ai.streamObject": "workflow",
    "ai.embed": "workflow",
    "ai.embedMany": "workflow",
    "ai.rerank": "workflow",
    "ai.*": "workflow",
}
_METADATA = "ai.telemetry.metadata."

CONVENTION = Convention(
    name="vercel",
    title="Vercel AI SDK, `ai.*`",
    scopes=("ai",),
    markers=("ai.operationId", "ai.model.id", "ai.toolCall.name"),
    relevant_prefixes=("ai.operationId", "ai.model.", "ai.usage.", "ai.response.", "ai.prompt", "ai.toolCall."),
    operations=(Choice("ai.operationId", _OPERATIONS), Choice("operation.name", {"ai.toolCall*": "tool"})),
    provider=("ai.model.provider",),
    model_requested=("ai.model.id",),
    model_served=("ai.response.model",),
    response_id=("ai.response.id",),
    user_id=(f"{_METADATA}userId", f"{_METADATA}user_id", f"{_METADATA}user.id"),
    session_id=(f"{_METADATA}sessionId", f"{_METADATA}session_id", f"{_METADATA}conversationId", f"{_METADATA}chatId"),
    organization_id=(f"{_METADATA}organizationId", f"{_METADATA}orgId"),
    agent=("ai.telemetry.functionId", "resource.name"),
    tool=("ai.toolCall.name",),
    tool_call_id=("ai.toolCall.id",),
    finish_reason=("ai.response.finishReason", "ai.finishReason", "gen_ai.finishReason"),
    tags=(f"{_METADATA}tags",),
    streaming_operations=(
        Choice("ai.operationId", {"*.doStream": "chat"}),
        Choice("operation.name", {"*.doStream": "chat", "ai.streamText*": "chat"}),
    ),
    first_token=(
        Moment("ai.response.msToFirstChunk", "ms"),
        Moment("ai.stream.msToFirstChunk", "ms"),
        Moment("ai.stream.firstChunk", "event"),
    ),
    usage=UsageKeys(
        input=("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
        output=("ai.usage.outputTokens", "ai.usage.completionTokens"),
        cache_read=("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
        cache_write=("ai.usage.inputTokenDetails.cacheWriteTokens",),
        reasoning=("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
        total=("ai.usage.totalTokens",),
    ),
    parameters={
        "temperature": ("ai.settings.temperature",),
        "top_p": ("ai.settings.topP",),
        "top_k": ("ai.settings.topK",),
        "max_tokens": ("ai.settings.maxOutputTokens", "ai.settings.maxTokens"),
        "frequency_penalty": ("ai.settings.frequencyPenalty",),
        "presence_penalty": ("ai.settings.presencePenalty",),
        "stop_sequences": ("ai.settings.stopSequences",),
        "seed": ("ai.settings.seed",),
        "max_retries": ("ai.settings.maxRetries",),
        "tool_choice": ("ai.prompt.toolChoice",),
    },
    input=(
        Source("ai.prompt.messages"),
        Source("ai.prompt"),
        Source("ai.values"),
        Source("ai.value"),
    ),
    # The parts of one answer stand side by side.
    output=(
        Source("ai.response", "flat", ("ai.response.text", "ai.response.toolCalls", "ai.response.object")),
        Source("ai.result", "flat", ("ai.result.text", "ai.result.toolCalls", "ai.result.object")),
    ),
    tools=(Source("ai.prompt.tools"),),
    arguments=("ai.toolCall.args", "ai.toolCall.input"),
    result=("ai.toolCall.result", "ai.toolCall.output"),
)
