"""Ids of traces as requests write them in bytes."""

from __future__ import annotations

from tracedata import CallerError

_FULL, _HALF = 16, 8


def read_trace_id(data: bytes) -> bytes:
    """16 bytes; of 8, the high half is zero.

    Raises:
        CallerError: it has another length.
    """
    if len(data) not in (_FULL, _HALF):
        raise CallerError("a trace id has 16 bytes, or 8")
    return data.rjust(_FULL, b"\0")
