"""Strands Agents: GenAI attributes and span events; the agent's tokens are sums over its life."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Moment

CONVENTION = Convention(
    name="strands",
    title="Strands Agents",
    scopes=("strands.*", "strands-agents*"),
    markers=("event_loop.cycle_id",),
    operations=(Choice("gen_ai.operation.name", {"execute_event_loop_cycle": "workflow"}),),
    names={
        "execute_event_loop_cycle": "workflow",
        "Cycle ": "workflow",
        "Model invoke": "chat",
        "Tool: ": "tool",
        "execute_tool": "tool",
        "invoke_agent": "agent",
    },
    first_token=(Moment("gen_ai.server.time_to_first_token", "ms"),),
)
