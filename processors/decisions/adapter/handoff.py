"""One agent hands over to another, as OpenLLMetry and others tell it.

Source: https://github.com/traceloop/openllmetry/tree/main/packages/opentelemetry-instrumentation-openai-agents
"""

from __future__ import annotations

from processors.decisions.adapter.table import Adapter

_HANDOFF = "gen_ai.handoff."

ADAPTER = Adapter(
    name="handoff",
    title="Handoffs, `gen_ai.handoff.*`",
    keys=(f"{_HANDOFF}to_agent", f"{_HANDOFF}from_agent"),
    kept=(_HANDOFF,),
    component="handoff",
    input_parts={"from": (f"{_HANDOFF}from_agent",)},
    output_parts={"to": (f"{_HANDOFF}to_agent",)},
    reasons=((f"{_HANDOFF}reason",),),
    outcome="handoff",
    is_timed=True,
)
