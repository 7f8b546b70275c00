"""Traces of any size in narrow columns: what there is to know of a span without its attributes, events and links.

``tests/contract/storage`` holds the suite that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from storage.api import SpanCursor
from tracedata import Span


class SpanFrame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span without what can be large. ``service`` is as long as it is stored; a root has no ``parent_span_id``."""

    span_id: bytes
    parent_span_id: bytes
    name: str
    service: str
    kind: int
    start_time_unix_nano: int
    duration_ns: int
    status_code: int

    @property
    def end_time_unix_nano(self) -> int:
        """Before the start when the clock stepped back."""
        return self.start_time_unix_nano + self.duration_ns


class FramedSpan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A frame on a page. ``children`` counts the spans of the whole trace that name this id as their parent's.

    ``has_interaction`` says that an AI interaction is kept under this id.
    """

    frame: SpanFrame
    children: int
    has_events: bool
    has_links: bool
    has_redactions: bool
    has_interaction: bool = False


class FramePage(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of one trace by start and id; ``cursor`` when there may be more."""

    spans: Sequence[FramedSpan]
    cursor: SpanCursor | None = None


class FrameReader(Protocol):
    """Answers for single traces. Rows of other workspaces are never visible; an unknown trace has no spans.

    The order of spans is everywhere that of ``SpanReader.trace_spans``. Every method raises ``RetryableError`` when the
    store cannot be reached.
    """

    async def frame_page(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> FramePage:
        """The frames of one trace after a place, at most ``limit``; following cursors gives each span once."""
        ...

    async def frames(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[SpanFrame]:
        """The frames of one trace, in order, the first ``limit`` of them."""
        ...

    async def lineage(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """Of each span of a trace, in order, its id and its parent's, which is empty for a root; the first ``limit``."""
        ...

    async def spans_with_ids(
        self, workspace_id: int, trace_id: bytes, span_ids: Sequence[bytes], *, limit: int
    ) -> Sequence[Span]:
        """The whole spans with any of these ids, in order, the first ``limit``: different spans can have the same id."""
        ...
