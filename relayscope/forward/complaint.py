"""What an exporter writes into the log: that something is wrong, when it is over, and no line for each request."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

_INTERVAL_S = 60.0


class Complaint:
    """At most a line of each sort a minute. Codes and counts only: the destination's own words can quote data."""

    def __init__(self, log: logging.Logger, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._name = name
        self._now = now
        self._is_away = False
        self._last: dict[str, float] = {}
        self._lost: Counter[str] = Counter()

    def away(self, code: str) -> None:
        """A request failed, and will be sent again."""
        if self._is_time("away"):
            self._is_away = True
            self._log.warning(
                "exporter %s: the destination does not take requests (%s); trying again", self._name, code
            )

    def refused(self, code: str) -> None:
        """A request failed for good."""
        if self._is_time("refused"):
            self._log.warning("exporter %s: the destination refused a request for good (%s)", self._name, code)

    def answered(self) -> None:
        """A request was taken."""
        if self._is_away:
            self._is_away = False
            self._log.info("exporter %s: the destination takes requests again", self._name)

    def lost(self, items: int, reason: str) -> None:
        """Items will not arrive."""
        self._lost[reason] += items
        if self._is_time("lost"):
            counts = ", ".join(f"{name}: {count}" for name, count in sorted(self._lost.items()))
            self._lost.clear()
            self._log.warning("exporter %s: spans and log records were not sent on (%s)", self._name, counts)

    def _is_time(self, sort: str) -> bool:
        now = self._now()
        if now - self._last.get(sort, -_INTERVAL_S) < _INTERVAL_S:
            return False
        self._last[sort] = now
        return True
