"""OpenLIT's guards, as events of the span that they watch.

Source: https://github.com/openlit/openlit/tree/main/sdk/python
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice, Duration

ADAPTER = Adapter(
    name="openlit",
    title="OpenLIT, `guard.evaluation`",
    events=("guard.evaluation",),
    type="rule_evaluation",
    component="guard",
    components=("guard.name",),
    input_parts={"phase": ("guard.phase",)},
    output_parts={
        "action": ("guard.action",),
        "score": ("guard.score",),
        "classification": ("guard.classification",),
    },
    reasons=(("guard.explanation",),),
    rule_id=("guard.name",),
    rule_name=("guard.name",),
    outcomes=(Choice("guard.action", {"block": "deny", "redact": "modify", "*": AS_IT_CAME}),),
    durations=(Duration("guard.latency_ms"),),
)
