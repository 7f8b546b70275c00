from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from relayscope.bench.workload import Days, Request, marked_request, requests

_NS_PER_DAY = 86_400 * 10**9
_SIZES = (10, 40)


def _spans(data: bytes) -> list[Span]:
    decoded = ExportTraceServiceRequest.FromString(data)
    return [span for resource in decoded.resource_spans for scope in resource.scope_spans for span in scope.spans]


def _days(load: Iterable[Request]) -> set[int]:
    """The days on which spans of a load start and end."""
    spans = [span for request in load for span in _spans(request.data)]
    return {moment // _NS_PER_DAY for span in spans for moment in (span.start_time_unix_nano, span.end_time_unix_nano)}


def test_a_load_has_as_many_spans_as_were_asked_for() -> None:
    load = requests(seed=1, spans=1_001, sizes=_SIZES)
    assert sum(request.spans for request in load) == 1_001
    assert [len(_spans(request.data)) for request in load] == [request.spans for request in load]
    assert all(_SIZES[0] <= request.spans <= _SIZES[1] for request in load[:-1])


def test_a_request_names_one_of_its_traces() -> None:
    for request in requests(seed=1, spans=200, sizes=_SIZES):
        assert request.trace_id in {span.trace_id for span in _spans(request.data)}


@pytest.mark.parametrize("days", [Days(first=20_000, count=1), Days(first=20_000, count=3)], ids=["one", "three"])
def test_spans_start_and_end_on_the_days_that_were_asked_for(days: Days) -> None:
    load = requests(seed=1, spans=2_000, sizes=_SIZES, days=days)
    assert _days(load) == set(range(days.first, days.first + days.count))


def test_the_time_of_day_goes_on_from_one_part_of_a_load_to_the_next() -> None:
    morning = requests(seed=1, spans=500, sizes=_SIZES, days=Days(first=20_000, count=2, fractions=(0.0, 0.5)))
    evening = requests(seed=2, spans=500, sizes=_SIZES, days=Days(first=20_000, count=2, fractions=(0.5, 1.0)))
    hours = [
        [span.start_time_unix_nano % _NS_PER_DAY for request in load for span in _spans(request.data)]
        for load in (morning, evening)
    ]
    # Starts lie up to a second before the moment of their request.
    assert max(hours[0]) <= _NS_PER_DAY // 2 + 10**9
    assert min(hours[1]) >= _NS_PER_DAY // 2 - 10**9


def test_seeds_share_no_ids() -> None:
    ids = [{request.trace_id for request in requests(seed=seed, spans=500, sizes=_SIZES)} for seed in (1, 2)]
    assert not ids[0] & ids[1]


def test_every_call_of_a_model_has_a_response_id_of_its_own() -> None:
    spans = [
        span for seed in (1, 2) for one in requests(seed=seed, spans=2_000, sizes=_SIZES) for span in _spans(one.data)
    ]
    told = [{one.key: one.value.string_value for one in span.attributes} for span in spans]
    calls = [attributes for attributes in told if "gen_ai.operation.name" in attributes]
    ids = [attributes["gen_ai.response.id"] for attributes in calls]
    assert len(calls) > 300
    assert len(set(ids)) == len(calls)
    assert all(re.fullmatch(r"chatcmpl-[0-9a-f]{24}", one) for one in ids)


def test_a_marked_request_has_one_span() -> None:
    trace_id = bytes(range(16))
    (span,) = _spans(marked_request(trace_id))
    assert (span.trace_id, len(span.span_id)) == (trace_id, 8)
    assert span.end_time_unix_nano > span.start_time_unix_nano
