"""The ``decision_trace.*`` convention: an event of a span, a log record, or a span of its own. See docs/decision-traces.md."""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice, Duration

PREFIX = "decision_trace."
EVENT = f"{PREFIX}decision"
FINAL = f"{PREFIX}final"
FINAL_PREFIX = f"{FINAL}."

ADAPTER = Adapter(
    name="decision_trace",
    title="The convention `decision_trace.*`",
    events=(EVENT,),
    keys=tuple(
        f"{PREFIX}{name}" for name in ("id", "type", "component", "input", "output", "outcome", "reasoning", "rule.id")
    ),
    kept=(PREFIX,),
    types=(Choice(f"{PREFIX}type", {"*": AS_IT_CAME}),),
    components=(f"{PREFIX}component",),
    id=(f"{PREFIX}id",),
    input=(f"{PREFIX}input",),
    output=(f"{PREFIX}output",),
    reasons=((f"{PREFIX}reasoning",),),
    rule_id=(f"{PREFIX}rule.id",),
    rule_name=(f"{PREFIX}rule.name",),
    rule_version=(f"{PREFIX}rule.version",),
    outcomes=(Choice(f"{PREFIX}outcome", {"*": AS_IT_CAME}),),
    enforced=(f"{PREFIX}enforced",),
    candidates=(f"{PREFIX}candidates",),
    sequence=(f"{PREFIX}sequence",),
    parent_id=(f"{PREFIX}parent_id",),
    durations=(Duration(f"{PREFIX}evaluation_time_ms"),),
    is_timed=True,
)
