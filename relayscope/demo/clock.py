"""Simulated time, so that a request of thirty seconds is told in microseconds."""

from __future__ import annotations

_NANOSECONDS_PER_MS = 1_000_000


class Clock:
    """The present moment of one flow of work, in nanoseconds since the Unix epoch. It only moves forward."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def advance(self, milliseconds: float) -> None:
        """Lets ``milliseconds`` pass."""
        self.now_ns += max(0, round(milliseconds * _NANOSECONDS_PER_MS))

    def fork(self) -> Clock:
        """A clock for work that goes on beside this one."""
        return Clock(self.now_ns)

    def wait_for(self, *others: Clock) -> None:
        """Moves to the latest of ``others``, as a join of parallel work does."""
        self.now_ns = max(self.now_ns, *(other.now_ns for other in others))
