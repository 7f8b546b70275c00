"""What real instrumentations sent, sent again as it was, in several orders: one row for each call, whatever comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

import pytest

from tests.support.live_pair import PAIRS, Pair
from tests.support.live_shortfall import faults
from tests.support.otlp_recording import LOGS, TRACES, OtlpRequest, Recording, sender
from tests.support.stored_interaction import stored_interactions
from tests.support.system import System
from tests.support.waiting import wait_until

_SETTLED_S = 15.0
Requests = Sequence[OtlpRequest]
_ORDERS: Mapping[str, Callable[[Requests], Requests]] = MappingProxyType(
    {
        "as it came": lambda requests: requests,
        "log records first": lambda requests: sorted(requests, key=lambda request: request.path == TRACES),
        "log records last": lambda requests: sorted(requests, key=lambda request: request.path == LOGS),
        "backwards and twice": lambda requests: [*reversed(requests), *requests],
    }
)


@pytest.fixture(scope="module")
def sent(system: System) -> Mapping[tuple[str, str], Recording]:
    """By pair and order, what was sent: each time with ids of its own."""
    send = sender(system.ready)
    recordings = {}
    for pair in PAIRS:
        for order, ordered in _ORDERS.items():
            recording = Recording.read(pair.recording).renamed()
            for request in ordered(recording.requests):
                send(request)
            recordings[pair.name, order] = recording
    return recordings


@pytest.mark.parametrize("order", _ORDERS)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_call_is_one_row(
    system: System, sent: Mapping[tuple[str, str], Recording], pair: Pair, order: str
) -> None:
    recording = sent[pair.name, order]

    def faults_now() -> list[str]:
        return faults(pair, recording.calls, stored_interactions(system.ready.database_url, recording.trace_ids))

    # Parts of a trace are settled within a second or so; what stays wrong is told.
    with suppress(AssertionError):
        wait_until(lambda: not faults_now(), "the rows are those of the calls", timeout_s=_SETTLED_S)
    assert faults_now() == []
