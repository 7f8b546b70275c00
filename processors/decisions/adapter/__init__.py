"""The sources of decisions that are known, in order of precedence: the first that recognises a span reads it."""

from __future__ import annotations

from processors.decisions.adapter import decision_trace
from processors.decisions.adapter.table import Adapter

ADAPTERS: tuple[Adapter, ...] = (decision_trace.ADAPTER,)
