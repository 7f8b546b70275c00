"""LangGraph's commands: which node a graph goes to next, as OpenLLMetry tells it.

Source: https://github.com/traceloop/openllmetry/tree/main/packages/opentelemetry-instrumentation-langchain
"""

from __future__ import annotations

from processors.decisions.adapter.table import Adapter

_COMMAND = "langgraph.command."

ADAPTER = Adapter(
    name="langgraph",
    title="LangGraph, `langgraph.command.goto_node`",
    keys=(f"{_COMMAND}goto_node", f"{_COMMAND}goto_nodes"),
    is_aside=True,
    kept=(_COMMAND,),
    component="graph",
    input_parts={"from": (f"{_COMMAND}source_node",)},
    output_parts={"to": (f"{_COMMAND}goto_node", f"{_COMMAND}goto_nodes")},
    outcome="goto",
)
