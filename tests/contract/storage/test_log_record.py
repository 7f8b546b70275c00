"""Log records that are written come back, whole, once, to their own workspace, and where they are looked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.api import DEFAULT_WORKSPACE_ID
from storage.log_record import LogCursor, LogSearch
from tests.support import strategies
from tests.support.canonical import canonical
from tests.support.factory import (
    BASE_US,
    HOUR_US,
    MAX_UINT64,
    SECOND_US,
    LogRecordFields,
    full_log_record,
    log_batch,
    log_record,
    resource,
    span,
    trace_id,
    workspace,
)
from tests.support.memory_log_store import as_read
from tests.support.store import Store
from tracedata import LogRecord, Value

_EVERYTHING = (MAX_UINT64 // 1_000) + 1


class _SearchFields(TypedDict, total=False):
    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    service: str | None
    min_severity: int | None
    event_name: str | None
    trace_id: bytes | None
    after: LogCursor | None


def _search(**fields: Unpack[_SearchFields]) -> LogSearch:
    hour = LogSearch(workspace_id=DEFAULT_WORKSPACE_ID, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US, limit=100)
    return replace(hour, **fields)


def _sorted(records: Sequence[LogRecord]) -> list[str]:
    return sorted(repr(canonical(record)) for record in records)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(full_log_record(), id="every field"),
        pytest.param(log_record(), id="few fields"),
        pytest.param(log_record(trace_id=b"", span_id=b""), id="of no trace"),
        pytest.param(log_record(span_id=b""), id="of no span"),
        pytest.param(log_record(time_unix_nano=0, observed_time_unix_nano=BASE_US * 1_000 + 7), id="observed only"),
        pytest.param(log_record(time_unix_nano=0), id="of no time"),
        pytest.param(log_record(time_unix_nano=MAX_UINT64, observed_time_unix_nano=MAX_UINT64), id="latest time"),
        pytest.param(log_record(time_unix_nano=1, observed_time_unix_nano=1), id="earliest time"),
        pytest.param(log_record(attributes={"event.name": "old"}), id="event by attribute"),
        pytest.param(log_record(event_name="n" * 5_000, severity_text="s" * 5_000), id="long texts"),
        pytest.param(log_record(severity_number=24), id="highest severity"),
    ],
)
async def test_a_record_comes_back_whole(store: Store, sent: LogRecord) -> None:
    assert (await store.log(sent)).accepted == 1

    (found,) = await store.logged(_search(start_us=0, end_us=_EVERYTHING))

    assert canonical(found) == canonical(as_read(sent))
    assert found.name == sent.name


@pytest.mark.parametrize(
    "body",
    ["", "text", 0, -5, 2**63 - 1, 1.0, -0.0, 1e300, float("inf"), True, False, b"\0\xff", [], [1, "a", None], {}, None,
     {"$bytes": "x"}, {"a": {"b": [b"x", {"$double": "NaN"}]}}],
    ids=repr,
)  # fmt: skip
async def test_a_body_of_any_kind_comes_back(store: Store, body: Value) -> None:
    await store.log(log_record(body=body))

    (found,) = await store.logged(_search())

    assert canonical(found.body) == canonical(body)


@settings(strategies.unhurried, max_examples=25)
@given(sent=st.lists(strategies.log_records(), max_size=3))
async def test_records_come_back_whatever_they_hold(store: Store, sent: list[LogRecord]) -> None:
    owner = workspace()
    assert (await store.log(*sent, workspace_id=owner)).accepted == len(sent)

    found = await store.logged(_search(workspace_id=owner, start_us=0, end_us=_EVERYTHING))

    assert set(_sorted(found)) == set(_sorted(list(map(as_read, sent))))


async def test_a_record_that_comes_again_is_stored_once(store: Store) -> None:
    sent = full_log_record()
    again = replace(sent, resource=replace(sent.resource), attributes=dict(sent.attributes))

    assert (await store.log(sent, log_record())).accepted == 2
    assert (await store.log(again, log_record())).accepted == 2

    assert len(await store.logged(_search())) == 3


async def test_records_and_spans_of_one_batch_are_both_stored(store: Store) -> None:
    one, record = span(), log_record()

    receipt = await store.writer.consume(replace(log_batch(record), spans=[one]))

    assert receipt.accepted == 2
    assert await store.trace(one.trace_id) != []
    assert await store.logged(_search()) == [as_read(record)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"body": "another"}, id="body"),
        pytest.param({"body": 1.0}, id="type of the body"),
        pytest.param({"attributes": {"a": 1}}, id="attributes"),
        pytest.param({"severity_number": 10}, id="severity"),
        pytest.param({"severity_text": "x"}, id="severity text"),
        pytest.param({"event_name": "x"}, id="event name"),
        pytest.param({"observed_time_unix_nano": 5}, id="observed time"),
        pytest.param({"time_unix_nano": BASE_US * 1_000 + 1}, id="a nanosecond later"),
        pytest.param({"flags": 1}, id="flags"),
        pytest.param({"dropped_attributes_count": 1}, id="dropped attributes"),
        pytest.param({"resource": resource("another")}, id="resource"),
    ],
)
async def test_records_that_differ_are_both_kept(store: Store, change: LogRecordFields) -> None:
    sent = log_record(body=1)

    await store.log(sent, replace(sent, **change))

    assert len(await store.logged(_search())) == 2


async def test_the_records_of_a_trace_come_in_their_order(store: Store) -> None:
    wanted = trace_id()
    late, early, middle = (log_record(trace_id=wanted, at_us=at_us) for at_us in (HOUR_US * 30, -HOUR_US * 30, 0))
    await store.log(late, early, log_record())
    await store.log(middle)

    page = await store.logs.trace_log_records(DEFAULT_WORKSPACE_ID, wanted, limit=10)

    assert page.records == [as_read(early), as_read(middle), as_read(late)]
    assert page.cursor is None


async def test_the_records_of_a_trace_in_pages_come_once(store: Store) -> None:
    wanted = trace_id()
    # Two of each moment, which only the store can order.
    sent = [log_record(trace_id=wanted, at_us=number // 2, body=number) for number in range(7)]
    await store.log(*sent)
    found: list[LogRecord] = []
    after: LogCursor | None = None
    while True:
        page = await store.logs.trace_log_records(DEFAULT_WORKSPACE_ID, wanted, limit=2, after=after)
        found += page.records
        if page.cursor is None:
            break
        after = page.cursor

    assert [record.moment_unix_nano for record in found] == sorted(record.moment_unix_nano for record in sent)
    assert _sorted(found) == _sorted(list(map(as_read, sent)))


async def test_an_unknown_trace_has_no_records(store: Store) -> None:
    page = await store.logs.trace_log_records(DEFAULT_WORKSPACE_ID, trace_id(), limit=10)

    assert (list(page.records), page.cursor) == ([], None)


async def test_records_are_found_newest_first_in_pages(store: Store) -> None:
    sent = [log_record(at_us=number // 3 * SECOND_US, body=number) for number in range(10)]
    await store.log(*sent)

    found = await store.logged(_search(limit=3))

    moments = [record.moment_unix_nano for record in found]
    assert moments == sorted(moments, reverse=True)
    assert _sorted(found) == _sorted(list(map(as_read, sent)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "abcd", id="everything"),
        pytest.param({"service": "shop"}, "ad", id="service"),
        pytest.param({"service": "nobody"}, "", id="unknown service"),
        pytest.param({"min_severity": 13}, "bd", id="severity"),
        pytest.param({"min_severity": 0}, "abcd", id="any severity"),
        pytest.param({"event_name": "gen_ai.choice"}, "bc", id="event"),
        pytest.param({"trace_id": b"t" * 16}, "ac", id="trace"),
        pytest.param({"trace_id": b""}, "d", id="no trace"),
        pytest.param({"service": "shop", "min_severity": 13, "trace_id": b""}, "d", id="all at once"),
        pytest.param({"start_us": BASE_US + 2, "end_us": BASE_US + 3}, "cd", id="both ends included"),
        pytest.param({"start_us": BASE_US + 10}, "", id="too late"),
        pytest.param({"end_us": -5, "start_us": -10}, "", id="before all time"),
    ],
)
async def test_every_given_condition_holds(store: Store, fields: _SearchFields, expected: str) -> None:
    moment = BASE_US * 1_000
    await store.log(
        log_record(body="a", service="shop", trace_id=b"t" * 16, severity_number=9),
        log_record(body="b", at_us=1, severity_number=13, event_name="gen_ai.choice"),
        log_record(
            body="c", trace_id=b"t" * 16, time_unix_nano=0, observed_time_unix_nano=moment + 2_000,
            attributes={"event.name": "gen_ai.choice"},
        ),
        log_record(body="d", at_us=3, service="shop", trace_id=b"", span_id=b"", severity_number=17),
    )  # fmt: skip

    found = await store.logged(_search(**fields))

    assert sorted(str(record.body) for record in found) == list(expected)


async def test_other_workspaces_see_nothing(store: Store) -> None:
    sent = log_record()
    await store.log(sent)

    assert await store.logged(_search(workspace_id=2)) == []
    assert not (await store.logs.trace_log_records(2, sent.trace_id, limit=10)).records
