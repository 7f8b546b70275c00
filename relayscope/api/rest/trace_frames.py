"""The frames of one trace, as many as are looked at together."""

from collections.abc import Sequence
from typing import NamedTuple

from relayscope.api.rest.traces import NO_SUCH_TRACE
from storage.frame import FrameReader, SpanFrame
from tracedata import NotFoundError

# The most spans of a trace that are looked at together: frames of so many take about 100 MB while they are.
MAX_FRAMES = 200_000


class TraceFrames(NamedTuple):
    """The frames, of which there is one at least; ``is_complete`` when the trace has no more."""

    spans: Sequence[SpanFrame]
    is_complete: bool


async def read_frames(
    reader: FrameReader, workspace_id: int, trace_id: bytes, *, missing: str = NO_SUCH_TRACE
) -> TraceFrames:
    """The frames of a trace.

    Raises:
        NotFoundError: there is no such trace, which ``missing`` says.
    """
    found = await reader.frames(workspace_id, trace_id, limit=MAX_FRAMES + 1)
    if not found:
        raise NotFoundError(missing)
    return TraceFrames(found[:MAX_FRAMES], is_complete=len(found) <= MAX_FRAMES)
