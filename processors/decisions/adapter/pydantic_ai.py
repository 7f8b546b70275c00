"""Pydantic AI's decisions by a model: a route when it names one, else answers to questions.

Source: https://ai.pydantic.dev/logfire/
"""

from __future__ import annotations

from processors.decisions.adapter.table import Adapter

_DECISION = "pydantic_ai.decision."
_ASKED = {
    "questions": (f"{_DECISION}questions",),
    "state": (f"{_DECISION}state",),
    "thresholds": (f"{_DECISION}thresholds",),
}
_ANSWERED = {"answers": (f"{_DECISION}answers",), "confidence": (f"{_DECISION}confidence",)}

ROUTE = Adapter(
    name="pydantic_ai",
    title="Pydantic AI, `decide` with a route",
    keys=(f"{_DECISION}route", f"{_DECISION}route_question"),
    kept=(f"{_DECISION}route",),
    type="model_selection",
    component="decide",
    components=("gen_ai.agent.name",),
    input_parts=_ASKED,
    output_parts={"selected": (f"{_DECISION}route", f"{_DECISION}answers#route.choice"), **_ANSWERED},
    reasons=((f"{_DECISION}route_reason",),),
    rule_name=(f"{_DECISION}route_question",),
    candidates=(f"{_DECISION}route_options",),
    is_timed=True,
)
DECIDE = Adapter(
    name="pydantic_ai",
    title="Pydantic AI, `decide`",
    keys=(f"{_DECISION}questions", f"{_DECISION}answers"),
    kept=(f"{_DECISION}route",),
    component="decide",
    components=("gen_ai.agent.name",),
    input_parts=_ASKED,
    output_parts=_ANSWERED,
    outcome="answered",
    is_timed=True,
)
ADAPTERS = (ROUTE, DECIDE)
