"""LiteLLM's second OpenTelemetry integration (``LITELLM_OTEL_V2``): GenAI attributes, and its own beside them."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys

CONVENTION = Convention(
    name="litellm-v2",
    title="LiteLLM, second integration",
    markers=(
        "litellm.cost.total",
        "litellm.request.streaming",
        "litellm.routing.router_type",
        "litellm.routing.routed_model",
        "litellm.guardrail.name",
        "litellm.end_user.id",
    ),
    operations=(
        Choice(
            "gen_ai.operation.name",
            {"litellm.moderation": "guardrail", "execute_guardrail": "guardrail", "litellm.*": "other"},
        ),
    ),
    names={"route ": "other", "execute_guardrail": "guardrail", "cache.": "other"},
    user_id=("litellm.end_user.id",),
    session_id=("litellm.session.id",),
    organization_id=("litellm.organization.id", "litellm.team.id"),
    request_id=("litellm.call_id",),
    streaming=("litellm.request.streaming",),
    costs=(
        CostKeys(
            total="litellm.cost.total",
            parts={
                "input": "litellm.cost.input",
                "output": "litellm.cost.output",
                "cache_read": "litellm.cost.cache_read",
                "cache_write": "litellm.cost.cache_creation",
            },
        ),
    ),
)
