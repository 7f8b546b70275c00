"""The sources of decisions that are known, in order of precedence: the first that recognises a span reads it."""

from __future__ import annotations

from processors.decisions.adapter import (
    decision_trace,
    feature_flag,
    google_adk,
    handoff,
    haystack,
    langgraph,
    litellm,
    openinference,
    openlit,
    otel_guardrail,
    pydantic_ai,
    tool_permission,
)
from processors.decisions.adapter.table import Adapter

ADAPTERS: tuple[Adapter, ...] = (
    decision_trace.ADAPTER,
    *litellm.ADAPTERS,
    *pydantic_ai.ADAPTERS,
    haystack.ADAPTER,
    otel_guardrail.ADAPTER,
    handoff.ADAPTER,
    *openinference.ADAPTERS,
    langgraph.ADAPTER,
    google_adk.ADAPTER,
    feature_flag.ADAPTER,
    openlit.ADAPTER,
    *tool_permission.ADAPTERS,
)
