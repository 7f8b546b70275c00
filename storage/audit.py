"""What people changed, and statistics of what was redacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from storage.api import Window

POLICY_CHANGED = "redaction_policy"
REVEALED = "redaction_revealed"
APPLYING_AGAIN = "redaction_apply_started"
APPLIED_AGAIN = "redaction_applied"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One act. ``at_us`` is Unix microseconds; ``detail`` never holds a value that was redacted."""

    audit_id: int
    at_us: int
    actor: str
    action: str
    detail: Mapping[str, Any]


class AuditLog(Protocol):
    """Entries are added, and never changed or removed. Every method raises ``RetryableError`` without a store."""

    async def record(self, *, actor: str, action: str, workspace_id: int, detail: Mapping[str, object]) -> None:
        """Durable when it returns."""
        ...

    async def entries(self, workspace_id: int, *, limit: int, action: str | None = None) -> Sequence[AuditEntry]:
        """Newest first."""
        ...


class RedactionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often an entity was redacted below an attribute key, or at another place. ``spans`` counts log records as well."""

    entity: str
    key: str
    values: int
    spans: int


class RedactionStatistics(Protocol):
    """Sums over the receipts of spans that start in a window, and of log records of that time."""

    async def redaction_counts(self, window: Window, *, limit: int) -> Sequence[RedactionCount]:
        """The most frequent first."""
        ...
