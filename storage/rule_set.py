"""Rule sets that are kept, so that a replay can be repeated: what was written stays as it is, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from tracedata import CallerError

RULE_SET_IMPORTED = "rule_set_imported"


class KeptRuleSet(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set that is kept. ``body`` is the text that was imported; ``imported_us`` is in Unix microseconds."""

    name: str
    version: str
    body: str
    imported_by: str
    imported_us: int


class RuleSetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set without its text."""

    name: str
    version: str
    imported_by: str
    imported_us: int
    chars: int


class OtherRuleSetError(CallerError):
    """There is a rule set of this name and version already, and it says something else."""


class RuleSets(Protocol):
    """Rule sets by name and version. Every method raises ``RetryableError`` without a store."""

    async def keep(
        self, workspace_id: int, *, name: str, version: str, body: str, imported_by: str
    ) -> tuple[KeptRuleSet, bool]:
        """Keeps it, and says whether it is new. The same one again changes nothing. Durable when it returns.

        Raises:
            OtherRuleSetError: another body is kept under this name and version.
        """
        ...

    async def get(self, workspace_id: int, *, name: str, version: str | None = None) -> KeptRuleSet | None:
        """The rule set; without a version, the one that was imported last."""
        ...

    async def summaries(self, workspace_id: int, *, name: str | None = None) -> Sequence[RuleSetSummary]:
        """All, or all versions of one name: by name, and the one that was imported last first."""
        ...
