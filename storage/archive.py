"""Traces that are kept for longer than retention would keep them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

TRACE_ARCHIVED = "trace.archived"
TRACE_UNARCHIVED = "trace.unarchived"


class ArchivedTrace(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trace in the archive: how many of its spans are kept there, and since when."""

    trace_id: bytes
    archived_at: datetime
    span_count: int


class TraceArchive(Protocol):
    """Keeps copies of whole traces. Reading a trace by its id finds what is kept here as well, and no span twice.

    Every method raises ``RetryableError`` when the store cannot be reached.
    """

    async def archive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> ArchivedTrace | None:
        """Keeps all spans that the trace has now, in one transaction; none when there is no such trace.

        Idempotent: what is kept already stays, and what has come since is added. Spans that come after the last call
        are kept too if they are still there when retention would remove them.
        """
        ...

    async def unarchive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> bool:
        """Lets go of a trace; false when it was not kept. What retention has not removed yet stays readable."""
        ...

    async def archived(self, workspace_id: int, trace_id: bytes) -> ArchivedTrace | None:
        """A trace of the archive; none when it is not there."""
        ...
