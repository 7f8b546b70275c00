"""Samples of the newest spans: keys and values of attributes, and failed spans."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import pytest

from storage.sample import MAX_VALUE_CHARS, AttributePlace, SampleWindow
from tests.support.canonical import same_spans
from tests.support.factory import BASE_US, HOUR_US, SECOND_US, full_span, span
from tests.support.store import Store
from tracedata import Attributes, Event, Link, Resource, Scope, StatusCode
from tracedata.typed_json import encode_value

_ODD: Attributes = {
    "text": "a",
    "yes": True,
    "one": 1,
    "1.0": 1.0,
    "nan": math.nan,
    "huge": 1e300,
    "bytes": b"\x00\x01",
    "list": [1, "a", None],
    "map": {"a": 1},
    "tagged map": {"$bytes": 1},
    "map like bytes": {"b": 2, "$bytes": "AAA="},
    "map in a map": {"$map": {"a": 1}},
    "empty": None,
    "": "no key",
    "a/b?c=d.e%": "odd key",
    "…\n'\"": "odder key",
}


def _window(*, service: str | None = None, start_us: int = -HOUR_US, end_us: int = HOUR_US) -> SampleWindow:
    return SampleWindow(workspace_id=1, start_us=BASE_US + start_us, end_us=BASE_US + end_us, service=service)


async def _fill(store: Store) -> None:
    await store.put(
        full_span(),
        span(attributes=_ODD, scope=Scope(name="x", attributes=_ODD)),
        *(span(service="api", at_us=n, attributes={"n": n % 3, "long": "x" * (n * 100)}) for n in range(7)),
        span(
            resource=Resource(attributes={"service.name": "api", "one": 1.5}),
            events=[Event(attributes=_ODD), Event(attributes={"one": 2})],
            links=[Link(attributes=_ODD)],
        ),
        span(at_us=2 * HOUR_US, attributes={"late": 1}),
    )
    await store.put(span(attributes={"other": 1}), workspace_id=2)


@pytest.mark.parametrize(
    "window",
    [_window(), _window(service="api"), _window(start_us=3, end_us=5), _window(service="nobody")],
    ids=["all", "a service", "some microseconds", "none"],
)
async def test_keys_are_those_of_the_oracle(store: Store, oracle: Store, window: SampleWindow) -> None:
    for one in (store, oracle):
        await _fill(one)
    found, expected = await store.samples.attribute_keys(window), await oracle.samples.attribute_keys(window)
    assert (found.sampled, found.is_complete) == (expected.sampled, True)
    assert sorted(found.keys, key=repr) == sorted(expected.keys, key=repr)


async def test_values_are_those_of_the_oracle(store: Store, oracle: Store) -> None:
    for one in (store, oracle):
        await _fill(one)
    places: Sequence[AttributePlace | None] = (None, "event")
    for key, place in itertools.product([*_ODD, "n", "long", "service.name", "nowhere"], places):
        found = await store.samples.attribute_values(_window(), key=key, place=place)
        expected = await oracle.samples.attribute_values(_window(), key=key, place=place)
        assert (found.sampled, found.is_complete) == (expected.sampled, True)
        # As text, since a number that is none equals nothing.
        assert sorted((one.place, encode_value(one.value), one.count) for one in found.values) == sorted(
            (one.place, encode_value(one.value), one.count) for one in expected.values
        )


async def test_long_values_are_left_out(store: Store) -> None:
    await store.put(*(span(attributes={"a": "x" * length}) for length in (1, MAX_VALUE_CHARS)))
    found = await store.samples.attribute_values(_window(), key="a")
    assert [one.value for one in found.values] == ["x"]


_CASES: Mapping[str, int] = {"some": 2, "all": 9}


@pytest.mark.parametrize("limit", _CASES.values(), ids=_CASES.keys())
async def test_failed_spans_are_the_newest_of_a_service_and_name(store: Store, limit: int) -> None:
    failed = [
        span(at_us=n * SECOND_US, name="GET /", status_code=StatusCode.ERROR, status_message=str(n)) for n in range(4)
    ]
    await store.put(
        *failed,
        span(name="GET /"),
        span(name="other", status_code=StatusCode.ERROR),
        span(service="other", name="GET /", status_code=StatusCode.ERROR),
    )
    found = await store.samples.failed_spans(_window(service="checkout"), operation="GET /", limit=limit)
    assert same_spans(found.spans, failed[::-1][:limit])
    assert [one.status_message for one in found.spans] == ["3", "2", "1", "0"][:limit]
    assert found.is_complete == (limit > 4)
