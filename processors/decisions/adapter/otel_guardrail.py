"""OpenTelemetry's drafts of guardrails: the newer one of ``run_guardrail``, the older one of ``apply_guardrail``.

None of them is merged, and senders follow both.
Source: https://github.com/open-telemetry/semantic-conventions-genai/pull/427, https://github.com/open-telemetry/semantic-conventions/pull/3233
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice

_GUARDRAIL = "gen_ai.guardrail."
_SECURITY = "gen_ai.security."
_GUARDIAN = "gen_ai.guardian."
_VERDICT = f"{_GUARDRAIL}verdict."
_DECISION = f"{_SECURITY}decision."

ADAPTER = Adapter(
    name="otel_guardrail",
    title="OpenTelemetry, drafts of guardrails",
    keys=(f"{_VERDICT}type", f"{_DECISION}type", f"{_GUARDRAIL}action.type"),
    kept=(_GUARDRAIL, _SECURITY, _GUARDIAN),
    type="rule_evaluation",
    component="guardrail",
    components=(
        f"{_GUARDRAIL}component.name",
        f"{_GUARDRAIL}name",
        f"{_GUARDIAN}name",
        f"{_GUARDRAIL}id",
        f"{_GUARDIAN}id",
    ),
    input_parts={
        "target": (f"{_GUARDRAIL}target.type", f"{_SECURITY}target.type"),
        "target_subtype": (f"{_GUARDRAIL}target.subtype",),
        "target_id": (f"{_GUARDRAIL}target.id", f"{_SECURITY}target.id"),
        "content": (f"{_GUARDRAIL}security.content.input.value", f"{_SECURITY}content.input.value"),
    },
    output_parts={
        "verdict": (f"{_VERDICT}type", f"{_DECISION}type"),
        "action": (f"{_GUARDRAIL}action.type",),
        "code": (f"{_VERDICT}code", f"{_DECISION}code"),
        "risk": (f"{_GUARDRAIL}security.risk.category", f"{_SECURITY}risk.category"),
        "risk_score": (f"{_GUARDRAIL}security.risk.score", f"{_SECURITY}risk.score"),
        "content": (f"{_GUARDRAIL}security.content.output.value", f"{_SECURITY}content.output.value"),
    },
    reasons=((f"{_VERDICT}reason", f"{_DECISION}reason"),),
    rule_id=(
        f"{_GUARDRAIL}security.policy.rule.id",
        f"{_GUARDRAIL}security.policy.id",
        f"{_SECURITY}policy.rule.id",
        f"{_SECURITY}policy.id",
    ),
    rule_name=(f"{_GUARDRAIL}security.policy.name", f"{_SECURITY}policy.name"),
    rule_version=(f"{_GUARDRAIL}security.policy.version", f"{_SECURITY}policy.version"),
    outcomes=tuple(
        Choice(key, {"*": AS_IT_CAME}) for key in (f"{_VERDICT}type", f"{_DECISION}type", f"{_GUARDRAIL}action.type")
    ),
    enforced_by=(Choice(f"{_GUARDRAIL}action.type", {"block": "true", "modify": "true", "escalate": "true"}),),
    # What was done is told apart from what was found.
    shadow=(
        Choice(f"{_VERDICT}type", {"deny": "yes", "modify": "yes", "escalate": "yes"}),
        Choice(f"{_GUARDRAIL}action.type", {"allow": "yes"}),
    ),
    is_timed=True,
)
