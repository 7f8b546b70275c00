"""How long to wait before a request is sent again.

Exponential, with jitter, as the Collector's exporters do:
https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper.
"""

from __future__ import annotations

import random

import msgspec

# Whoever asks for more than this is not waited for so long.
_MAX_ASKED_S = 600.0


class RetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``max_elapsed_time_s`` of 0 is never given up."""

    enabled: bool = True
    initial_interval_s: float = 5.0
    multiplier: float = 1.5
    randomization_factor: float = 0.5
    max_interval_s: float = 30.0
    max_elapsed_time_s: float = 300.0


class Retry:
    """The pauses of one request, which was first sent at the time ``born`` (in seconds of any clock)."""

    def __init__(self, config: RetryConfig, *, born: float, dice: random.Random) -> None:
        self._config = config
        self._born = born
        self._dice = dice
        self._interval_s = config.initial_interval_s

    def pause(self, now: float, *, asked_s: float = 0.0) -> float | None:
        """Seconds to wait, at least as many as the destination asked for; none when the request is to be given up."""
        config = self._config
        spread = config.randomization_factor * self._interval_s
        pause_s = self._interval_s + self._dice.uniform(-spread, spread)
        self._interval_s = min(self._interval_s * config.multiplier, config.max_interval_s)
        pause_s = max(pause_s, min(asked_s, _MAX_ASKED_S))
        is_late = 0 < config.max_elapsed_time_s < now + pause_s - self._born
        return None if is_late or not config.enabled else pause_s
