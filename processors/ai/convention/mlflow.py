"""MLflow Tracing: every attribute is JSON, texts too."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Source, UsageKeys

_USAGE = "mlflow.chat.tokenUsage#"

CONVENTION = Convention(
    name="mlflow",
    title="MLflow",
    scopes=("mlflow*",),
    markers=("mlflow.spanType", "mlflow.spanInputs", "mlflow.spanOutputs"),
    relevant_prefixes=("mlflow.span", "mlflow.chat.", "mlflow.llm."),
    operations=(
        Choice(
            "mlflow.spanType",
            {
                "CHAT_MODEL": "chat",
                "LLM": "chat",
                "EMBEDDING": "embedding",
                "RETRIEVER": "retriever",
                "RERANKER": "rerank",
                "TOOL": "tool",
                "AGENT": "agent",
                "CHAIN": "workflow",
                "WORKFLOW": "workflow",
                "TASK": "workflow",
                "MEMORY": "memory",
                "PARSER": "other",
                "GUARDRAIL": "guardrail",
                "EVALUATOR": "evaluator",
                "UNKNOWN": "other",
            },
        ),
    ),
    provider=("mlflow.llm.provider", "mlflow.message.format"),
    model_requested=("mlflow.llm.model", "mlflow.spanInputs#model"),
    model_served=("mlflow.spanOutputs#model",),
    response_id=("mlflow.spanOutputs#id",),
    user_id=("mlflow.trace.user",),
    session_id=("mlflow.trace.session",),
    tool=("mlflow.spanFunctionName",),
    finish_reason=("mlflow.spanOutputs#choices.0.finish_reason", "mlflow.spanOutputs#stop_reason"),
    tags=("mlflow.trace.tags",),
    streaming=("mlflow.spanInputs#stream",),
    usage=UsageKeys(
        input=(f"{_USAGE}input_tokens",),
        output=(f"{_USAGE}output_tokens",),
        cache_read=(f"{_USAGE}cache_read_input_tokens", f"{_USAGE}cached_tokens"),
        cache_write=(f"{_USAGE}cache_creation_input_tokens",),
        reasoning=(f"{_USAGE}reasoning_tokens",),
        total=(f"{_USAGE}total_tokens",),
    ),
    costs=(
        CostKeys(
            total="mlflow.llm.cost#total_cost",
            parts={"input": "mlflow.llm.cost#input_cost", "output": "mlflow.llm.cost#output_cost"},
        ),
    ),
    parameter_maps=("mlflow.invocation_params",),
    input=(Source("mlflow.spanInputs"),),
    output=(Source("mlflow.spanOutputs"),),
    tools=(Source("mlflow.chat.tools"),),
    arguments=("mlflow.spanInputs",),
    result=("mlflow.spanOutputs",),
)
