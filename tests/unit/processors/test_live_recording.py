"""What real instrumentations sent, against what the models knew: one interaction for each call, and nothing in it wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import pytest

from processors.ai.mapper import map_interactions
from tests.support.live_pair import PAIRS, RECORDINGS, Pair
from tests.support.live_shortfall import faults
from tests.support.otlp_recording import Recording
from tracedata import Interaction

of_every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)


@cache
def _recording(pair: Pair) -> Recording:
    return Recording.read(pair.recording)


@cache
def _interactions(pair: Pair) -> Sequence[Interaction]:
    return map_interactions(*_recording(pair).evidence)


def test_every_pair_has_its_recording() -> None:
    assert {path.stem for path in RECORDINGS.iterdir()} == {pair.name for pair in PAIRS}


@of_every_pair
def test_every_call_is_one_interaction_with_nothing_wrong_in_it(pair: Pair) -> None:
    assert faults(pair, _recording(pair).calls, _interactions(pair)) == []


@of_every_pair
def test_order_and_duplicates_change_nothing(pair: Pair) -> None:
    spans, records = _recording(pair).evidence
    spans, records = [*spans, *spans[::2]], [*records, *records[::2]]
    random.Random(7).shuffle(spans)
    random.Random(8).shuffle(records)

    assert _sorted(map_interactions(spans, records)) == _sorted(_interactions(pair))


def _sorted(interactions: Sequence[Interaction]) -> list[Interaction]:
    return sorted(interactions, key=lambda one: (one.trace_id, one.span_id))
