"""OpenLLMetry by Traceloop, since it writes messages as OpenTelemetry's parts (0.53 to 0.58 by package)."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Moment, Source

_KINDS = Choice(
    "traceloop.span.kind",
    {
        "workflow": "workflow",
        "task": "workflow",
        "agent": "agent",
        "tool": "tool",
        "handoff": "agent",
        "unknown": "other",
    },
)
_PROPERTY = "traceloop.association.properties."
_INSTRUMENTED = (
    "alephalpha anthropic bedrock chromadb cohere crewai google_generativeai groq haystack lancedb langchain llamaindex marqo mcp "
    "milvus mistralai ollama openai.v0 openai.v1 openai_agents pinecone qdrant replicate sagemaker together transformers "
    "vertexai voyageai watsonx weaviate writer agno"
).split()

CONVENTION = Convention(
    name="openllmetry",
    title="OpenLLMetry (Traceloop), messages as parts",
    scopes=("traceloop.tracer", *(f"opentelemetry.instrumentation.{library}" for library in _INSTRUMENTED)),
    markers=("traceloop.span.kind", "gen_ai.is_streaming", "traceloop.entity.name"),
    relevant_prefixes=("traceloop.entity.", "traceloop.span."),
    # A model's span may be called a task; a tool's payload stands in input and output of the entity.
    operations=(
        Choice(
            "gen_ai.operation.name",
            {
                "chat": "chat",
                "text_completion": "completion",
                "completion": "completion",
                "generate_content": "chat",
                "embeddings": "embedding",
                "rerank": "rerank",
                "execute_tool": "tool",
                "invoke_agent": "agent",
                "create_agent": "agent",
                "execute_task": "workflow",
                "vector_db_retrieve": "retriever",
                "handoff": "agent",
            },
        ),
        _KINDS,
    ),
    provider=(f"{_PROPERTY}ls_provider",),
    model_requested=(f"{_PROPERTY}ls_model_name",),
    user_id=("gen_ai.user", f"{_PROPERTY}user_id", f"{_PROPERTY}userId", f"{_PROPERTY}user.id"),
    session_id=tuple(
        f"{_PROPERTY}{name}"
        for name in ("session_id", "sessionId", "session.id", "conversation_id", "thread_id", "chat_id")
    ),
    organization_id=(f"{_PROPERTY}organization_id", f"{_PROPERTY}org_id", f"{_PROPERTY}tenant_id"),
    agent=("gen_ai.agent.name",),
    tool=("gen_ai.tool.name", "traceloop.entity.name"),
    failure=("gen_ai.task.status",),
    streaming=("gen_ai.is_streaming",),
    first_token=(Moment("gen_ai.content.completion.chunk", "event"),),
    parameters={"reasoning_effort": ("gen_ai.request.reasoning_effort",)},
    input=(Source("traceloop.entity.input"), Source("gen_ai.task.input")),
    output=(Source("traceloop.entity.output"), Source("gen_ai.task.output")),
    arguments=(
        "gen_ai.tool.call.arguments#inputs",
        "gen_ai.tool.call.arguments",
        "traceloop.entity.input#inputs",
        "traceloop.entity.input",
    ),
    result=(
        "gen_ai.tool.call.result",
        "traceloop.entity.output#output.kwargs.content",
        "traceloop.entity.output#output.content",
        "traceloop.entity.output#output",
        "traceloop.entity.output",
    ),
)
