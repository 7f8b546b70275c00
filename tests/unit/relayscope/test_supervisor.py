from __future__ import annotations

import pytest

from relayscope.supervisor import Backoff

_CASES: dict[str, tuple[list[float], list[float]]] = {
    "each had served for a while": ([1.0, 5.0, 3600.0], [0.0, 0.0, 0.0]),
    "none becomes ready": ([0.0] * 9, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]),
    "one serves in between": ([0.0, 0.5, 2.0, 0.0], [0.1, 0.2, 0.0, 0.1]),
}


@pytest.mark.parametrize(("served", "pauses"), _CASES.values(), ids=_CASES.keys())
def test_the_pause_before_a_process_is_started_again(served: list[float], pauses: list[float]) -> None:
    backoff = Backoff()
    assert [backoff.pause_after(seconds) for seconds in served] == pytest.approx(pauses)
