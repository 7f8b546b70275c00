"""LiteLLM: routing, guardrails and caches, in both of its integrations.

A routing decision stands on the span of the route, and again on that of the call.
Source: https://docs.litellm.ai/docs/observability/opentelemetry_v2
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice, Duration, Keys

_NAME = "litellm"
_ROUTING = "litellm.routing."
_GUARDRAIL = "litellm.guardrail."
_VERDICTS = {
    "success": "allow",
    "guardrail_intervened": "deny",
    "guardrail_failed_to_respond": "error",
    "not_run": "skipped",
}


def _route(title: str, *, is_echo: bool, names: Keys = ()) -> Adapter:
    return Adapter(
        name=_NAME,
        title=title,
        keys=(f"{_ROUTING}routed_model", f"{_ROUTING}router_config_id") if names else (f"{_ROUTING}routed_model",),
        names=names,
        is_aside=is_echo,
        is_echo=is_echo,
        kept=(_ROUTING,),
        type="model_selection",
        component="router",
        components=(f"{_ROUTING}router_model_name",),
        input_parts={
            "requested": (f"{_ROUTING}router_model_name",),
            "request_type": (f"{_ROUTING}request_type",),
            "score": (f"{_ROUTING}score",),
            "tier": (f"{_ROUTING}tier",),
            "escalated": (f"{_ROUTING}escalated",),
        },
        output_parts={"model": (f"{_ROUTING}routed_model",)},
        reasons=((f"{_ROUTING}cause",), (f"{_ROUTING}tier",), (f"{_ROUTING}classifier_failure_reason",)),
        rule_id=(f"{_ROUTING}router_config_id",),
        rule_name=(f"{_ROUTING}router_type",),
        rule_version=(f"{_ROUTING}router_config_fingerprint", f"{_ROUTING}router_config_updated_at"),
        # A route that failed before it chose has no model.
        outcomes=(Choice(f"{_ROUTING}routed_model", {"*": "selected"}), Choice("@error", {"*": "error"})),
        is_timed=not is_echo,
    )


ROUTE = _route("LiteLLM, second integration: `route` spans", is_echo=False, names=("route *",))
ROUTED_CALL = _route("LiteLLM: routing on the span of the call", is_echo=True)
RETRY = Adapter(
    name=_NAME,
    title="LiteLLM, second integration: `litellm.routing.retry`",
    events=(f"{_ROUTING}retry",),
    type="model_selection",
    component="retry",
    components=(f"{_ROUTING}router_model_name",),
    input_parts={"retries": ("litellm.retry.count",), "error": ("error.type",)},
    output_parts={"model": ("litellm.deployment.model_group",), "deployment": ("litellm.deployment.id",)},
    reasons=(("error.type",),),
    outcome="retry",
)
GUARDRAIL = Adapter(
    name=_NAME,
    title="LiteLLM, second integration: `execute_guardrail` spans",
    keys=(f"{_GUARDRAIL}name", f"{_GUARDRAIL}status"),
    kept=(_GUARDRAIL,),
    type="rule_evaluation",
    component="guardrail",
    components=(f"{_GUARDRAIL}name",),
    input_parts={"mode": (f"{_GUARDRAIL}mode",)},
    output_parts={
        "status": (f"{_GUARDRAIL}status",),
        "action": (f"{_GUARDRAIL}action",),
        "categories": (f"{_GUARDRAIL}violation_categories",),
        "confidence": (f"{_GUARDRAIL}confidence_score",),
        "risk": (f"{_GUARDRAIL}risk_score",),
    },
    reasons=((f"{_GUARDRAIL}response",),),
    rule_id=(f"{_GUARDRAIL}id", f"{_GUARDRAIL}policy_template"),
    rule_name=(f"{_GUARDRAIL}policy_template", f"{_GUARDRAIL}name"),
    outcomes=(Choice(f"{_GUARDRAIL}status", _VERDICTS), Choice(f"{_GUARDRAIL}action", {"*": AS_IT_CAME})),
    durations=(Duration(f"{_GUARDRAIL}duration", "s"),),
    is_timed=True,
)
CACHE = Adapter(
    name=_NAME,
    title="LiteLLM, second integration: `cache.get` spans",
    names=("cache.get llm_response",),
    scopes=("litellm*",),
    kept=("litellm.service.",),
    type="cache_decision",
    component="llm_response",
    # Whether it was there is not told.
    outcomes=(Choice("@error", {"*": "error"}),),
    is_timed=True,
)
CLASSIC_GUARDRAIL = Adapter(
    name=_NAME,
    title="LiteLLM, first integration: `guardrail` spans",
    keys=("guardrail_name", "guardrail_status"),
    kept=("guardrail_", "masked_entity_count"),
    type="rule_evaluation",
    component="guardrail",
    components=("guardrail_name",),
    input_parts={"mode": ("guardrail_mode",)},
    output_parts={
        "status": ("guardrail_status",),
        "action": ("guardrail_action",),
        "masked_entities": ("masked_entity_count",),
    },
    reasons=(("guardrail_response",),),
    rule_id=("guardrail_id", "guardrail_name"),
    rule_name=("guardrail_name",),
    outcomes=(Choice("guardrail_status", _VERDICTS), Choice("guardrail_action", {"*": AS_IT_CAME})),
    is_timed=True,
)
_DECISION = "metadata.routing_decision"
CLASSIC_ROUTE = Adapter(
    name=_NAME,
    title="LiteLLM, first integration: `metadata.routing_decision`",
    keys=(_DECISION,),
    is_aside=True,
    is_echo=True,
    type="model_selection",
    component="router",
    components=(f"{_DECISION}#router_model_name",),
    input_parts={
        name: (f"{_DECISION}#{name}",) for name in ("request_type", "score", "tier", "escalated", "classifier_model")
    },
    output_parts={"model": (f"{_DECISION}#routed_model", f"{_DECISION}#model")},
    reasons=((f"{_DECISION}#cause", f"{_DECISION}#reason"), (f"{_DECISION}#tier",)),
    rule_id=(f"{_DECISION}#router_config_id",),
    rule_name=(f"{_DECISION}#router_type",),
)
_APPLIED = "metadata.applied_guardrails"
CLASSIC_APPLIED = Adapter(
    name=_NAME,
    title="LiteLLM, first integration: `metadata.applied_guardrails`",
    keys=(_APPLIED,),
    is_aside=True,
    each=_APPLIED,
    type="rule_evaluation",
    component="guardrail",
    components=("@item",),
    output_parts={"applied": ("@item",)},
    rule_id=("@item",),
    rule_name=("@item",),
    outcome="applied",
)
ADAPTERS = (
    ROUTE,
    ROUTED_CALL,
    RETRY,
    GUARDRAIL,
    CACHE,
    CLASSIC_GUARDRAIL,
    CLASSIC_ROUTE,
    CLASSIC_APPLIED,
)
