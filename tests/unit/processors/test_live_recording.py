"""What real instrumentations sent, against what the models knew: one interaction for each call, and nothing in it wrong."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache

import pytest

from processors.ai.mapper import Mapper
from processors.ai.price import Prices
from tests.support.live_pair import PAIRS, RECORDINGS, Pair
from tests.support.live_shortfall import TABLE_HEAD, faults, table, unknown
from tests.support.live_truth import MESSAGE_FIELDS, Said, compare_messages
from tests.support.otlp_recording import Recording
from tests.support.repository import ROOT
from tracedata import Interaction

of_every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)


_MAPPER = Mapper(Prices().cost)


@cache
def _recording(pair: Pair) -> Recording:
    return Recording.read(pair.recording)


@cache
def _interactions(pair: Pair) -> Sequence[Interaction]:
    return _MAPPER.interactions(*_recording(pair).evidence)


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

    assert _sorted(_MAPPER.interactions(spans, records)) == _sorted(_interactions(pair))


@of_every_pair
def test_messages_are_those_that_went_over_the_wire(pair: Pair) -> None:
    spans, records = _recording(pair).evidence
    by_place = {(span.trace_id, span.span_id): span for span in spans}
    calls = {call.response_id: call for call in _recording(pair).calls if call.response_id}
    told = [one for one in _interactions(pair) if one.response_id in calls]
    found: dict[tuple[int, str], Said] = {}
    for one in told:
        places = [(source.trace_id, source.span_id) for source in one.sources]
        said = _MAPPER.conversation(
            [by_place[place] for place in places if place in by_place],
            [record for record in records if (record.trace_id, record.span_id) in places],
        )
        found |= compare_messages(calls[one.response_id], said)

    assert len(told) == len(calls)
    assert unknown(pair, _recording(pair).calls, found, MESSAGE_FIELDS) == []


def _sorted(interactions: Sequence[Interaction]) -> list[Interaction]:
    return sorted(interactions, key=lambda one: (one.trace_id, one.span_id))


def test_shortfalls_are_documented(request: pytest.FixtureRequest) -> None:
    path = ROOT / "docs" / "conventions-live.md"
    if request.config.getoption("--update-golden"):
        path.write_text(re.sub(f"{re.escape(TABLE_HEAD)}(?:\\|.*\n)*", lambda _: f"{table()}\n", path.read_text()))
    assert f"{table()}\n\n" in path.read_text(), "--update-golden writes it"
