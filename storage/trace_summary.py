"""Traces in a few numbers each, as Jaeger's search page lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class ServiceShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one service has in a trace."""

    service: str
    span_count: int
    error_count: int


class TraceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A trace without its spans.

    The root is the earliest span without a parent; a trace of which none came has empty names. Orphans name a parent
    that is not in the trace. Errors are spans with the status ERROR. ``services`` are sorted by name.
    """

    trace_id: bytes
    root_service: str
    root_operation: str
    start_time_unix_nano: int
    end_time_unix_nano: int
    span_count: int
    error_count: int
    orphan_count: int
    services: Sequence[ServiceShare]


class TraceSummaryReader(Protocol):
    """Answers for what is stored. Raises ``RetryableError`` when the store cannot be reached."""

    async def trace_summaries(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceSummary]:
        """Summaries of the given traces. Unknown ids are left out."""
        ...
