"""What is written comes back, whole, once, and to its own workspace only."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.api import Operation
from tests.support import strategies
from tests.support.canonical import canonical, same_spans
from tests.support.factory import (
    BASE_US,
    MAX_INT64,
    MAX_UINT32,
    MAX_UINT64,
    MIN_INT64,
    SpanFields,
    batch,
    full_event,
    full_link,
    full_resource,
    full_scope,
    full_span,
    resent,
    resource,
    span,
    span_id,
    trace_id,
    workspace,
)
from tests.support.store import Store
from tracedata import Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

VALUES: dict[str, Value] = {
    "string": "checkout",
    "empty string": "",
    "string of all planes": "e\u0301 \uffff \U0001f600",
    "string like a number": "200",
    "string like JSON": '{"$bytes":"AQ=="}',
    "true": True,
    "false": False,
    "int": 1,
    "int zero": 0,
    "smallest int": MIN_INT64,
    "largest int": MAX_INT64,
    "int no double holds": 2**53 + 1,
    "whole double": 1.0,
    "double zero": 0.0,
    "negative double zero": -0.0,
    "fraction": 0.1,
    "huge double": 1e300,
    "largest double": 1.7976931348623157e308,
    "tiny double": 5e-324,
    "double beyond int64": 2.0**63,
    "infinity": math.inf,
    "negative infinity": -math.inf,
    "not a number": math.nan,
    "bytes": b"\x00\xff\x80",
    "empty bytes": b"",
    "empty value": None,
    "array": ["a", "b"],
    "empty array": [],
    "mixed array": [1, 1.0, True, "1", b"1", None, [], {}],
    "map": {"b": 1, "a": 2.0},
    "empty map": {},
    "nested": {"list": [{"deep": [b"\x01", {"": None}]}]},
    "map like encoded bytes": {"$bytes": "AQ=="},
    "map like encoded bytes, with more": {"$bytes": "AQ==", "x": 1},
    "map like an encoded double": {"$double": "NaN"},
    "map like an escaped map": {"$map": {"$bytes": "AQ=="}},
    "map with a key of dollars": {"$$bytes": "AQ==", "$": "x"},
}

FIELDS: dict[str, SpanFields] = {
    "root": {"parent_span_id": b""},
    "child": {"parent_span_id": span_id()},
    "no name": {"name": ""},
    "long name": {"name": "n" * 3_000},
    "trace state": {"trace_state": "vendor=1,other=2"},
    "largest flags": {"flags": MAX_UINT32},
    **{f"kind {kind.name.lower()}": {"kind": kind} for kind in SpanKind},
    "kind of the future": {"kind": 77},
    **{f"status {code.name.lower()}": {"status_code": code} for code in StatusCode},
    "status message": {"status_message": "card refused", "status_code": StatusCode.ERROR},
    "status message without a status": {"status_message": "odd"},
    "largest dropped counts": {
        "dropped_attributes_count": MAX_UINT32,
        "dropped_events_count": MAX_UINT32,
        "dropped_links_count": MAX_UINT32,
    },
    "nanoseconds": {"start_time_unix_nano": BASE_US * 1_000 + 1, "end_time_unix_nano": BASE_US * 1_000 + 1_999},
    "no duration": {"start_time_unix_nano": BASE_US * 1_000, "end_time_unix_nano": BASE_US * 1_000},
    "end before start": {"start_time_unix_nano": BASE_US * 1_000, "end_time_unix_nano": BASE_US * 1_000 - 1_001},
    "no time at all": {"start_time_unix_nano": 0, "end_time_unix_nano": 0},
    "the last time there is": {"start_time_unix_nano": MAX_UINT64, "end_time_unix_nano": MAX_UINT64},
    "longest duration": {"start_time_unix_nano": 0, "end_time_unix_nano": MAX_INT64},
    "shortest duration": {"start_time_unix_nano": MAX_INT64, "end_time_unix_nano": 0},
    "many attributes": {"attributes": {f"key.{number}": number for number in range(300)}},
    "unsorted keys": {"attributes": {"b": 1, "a": 2, "": 3, "A": 4}},
    "empty event and link": {"events": [Event()], "links": [Link()]},
    "events in the order sent": {"events": [full_event(time_unix_nano=time) for time in (3, 1, 2)]},
    "event at the last time": {"events": [full_event(time_unix_nano=MAX_UINT64)]},
    "the same event twice": {"events": [full_event(), full_event()]},
    "link ids of odd lengths": {"links": [Link(trace_id=b"\x01", span_id=b"\x02" * 9)]},
    "no resource": {"resource": Resource()},
    "no scope": {"scope": Scope()},
    "full resource": {"resource": full_resource()},
    "full scope": {"scope": full_scope()},
    "redactions": {
        "redactions": {"EMAIL_ADDRESS": 3},
        "redacted_keys": {"name": {"EMAIL_ADDRESS": 3}},
        "redaction_policy": "fedcba9876543210/2",
    },
}

OTHER_CONTENT: dict[str, SpanFields] = {
    "parent": {"parent_span_id": span_id()},
    "trace state": {"trace_state": "other=1"},
    "flags": {"flags": 0},
    "name": {"name": "another"},
    "kind": {"kind": SpanKind.CLIENT},
    "start": {"start_time_unix_nano": BASE_US * 1_000 + 124},
    "end": {"end_time_unix_nano": BASE_US * 1_000 + 123_456_790},
    "attribute value": {"attributes": {"http.status_code": 500}},
    "attribute type": {"attributes": {"http.status_code": 200.0}},
    "dropped attributes": {"dropped_attributes_count": 99},
    "events": {"events": [full_event()]},
    "dropped events": {"dropped_events_count": 99},
    "links": {"links": [full_link()]},
    "dropped links": {"dropped_links_count": 99},
    "status": {"status_code": StatusCode.OK},
    "status message": {"status_message": "another"},
    "resource": {"resource": full_resource("another")},
    "scope": {"scope": Scope(name="another")},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
async def test_every_value_comes_back_from_every_place(store: Store, value: Value) -> None:
    held = {"k": value}
    sent = span(
        attributes=held,
        resource=resource(attributes=held),
        scope=Scope(name="s", attributes=held),
        events=[Event(attributes=held)],
        links=[Link(attributes=held)],
    )
    await store.put(sent)
    assert canonical(await store.trace(sent.trace_id)) == canonical([sent])


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
async def test_every_field_comes_back(store: Store, fields: SpanFields) -> None:
    sent = span(**fields)
    await store.put(sent)
    assert canonical(await store.trace(sent.trace_id)) == canonical([sent])


async def test_a_span_with_every_field_set_comes_back(store: Store) -> None:
    sent = full_span()
    await store.put(sent)
    assert canonical(await store.trace(sent.trace_id)) == canonical([sent])


@settings(strategies.unhurried, max_examples=25)
@given(sent=st.lists(strategies.spans(allow_nan=True), min_size=1, max_size=4))
async def test_any_spans_come_back(store: Store, sent: list[Span]) -> None:
    owner = workspace()
    await store.put(*sent, workspace_id=owner)
    found = await store.reader.get_traces(owner, [one.trace_id for one in sent])
    expected = {canonical(one): one for one in sent}.values()
    assert same_spans((one for spans in found.values() for one in spans), expected)
    assert all(one.trace_id == held_under for held_under, spans in found.items() for one in spans)


async def test_a_missing_attribute_is_not_an_empty_one(store: Store) -> None:
    sent = [span(attributes=held) for held in ({}, {"k": None}, {"k": ""})]
    await store.put(*sent)
    for one in sent:
        assert canonical(await store.trace(one.trace_id)) == canonical([one])


async def test_the_duration_stays_negative(store: Store) -> None:
    sent = span(lasting_ns=-1_500)
    await store.put(sent)
    assert [one.duration_ns for one in await store.trace(sent.trace_id)] == [-1_500]


async def test_a_batch_counts_as_accepted_and_passes_its_rejections_on(store: Store) -> None:
    sent = replace(batch(span(), span()), rejections={"no_trace_id": 3})
    receipt = await store.writer.consume(sent)
    assert (receipt.accepted, receipt.rejected) == (2, 3)
    assert dict(receipt.rejections) == {"no_trace_id": 3}


async def test_an_empty_batch_is_fine(store: Store) -> None:
    assert (await store.put()).accepted == 0


async def test_sent_five_times_stored_once(store: Store) -> None:
    sent = full_span()
    for _ in range(5):
        assert (await store.put(resent(sent))).accepted == 1
    assert canonical(await store.trace(sent.trace_id)) == canonical([sent])


async def test_not_a_number_sent_twice_is_stored_once(store: Store) -> None:
    sent = span(attributes={"k": math.nan})
    await store.put(sent)
    await store.put(resent(sent))
    assert len(await store.trace(sent.trace_id)) == 1


async def test_sent_five_times_at_once_stored_once(store: Store) -> None:
    one, other = full_span(), full_span()
    receipts = await asyncio.gather(*(store.put(resent(one), resent(other)) for _ in range(5)))
    assert [receipt.accepted for receipt in receipts] == [2] * 5
    assert canonical([*await store.trace(one.trace_id), *await store.trace(other.trace_id)]) == canonical([one, other])


async def test_redelivered_among_new_spans(store: Store) -> None:
    old = [full_span() for _ in range(3)]
    await store.put(*old)
    shared = trace_id()
    new = [full_span(trace_id=shared), span(trace_id=shared)]
    mixed = [resent(old[0]), new[0], resent(old[1]), new[1], resent(old[2])]
    assert (await store.put(*mixed)).accepted == len(mixed)
    assert [len(await store.trace(one.trace_id)) for one in old] == [1, 1, 1]
    assert same_spans(await store.trace(shared), new)


async def test_twice_inside_one_batch(store: Store) -> None:
    one, other = full_span(), full_span()
    assert (await store.put(one, other, resent(one))).accepted == 3
    assert [len(await store.trace(sent.trace_id)) for sent in (one, other)] == [1, 1]


@pytest.mark.parametrize("in_one_batch", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize("fields", OTHER_CONTENT.values(), ids=OTHER_CONTENT.keys())
async def test_two_different_spans_with_one_id_are_both_there(
    store: Store, fields: SpanFields, *, in_one_batch: bool
) -> None:
    one = full_span()
    other = replace(one, **fields)
    for sent in [(one, other)] if in_one_batch else [(one,), (other,)]:
        await store.put(*sent)
    assert same_spans(await store.trace(one.trace_id), [one, other])


async def test_workspaces_are_separate(store: Store) -> None:
    mine, theirs = workspace(), workspace()
    own = span(service="mine", name="own")
    other = replace(own, resource=resource("theirs"), name="other")
    await store.put(own, workspace_id=mine)
    await store.put(other, workspace_id=theirs)
    for owner, sent in ((mine, own), (theirs, other)):
        assert canonical(await store.trace(own.trace_id, workspace_id=owner)) == canonical([sent])
        service = sent.resource.service_name
        assert list(await store.reader.services(owner)) == [service]
        operations = await store.reader.operations(owner, service=service)
        assert list(operations) == [Operation(name=sent.name, kind=sent.kind)]
    assert list(await store.reader.operations(mine, service="theirs")) == []
    assert list(await store.trace(own.trace_id, workspace_id=workspace())) == []


async def test_the_same_span_in_two_workspaces_is_stored_in_both(store: Store) -> None:
    sent, owners = full_span(), [workspace(), workspace()]
    for owner in owners:
        await store.put(sent, workspace_id=owner)
    for owner in owners:
        assert canonical(await store.trace(sent.trace_id, workspace_id=owner)) == canonical([sent])


async def test_unknown_traces_are_left_out(store: Store) -> None:
    sent, unknown = span(), trace_id()
    await store.put(sent)
    assert list(await store.reader.get_traces(1, [unknown, sent.trace_id])) == [sent.trace_id]
    assert dict(await store.reader.get_traces(1, [unknown])) == {}
    assert dict(await store.reader.get_traces(1, [])) == {}


async def test_asked_twice_for_a_trace_answers_once(store: Store) -> None:
    sent = span()
    await store.put(sent)
    found = await store.reader.get_traces(1, [sent.trace_id, sent.trace_id])
    assert [len(spans) for spans in found.values()] == [1]


async def test_spans_come_by_start_then_id(store: Store) -> None:
    shared = trace_id()
    placed = [(5, b"a"), (0, b"z"), (0, b"b"), (1, b"y"), (1_000, b"c"), (999, b"d"), (0, b"\xff")]
    sent = [
        span(trace_id=shared, span_id=name * 8, start_time_unix_nano=BASE_US * 1_000 + offset)
        for offset, name in placed
    ]
    await store.put(*sent[:3])
    await store.put(*sent[3:])
    expected = sorted(sent, key=lambda one: (one.start_time_unix_nano, one.span_id))
    assert [one.span_id for one in await store.trace(shared)] == [one.span_id for one in expected]


async def test_absurd_times_share_a_trace_with_sane_ones(store: Store) -> None:
    shared = trace_id()
    absurd = [span(trace_id=shared, start_time_unix_nano=time, end_time_unix_nano=time) for time in (0, MAX_UINT64)]
    sane = span(trace_id=shared)
    await store.put(absurd[1], sane, absurd[0])
    assert canonical(await store.trace(shared)) == canonical([absurd[0], sane, absurd[1]])


async def test_a_trace_of_10008_spans_comes_back_whole(store: Store) -> None:
    shared, held_by = trace_id(), resource()
    sent = [span(trace_id=shared, resource=held_by, at_us=number) for number in range(10_008)]
    assert (await store.put(*sent)).accepted == 10_008
    assert canonical(await store.trace(shared)) == canonical(sent)


async def test_services_are_sorted_and_named(store: Store) -> None:
    held = [resource("b"), resource("a"), resource("B"), resource("b"), Resource(), resource("")]
    wrong_type = Resource(attributes={"service.name": 7})
    await store.put(*(span(resource=one) for one in [*held, wrong_type]))
    assert list(await store.reader.services(1)) == ["B", "a", "b"]


async def test_no_services_at_first(store: Store) -> None:
    assert list(await store.reader.services(1)) == []


async def test_operations_are_kept_by_name_and_kind(store: Store) -> None:
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    for name, kind in (("GET /b", 3), ("GET /b", 2), ("GET /a", 0), ("GET /b", 2), ("", 1), ("Z", 77)):
        kinds[name].append(kind)
        await store.put(span(name=name, kind=kind))
    await store.put(span(service="other", name="elsewhere"))
    expected = [Operation(name=name, kind=kind) for name in sorted(kinds) for kind in sorted(set(kinds[name]))]
    assert list(await store.reader.operations(1, service="checkout")) == expected


@pytest.mark.parametrize("kind", [*SpanKind])
async def test_operations_of_one_kind(store: Store, kind: SpanKind) -> None:
    await store.put(*(span(name=f"op {number}", kind=number) for number in SpanKind))
    found = await store.reader.operations(1, service="checkout", kind=kind)
    assert list(found) == [Operation(name=f"op {kind.value}", kind=kind)]


async def test_an_unknown_service_has_no_operations(store: Store) -> None:
    await store.put(span())
    assert list(await store.reader.operations(1, service="unknown")) == []


async def test_health_names_the_store(store: Store) -> None:
    assert (await store.reader.health()).server_version


async def test_closing_twice_is_fine_and_keeps_what_was_written(store: Store) -> None:
    sent = span()
    await store.put(sent)
    await store.writer.aclose()
    await store.writer.aclose()
    assert canonical(await store.trace(sent.trace_id)) == canonical([sent])
