"""Haystack: what a person said to a call of a tool that an agent wanted.

Source: https://github.com/deepset-ai/haystack/tree/main/haystack/hooks/human_in_the_loop
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice

_STRATEGY = "haystack.agent.hook.human_in_the_loop.strategy."

ADAPTER = Adapter(
    name="haystack",
    title="Haystack, human in the loop",
    keys=(f"{_STRATEGY}decision", f"{_STRATEGY}type"),
    kept=(_STRATEGY, "haystack.tool."),
    component="human_in_the_loop",
    input=(f"{_STRATEGY}input",),
    input_parts={"tool_name": ("haystack.tool.name",), "tool_call_id": ("haystack.tool.call.id",)},
    output=(f"{_STRATEGY}output",),
    output_parts={"decision": (f"{_STRATEGY}decision",)},
    reasons=((f"{_STRATEGY}output#feedback",),),
    rule_name=(f"{_STRATEGY}type",),
    outcomes=(
        Choice(f"{_STRATEGY}decision", {"confirm": "allow", "reject": "deny", "*": AS_IT_CAME}),
        Choice("@error", {"*": "error"}),
    ),
    is_timed=True,
)
