"""OpenInference: decision models, guardrails, and the handoffs of the OpenAI Agents SDK.

A guardrail's span says neither what it found nor whether it stopped anything, unless a value is set by hand.
Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

from processors.decisions.adapter.table import Adapter, Choice

_KIND = "openinference.span.kind"

DECISION = Adapter(
    name="openinference",
    title="OpenInference, kind `DECISION`",
    values={_KIND: ("decision",)},
    kept=("decision.provider", "decision.system", "decision.model_name", "decision.request.", "decision.response."),
    component="decision",
    components=("@name",),
    input=("input.value",),
    output=("output.value",),
    outcomes=(Choice("@error", {"*": "error"}),),
    outcome="answered",
    is_timed=True,
)
GUARDRAIL = Adapter(
    name="openinference",
    title="OpenInference, kind `GUARDRAIL`",
    values={_KIND: ("guardrail",)},
    type="rule_evaluation",
    component="guardrail",
    components=("@name",),
    input=("input.value",),
    output=("output.value",),
    reasons=(("@error",),),
    rule_name=("@name",),
    outcomes=(Choice("@error", {"*": "error"}),),
    is_timed=True,
)
HANDOFF = Adapter(
    name="openinference",
    title="OpenInference, `handoff to` spans",
    values={_KIND: ("tool",)},
    names=("handoff to *",),
    component="handoff",
    input_parts={"from": ("input.value", "graph.node.parent_id")},
    output_parts={"to": ("@rest", "output.value")},
    outcome="handoff",
    is_timed=True,
)
ADAPTERS = (DECISION, GUARDRAIL, HANDOFF)
