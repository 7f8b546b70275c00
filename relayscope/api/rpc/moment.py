"""Times and durations of requests. Jaeger's Go code cannot leave a time out: one in the year 1, and no duration, mean "not set"."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from tracedata import CallerError

# 0001-01-01T00:00:00Z, Go's time without a value.
_YEAR_ONE_S = -62_135_596_800
_NS_PER_S = 1_000_000_000


def moment_us(timestamp: Timestamp) -> int | None:
    """Unix microseconds, not before 1970; None when it is not set. A message that is absent reads as 1970, so ask for it first."""
    if timestamp.seconds <= _YEAR_ONE_S:
        return None
    return max(0, timestamp.seconds * 1_000_000 + timestamp.nanos // 1_000)


def length_ns(duration: Duration) -> int | None:
    """Nanoseconds; None when there are none.

    Raises:
        CallerError: it is negative.
    """
    length = duration.seconds * _NS_PER_S + duration.nanos
    if length < 0:
        raise CallerError("a duration cannot be negative")
    return length or None
