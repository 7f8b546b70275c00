"""The order of events: every scenario once, then at random by weight, with a settlement now and then."""

from __future__ import annotations

import random
import secrets
from collections import deque
from collections.abc import Sequence

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanContext

from relayscope.demo.clock import Clock
from relayscope.demo.scenario import SCENARIOS, Scenario, settle_usage
from relayscope.demo.scene import Scene
from relayscope.demo.service import SeededIdGenerator, build_fleet

_SETTLE_EVERY = 8
_SETTLEMENT_S = 1.0


class Simulation:
    """RelayCore at work.

    What happens depends on ``seed`` only. Ids depend on ``seed`` and ``nonce``, so that a second run with the same
    seed makes new traces instead of the same ones again; with the same nonce, ids are the same too.
    """

    def __init__(
        self,
        *,
        seed: int,
        processors: Sequence[SpanProcessor],
        log_processors: Sequence[LogRecordProcessor] = (),
        nonce: str | None = None,
    ) -> None:
        identity = random.Random(f"{seed}/{nonce or secrets.token_hex(16)}")
        self._scene = Scene(
            fleet=build_fleet(processors=processors, ids=SeededIdGenerator(identity), log_processors=log_processors),
            chance=random.Random(seed),
            identity=identity,
        )
        self._coming: deque[Scenario] = deque(SCENARIOS)
        self._published: list[SpanContext] = []

    def play(self, *, before_ns: int) -> str:
        """Plays one trace that has ended by ``before_ns`` (Unix nanoseconds), and returns the scenario's name."""
        if len(self._published) >= _SETTLE_EVERY:
            return self._settle(before_ns)
        scenario = self._next()
        ending = scenario.play(self._scene, _clock(before_ns, scenario.longest_s))
        if ending.published is not None:
            self._published.append(ending.published)
        return scenario.name

    def _next(self) -> Scenario:
        if self._coming:
            return self._coming.popleft()
        return self._scene.chance.choices(SCENARIOS, weights=[scenario.weight for scenario in SCENARIOS])[0]

    def _settle(self, before_ns: int) -> str:
        settle_usage(self._scene, _clock(before_ns, _SETTLEMENT_S), tuple(self._published))
        self._published.clear()
        return settle_usage.__name__


def _clock(before_ns: int, seconds: float) -> Clock:
    return Clock(before_ns - round(seconds * 1e9))
