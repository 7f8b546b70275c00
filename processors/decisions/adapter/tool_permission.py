"""Whether a coding agent may run a tool: log records of Claude Code, of Codex, and of what OpenLIT tells of others.

Source: https://docs.anthropic.com/en/docs/claude-code/monitoring-usage, https://github.com/openai/codex/blob/main/docs/config.md
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice

_COMPONENT = "tool_permission"

CLAUDE_CODE = Adapter(
    name="claude_code",
    title="Claude Code, `tool_decision`",
    events=("claude_code.tool_decision",),
    component=_COMPONENT,
    input_parts={"tool": ("tool_name",), "call": ("tool_use_id",), "parameters": ("tool_parameters", "tool_input")},
    output_parts={"decision": ("decision",)},
    reasons=(("source",),),
    outcomes=(Choice("decision", {"accept": "allow", "reject": "deny", "*": AS_IT_CAME}),),
    sequence=("event.sequence",),
)
CODEX = Adapter(
    name="codex",
    title="Codex, `codex.tool_decision`",
    events=("codex.tool_decision",),
    component=_COMPONENT,
    input_parts={"tool": ("tool_name",), "call": ("call_id",)},
    output_parts={"decision": ("decision",)},
    reasons=(("source",),),
    # It may be approved for the session, or with a change of the policy.
    outcomes=(Choice("decision", {"approved*": "allow", "denied*": "deny", "abort*": "deny", "*": AS_IT_CAME}),),
)
OPENLIT = Adapter(
    name="openlit_coding_agent",
    title="OpenLIT, `coding_agent.edit.decision`",
    keys=("coding_agent.edit.decision",),
    is_aside=True,
    kept=("coding_agent.edit.",),
    component=_COMPONENT,
    output_parts={"decision": ("coding_agent.edit.decision",)},
    reasons=(("coding_agent.edit.decision.source",),),
    outcomes=(Choice("coding_agent.edit.decision", {"accept*": "allow", "reject*": "deny", "*": AS_IT_CAME}),),
)
ADAPTERS = (CLAUDE_CODE, CODEX, OPENLIT)
