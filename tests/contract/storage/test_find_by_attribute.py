"""Any attribute, wherever it stands and whatever came when: what is found is what a look at every span finds."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.api import Tag, TraceSearch
from tests.support.factory import BASE_US, HOUR_US, merged, resource, search, span, workspace
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.store import Store
from tests.support.strategies import unhurried
from tracedata import Event, Link, Scope, Span, Value
from tracedata.printed import printed

_KEYS = ("k", "other", "resource.k")
# Those that are alike in Python, in JSON or in print, and are not everywhere.
_SCALARS: tuple[Value, ...] = (
    *("", "x", "1", "true", "-0", "AQ==", "[1]", '{"a":1}', "1152921504606847000"),
    *(0, 1, 2**60, 0.0, -0.0, 1.0, 1.5, 2.0**60, 1e21, float("inf")),
    *(True, False, None, b"", b"\x01"),
)
_values = st.sampled_from(_SCALARS) | st.lists(st.sampled_from(_SCALARS), max_size=2) | st.just({"a": 1})
_held = st.dictionaries(st.sampled_from(_KEYS), _values, max_size=2)
# Within a minute, an hour before, and a month before.
_starts_us = st.integers(0, 3).map(lambda offset: BASE_US + offset) | st.sampled_from(
    [BASE_US - HOUR_US, BASE_US - 30 * 24 * HOUR_US]
)


@st.composite
def _spans(draw: st.DrawFn) -> Span:
    start = draw(_starts_us) * 1_000
    places = merged(
        {"attributes": draw(_held), "resource": resource(draw(st.sampled_from(["a", "b"])), draw(_held))},
        {"scope": Scope(name="s", attributes=draw(_held)), "start_time_unix_nano": start, "end_time_unix_nano": start},
        {"events": [Event(attributes=draw(_held))], "links": [Link(attributes=draw(_held))]},
    )
    return span(**places)


def _tag(draw: st.DrawFn, sent: Sequence[Span]) -> Tag:
    """Mostly one that holds somewhere."""
    held = [
        (prefix + key, value)
        for one in sent
        for prefix, attributes in (
            ("", one.attributes),
            ("", one.resource.attributes),
            ("resource.", one.resource.attributes),
            ("", one.scope.attributes),
            ("", one.events[0].attributes),
            ("", one.links[0].attributes),
        )
        for key, value in attributes.items()
    ]
    some = [(key, value) for key in _KEYS for value in _SCALARS]
    is_held = bool(held) and draw(st.integers(0, 3)) > 0
    key, value = draw(st.sampled_from(held if is_held else some))
    return Tag(key=key, value=printed(value))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[list[Span]], TraceSearch]:
    batches = draw(st.lists(st.lists(_spans(), min_size=1, max_size=4), min_size=1, max_size=5))
    sent = [one for ones in batches for one in ones]
    asked = search(
        workspace_id=workspace(),
        start_us=BASE_US - 60 * 24 * HOUR_US,
        end_us=BASE_US + HOUR_US,
        limit=draw(st.integers(1, 3)),
        service=draw(st.sampled_from([None, None, "a"])),
        tags=[_tag(draw, sent) for _ in range(draw(st.integers(1, 2)))],
    )
    return batches, asked


@settings(unhurried, max_examples=120)
@given(_cases())
async def test_any_attribute_is_found_in_order(store: Store, case: tuple[list[list[Span]], TraceSearch]) -> None:
    batches, asked = case
    double = MemoryStore()
    oracle = Store(
        writer=double, reader=double, logs=double.logs, frames=MemoryFrames(double), samples=MemorySamples(double)
    )
    # The last batch comes twice.
    for one in (store, oracle):
        for ones in (*batches, batches[-1]):
            await one.put(*ones, workspace_id=asked.workspace_id)
    assert await store.pages(asked) == await oracle.pages(asked)
