"""What a store gives for an export: everything that is meant, portion by portion, in one state of the store.

``tests/integration/storage/test_export_reader.py`` shows the one implementation against this.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from storage.api import Statement
from storage.decision_reader import DecisionFilter
from storage.interaction_reader import InteractionFilter
from tracedata import Decision, Interaction, Span

_Item_co = TypeVar("_Item_co", covariant=True)


class TraceSelection(Protocol):
    """Which traces are meant, as statements that somebody else made.

    ``traces`` yields ``(trace_id, spans)``, each trace once, by the start of its first span that was looked for, then by id; ``spans``
    is how many such spans all traces have together. ``matches`` tells which of some traces are meant, where ``traces`` is wider than
    that: any of its rows that has a ``trace_id`` says so. ``is_filtered``: something but the time was asked for.
    """

    @property
    def workspace_id(self) -> int: ...

    @property
    def is_filtered(self) -> bool: ...

    def traces(self) -> Statement: ...

    def matches(self, trace_ids: Sequence[bytes]) -> Statement | None: ...


class Exported(Protocol[_Item_co]):
    """What is exported, while it comes. No more than a portion of it is in memory."""

    @property
    def expected(self) -> int | None:
        """About how many items there are; None when nobody has counted."""
        ...

    def portions(self) -> AsyncIterator[Sequence[_Item_co]]:
        """Some items after some. To be walked once.

        Raises:
            RetryableError: the store cannot go on, or whoever reads has waited for too long.
        """
        ...


class ExportReader(Protocol):
    """Reads for exports, in one state of the store each, apart from other readers.

    The blocks raise ``RetryableError`` at their beginning when the store cannot be reached, or as many exports run as may. Leaving a
    block, or cancelling the task, ends what still runs. Rows of other workspaces are never visible.
    """

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    def spans(self, selection: TraceSelection) -> AbstractAsyncContextManager[Exported[Span]]:
        """All spans of the traces that are meant, trace by trace, each by start and id."""
        ...

    def interactions(self, where: InteractionFilter) -> AbstractAsyncContextManager[Exported[Interaction]]:
        """Interactions by start, trace id and span id, with their texts as they are kept."""
        ...

    def decisions(self, where: DecisionFilter) -> AbstractAsyncContextManager[Exported[Decision]]:
        """Single decisions by time, trace id and their own id, those without a trace too."""
        ...
