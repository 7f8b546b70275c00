"""What real instrumentations sent, sent again as it was, in several orders: one row for each call, whatever comes first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

import pytest

from tests.support.live_pair import PAIRS, Pair
from tests.support.live_shortfall import faults
from tests.support.otlp_recording import LOGS, TRACES, OtlpRequest, Recording, sending
from tests.support.stored_interaction import stored_interactions
from tests.support.system import System
from tests.support.waiting import wait_until

# What writers may not have seen of each other is looked at once more after a quarter of a minute.
_SETTLED_S = 30.0
Requests = Sequence[OtlpRequest]
_ORDERS: Mapping[str, Callable[[Requests], Requests]] = MappingProxyType(
    {
        "as it came": lambda requests: requests,
        "log records first": lambda requests: sorted(requests, key=lambda request: request.path == TRACES),
        "log records last": lambda requests: sorted(requests, key=lambda request: request.path == LOGS),
        "backwards and twice": lambda requests: [*reversed(requests), *requests],
    }
)


# Without log records, two orders are the same.
_CASES = [
    (pair, order)
    for pair in PAIRS
    for order in _ORDERS
    if "log records" not in order or any(request.path == LOGS for request in Recording.read(pair.recording).requests)
]
_SENDERS = 4


class Sent(NamedTuple):
    """What was sent, by pair and order: each time with ids of its own; and when it should be settled, on the monotonic clock."""

    recordings: Mapping[tuple[str, str], Recording]
    settled_at: float


@pytest.fixture(scope="module")
def sent(system: System) -> Sent:
    recordings = {(pair.name, order): Recording.read(pair.recording).renamed() for pair, order in _CASES}
    with sending(system.ready) as send, ThreadPoolExecutor(_SENDERS) as executor:

        def send_all(case: tuple[str, str]) -> None:
            for request in _ORDERS[case[1]](recordings[case].requests):
                send(request)

        list(executor.map(send_all, recordings))
    return Sent(recordings, time.monotonic() + _SETTLED_S)


@pytest.mark.parametrize(("pair", "order"), _CASES, ids=[f"{pair.name}, {order}" for pair, order in _CASES])
def test_every_call_is_one_row(system: System, sent: Sent, pair: Pair, order: str) -> None:
    recording = sent.recordings[pair.name, order]
    left_s = max(sent.settled_at - time.monotonic(), 0.1)

    def faults_now() -> list[str]:
        return faults(pair, recording.calls, stored_interactions(system.ready.database_url, recording.trace_ids))

    # What stays wrong is told.
    with suppress(AssertionError):
        wait_until(lambda: not faults_now(), "the rows are those of the calls", timeout_s=left_s)
    assert faults_now() == []
