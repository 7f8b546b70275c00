"""OpenInference, by Arize: flattened messages, and kinds of spans that say what they are.

Source: https://github.com/Arize-ai/openinference/tree/main/spec
"""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Moment, Source, UsageKeys

_RETRIEVED = tuple(f"retrieval.documents.{number}.document.content" for number in range(2))

CONVENTION = Convention(
    name="openinference",
    title="OpenInference",
    scopes=("openinference.*",),
    markers=("openinference.span.kind",),
    relevant_prefixes=("openinference.",),
    operations=(
        Choice(
            "openinference.span.kind",
            {
                "LLM": "chat",
                "EMBEDDING": "embedding",
                "AGENT": "agent",
                "TOOL": "tool",
                "CHAIN": "workflow",
                "RETRIEVER": "retriever",
                "RERANKER": "rerank",
                "GUARDRAIL": "guardrail",
                "EVALUATOR": "evaluator",
                "DECISION": "decision",
                "PROMPT": "other",
                "UNKNOWN": "other",
            },
        ),
    ),
    provider=("llm.provider", "llm.system", "decision.provider", "decision.system"),
    # The plain name of the model is that of the one that answered, where one did.
    model_requested=(
        "llm.request.model_name",
        "llm.invocation_parameters#model",
        "embedding.invocation_parameters#model",
        "input.value#model",
        "decision.request.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "decision.model_name",
    ),
    model_served=(
        "llm.response.model_name",
        "decision.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "decision.model_name",
    ),
    # Agents SDK: an id that it makes up for what another interface answered, with the real one beside it.
    response_id=("output.value#0.output.0.provider_data.response_id", "output.value#id", "output.value#0.id"),
    user_id=(
        "user.id",
        "metadata#user_id",
        "llm.invocation_parameters#user",
        "llm.invocation_parameters#metadata.user_id",
    ),
    session_id=("session.id", "metadata#session_id", "metadata#thread_id", "metadata#conversation_id"),
    organization_id=("metadata#organization_id", "metadata#org_id"),
    agent=("agent.name", "graph.node.id"),
    tool=("tool.name",),
    tool_call_id=("tool.id", "tool_call.id"),
    endpoint=("llm.invocation_parameters#base_url",),
    finish_reason=(
        "llm.finish_reason",
        "output.value#choices.0.finish_reason",
        "output.value#stop_reason",
        "output.value#status",
    ),
    tags=("tag.tags",),
    streaming=("llm.invocation_parameters#stream",),
    first_token=(Moment("First Token Stream Event", "event"),),
    usage=UsageKeys(
        input=("llm.token_count.prompt", "decision.token_count.input"),
        output=("llm.token_count.completion", "decision.token_count.output"),
        cache_read=(
            "llm.token_count.prompt_details.cache_read",
            "llm.token_count.prompt_details.cache_input",
        ),
        cache_write=("llm.token_count.prompt_details.cache_write",),
        reasoning=("llm.token_count.completion_details.reasoning",),
        audio_input=("llm.token_count.prompt_details.audio",),
        audio_output=("llm.token_count.completion_details.audio",),
        total=("llm.token_count.total",),
    ),
    costs=(CostKeys(total="llm.cost.total", parts={"input": "llm.cost.prompt", "output": "llm.cost.completion"}),),
    parameter_maps=("llm.invocation_parameters", "embedding.invocation_parameters"),
    input=(
        Source(
            "llm.input_messages", "flat", ("llm.input_messages.0.message.role", "llm.input_messages.1.message.role")
        ),
        Source("llm.prompts", "flat", ("llm.prompts.0.prompt.text",)),
        Source("embedding.embeddings", "flat", ("embedding.embeddings.0.embedding.text",)),
        Source("reranker.query"),
        Source("input.value"),
    ),
    output=(
        Source(
            "llm.output_messages", "flat", ("llm.output_messages.0.message.role", "llm.output_messages.1.message.role")
        ),
        Source("llm.choices", "flat", ("llm.choices.0.completion.text",)),
        Source("retrieval.documents", "flat", _RETRIEVED),
        Source("reranker.output_documents", "flat", ("reranker.output_documents.0.document.content",)),
        Source("output.value"),
    ),
    tools=(Source("llm.tools", "flat", ("llm.tools.0.tool.json_schema",)),),
    # tool.parameters holds arguments from some, and their schema from others.
    arguments=("input.value",),
    result=("output.value",),
)
