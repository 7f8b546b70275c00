"""Calls that several traces, or requests, tell of, by the mapper that ships, over a real store: one row, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from processors.ai.mapper import Mapper
from processors.enrich import Enrich
from storage.interaction import Period
from storage.postgres.interaction_row import as_stored
from storage.postgres.reprocessing import ReprocessConfig, StoredReprocessing
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, writing
from tests.support.factory import BASE_US
from tests.support.llm_recording import RECORDED, WRITTEN, recording, recordings
from tests.support.llm_span import CHAT, GATEWAY, USED, chat, messages, span
from tests.support.settling import only_interactions, settle, stored_interactions
from tracedata import Batch, Interaction, LogRecord, Span, Value

_START = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=BASE_US)
_ALL = Period(since=_START - timedelta(days=2), until=_START + timedelta(days=2))
_NATIVE = "com.anthropic.sdk.python"
_ID: Mapping[str, Value] = {"gen_ai.response.id": "msg_1"}
_SAID: Mapping[str, Value] = {"gen_ai.input.messages": messages("user", "hi")}
_map = Mapper().interactions

# What one request brings.
Part = tuple[Sequence[Span], Sequence[LogRecord]]
Order = Callable[[Sequence[Part]], Sequence[Part]]
Cut = Callable[[Sequence[Span], Sequence[LogRecord]], Sequence[Part]]


def _by_trace(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Part]:
    ids = dict.fromkeys([*(one.trace_id for one in spans), *(one.trace_id for one in records)])
    return [
        ([one for one in spans if one.trace_id == trace_id], [one for one in records if one.trace_id == trace_id])
        for trace_id in ids
    ]


def _one_by_one(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Part]:
    return [*(([one], []) for one in spans), *(([], [one]) for one in records)]


_CUTS: Mapping[str, Cut] = MappingProxyType({"a request a trace": _by_trace, "a request a span": _one_by_one})
_ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "as they came": lambda parts: parts,
        "backwards": lambda parts: parts[::-1],
        "backwards and twice": lambda parts: [*parts[::-1], *parts],
    }
)
_CALLS: Mapping[str, Sequence[Span]] = MappingProxyType(
    {
        "a framework and an SDK": [
            span(1, {"session.id": "s-1"}),
            chat(2, {**_ID, **_SAID}, parent=1),
            chat(3, _ID, trace=2, scope=_NATIVE),
        ],
        "a client and a gateway": [
            span(1, {"user.id": "u-1"}, took_ms=300),
            span(2, {**CHAT, **USED, **_ID, **_SAID}, parent=1, took_ms=200),
            replace(span(3, {"http.route": "/v1/chat/completions"}, trace=2), resource=GATEWAY),
            replace(chat(4, _ID, parent=3, trace=2), resource=GATEWAY),
        ],
        "a client, a gateway and an SDK in it": [
            span(1, {**CHAT, **USED, **_ID, **_SAID}, took_ms=200),
            replace(chat(2, _ID, trace=2, scope="gateway"), resource=GATEWAY),
            replace(chat(3, _ID, trace=3, scope=_NATIVE), resource=GATEWAY),
        ],
    }
)
# Its failed calls have no response id, and both libraries begin traces: these are found only when one request brings both.
_OPEN = {"traceloop_anthropic"}
_RECORDINGS = [(folder, name) for folder in (RECORDED, WRITTEN) for name in recordings(folder) if name not in _OPEN]


async def _store(dsn: str, parts: Sequence[Part], *, is_settled_meanwhile: bool = False) -> Sequence[Interaction]:
    """What is there when the parts were stored, each by a request of its own, and everything is settled."""
    enrich = Enrich()
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for spans, records in parts:
            await writer.consume(enrich.process(Batch(workspace_id=1, spans=spans, log_records=records)))
            if is_settled_meanwhile:
                await settle(dsn, _map)
    await settle(dsn, _map)
    return await stored_interactions(dsn)


def _whole(spans: Sequence[Span], records: Sequence[LogRecord] = ()) -> Sequence[Interaction]:
    return sorted(map(as_stored, _map(spans, records)), key=lambda one: (one.trace_id, one.span_id))


async def _assert_that_reprocessing_changes_nothing(dsn: str) -> None:
    run = StoredReprocessing(ReprocessConfig(dsn=dsn), lambda _: only_interactions(_map))
    done = await run.reprocess(_ALL, dry_run=False)
    made = done.interactions
    assert (made.added, made.removed, made.changed) == (0, 0, 0)


@pytest.mark.parametrize("is_settled_meanwhile", [False, True], ids=["settled at the end", "settled meanwhile"])
@pytest.mark.parametrize("order", _ORDERS.values(), ids=_ORDERS.keys())
@pytest.mark.parametrize("cut", _CUTS.values(), ids=_CUTS.keys())
@pytest.mark.parametrize("spans", _CALLS.values(), ids=_CALLS.keys())
async def test_a_call_that_several_traces_tell_of_is_one_row(
    shared_postgres_dsn: str,
    spans: Sequence[Span],
    cut: Cut,
    order: Order,
    is_settled_meanwhile: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = await _store(shared_postgres_dsn, order(cut(spans, ())), is_settled_meanwhile=is_settled_meanwhile)
    assert len(found) == 1
    assert found == _whole(spans)
    await _assert_that_reprocessing_changes_nothing(shared_postgres_dsn)


@pytest.mark.parametrize("order", _ORDERS.values(), ids=_ORDERS.keys())
@pytest.mark.parametrize("cut", _CUTS.values(), ids=_CUTS.keys())
@pytest.mark.parametrize(("folder", "name"), _RECORDINGS, ids=[name for _, name in _RECORDINGS])
async def test_what_real_libraries_tell_in_many_requests_gives_the_rows_of_the_whole(
    shared_postgres_dsn: str, folder: Path, name: str, cut: Cut, order: Order
) -> None:
    told = recording(folder, name)
    assert await _store(shared_postgres_dsn, order(cut(told.spans, told.log_records))) == _whole(
        told.spans, told.log_records
    )
    await _assert_that_reprocessing_changes_nothing(shared_postgres_dsn)


@pytest.mark.parametrize("turn", [1, -1], ids=["in order", "backwards"])
async def test_a_call_without_an_id_that_one_request_tied_stays_one_when_each_trace_is_settled(
    shared_postgres_dsn: str, turn: int
) -> None:
    spans = recording(
        *next((folder, name) for folder in (RECORDED, WRITTEN) for name in _OPEN & {*recordings(folder)})
    ).spans
    # Each comes again, and so is settled, by itself.
    parts = [(spans, ()), *_by_trace(spans, ())[::turn]]
    assert await _store(shared_postgres_dsn, parts, is_settled_meanwhile=True) == _whole(spans)
    await _assert_that_reprocessing_changes_nothing(shared_postgres_dsn)


async def test_rows_outlive_the_spans_that_they_were_made_of(shared_postgres_dsn: str) -> None:
    spans = [span(1, {"session.id": "s-1"}), chat(2, {**_ID, **_SAID}, parent=1)]
    await _store(shared_postgres_dsn, [(spans, ())])
    await rows(shared_postgres_dsn, "DELETE FROM relayscope.spans")
    await rows(
        shared_postgres_dsn,
        "INSERT INTO relayscope.ai_arrivals (workspace_id, trace_id) SELECT 1, trace_id FROM relayscope.ai_interactions",
    )
    await settle(shared_postgres_dsn, _map)
    assert await stored_interactions(shared_postgres_dsn) == _whole(spans)
