from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from storage.postgres.replay_reader import STATEMENTS, PostgresReplayReader, ReplayReaderConfig, _parameters
from storage.postgres.writer import WriterConfig
from storage.replay import DecisionKey, DecisionSelection, Moments, Observed, RecordedDecision
from tests.support.database import writing
from tests.support.factory import BASE_US, SECOND_US
from tests.support.interaction import interaction
from tests.support.rules import routed
from tracedata import Batch, Decision, Interaction, RetryableError
from tracedata.interaction import Cost

pytestmark = pytest.mark.postgres


async def _store(dsn: str, *decisions: Decision, calls: Sequence[Interaction] = (), workspace_id: int = 1) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=workspace_id, spans=(), decisions=decisions, interactions=calls))


def _selection(**fields: Any) -> DecisionSelection:  # noqa: ANN401 - the fields of the selection
    bounds: dict[str, Any] = {"workspace_id": 1, "start_us": BASE_US, "end_us": BASE_US + 86_400 * SECOND_US}
    return DecisionSelection(**{**bounds, **fields})


async def _read(dsn: str, *, page_rows: int = 3, **fields: Any) -> list[list[RecordedDecision]]:  # noqa: ANN401 - the fields of the selection
    reader = PostgresReplayReader(ReplayReaderConfig(dsn=dsn, page_rows=page_rows))
    async with reader.reading(_selection(**fields)) as reading:
        pages = [list(page.decode()) async for page in reading.pages()]
        assert await reading.count() == sum(map(len, pages))
    return pages


async def _ids(dsn: str, **fields: Any) -> list[str]:  # noqa: ANN401 - the fields of the selection
    return [one.decision.id for page in await _read(dsn, **fields) for one in page]


async def test_pages_hold_every_decision_once_oldest_first(shared_postgres_dsn: str) -> None:
    at_once: dict[str, Any] = {"time_unix_nano": (BASE_US + 5 * SECOND_US) * 1_000}
    # Several of one moment, and several of one trace.
    decisions = [routed(number) for number in range(5)] + [routed(number, **at_once) for number in range(10, 16)]
    decisions += [routed(20, **at_once, trace_id=b"\1" * 16), routed(21, **at_once, trace_id=b"\1" * 16)]
    await _store(shared_postgres_dsn, *reversed(decisions))

    pages = await _read(shared_postgres_dsn)

    found = [one.decision for page in pages for one in page]
    assert [len(page) for page in pages] == [3, 3, 3, 3, 1]
    assert {one.id for one in found} == {one.id for one in decisions}
    assert len(found) == len(decisions)
    assert [one.time_unix_nano for one in found] == sorted(one.time_unix_nano for one in found)
    first = found[0]
    assert (first.input, first.output, first.rule_version) == (
        decisions[0].input,
        decisions[0].output,
        decisions[0].rule_version,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ["d-1", "d-2", "d-3"], id="all"),
        pytest.param({"start_us": BASE_US + 2 * SECOND_US}, ["d-2", "d-3"], id="the start is included"),
        pytest.param({"end_us": BASE_US + 2 * SECOND_US}, ["d-1"], id="the end is not"),
        pytest.param({"type": "cache_decision"}, ["d-2"], id="type"),
        pytest.param({"component": "cache"}, ["d-2"], id="component"),
        pytest.param({"service": "gateway"}, ["d-3"], id="service"),
        pytest.param({"rule": "r-17"}, ["d-1"], id="rule id"),
        pytest.param({"rule": "short"}, ["d-3"], id="rule name"),
        pytest.param({"outcome": "hit"}, ["d-2"], id="outcome"),
        pytest.param({"outcome": "hit", "component": "router"}, [], id="two that exclude each other"),
        pytest.param({"keys": {DecisionKey("d-1"), DecisionKey("d-3")}}, ["d-1", "d-3"], id="ids"),
        pytest.param({"keys": [DecisionKey("d-1", routed(1).trace_id)]}, ["d-1"], id="an id in its trace"),
        pytest.param({"keys": [DecisionKey("d-1", routed(2).trace_id)]}, [], id="an id in another trace"),
        pytest.param({"keys": []}, [], id="no ids"),
        pytest.param({"keys": [DecisionKey("d-1")], "outcome": "hit"}, [], id="ids and something else"),
        pytest.param({"workspace_id": 2}, [], id="another workspace"),
    ],
)
async def test_what_is_selected(shared_postgres_dsn: str, fields: dict[str, Any], expected: list[str]) -> None:
    await _store(
        shared_postgres_dsn,
        routed(1, rule_id="r-17"),
        routed(2, type="cache_decision", component="cache", outcome="hit"),
        routed(3, service_name="gateway", rule_name="short"),
    )

    assert await _ids(shared_postgres_dsn, **fields) == expected


async def test_nothing_is_selected(shared_postgres_dsn: str) -> None:
    assert await _read(shared_postgres_dsn) == []


async def test_routes_know_what_models_were_called_for(shared_postgres_dsn: str) -> None:
    calls = [
        interaction(trace_id=routed(1).trace_id, operation="embedding", model_requested="e", model_served="e-1"),
        interaction(trace_id=routed(1).trace_id, operation="chat", model_requested="gpt-4o-mini"),
        interaction(trace_id=routed(1).trace_id, operation="tool", model_requested="t"),
    ]
    await _store(shared_postgres_dsn, routed(1), routed(2), calls=calls)

    ((first, second),) = await _read(shared_postgres_dsn)

    assert first.operations == {"e": "embedding", "e-1": "embedding", "gpt-4o-mini": "chat"}
    assert second.operations == {}


async def test_what_was_observed_is_summed_up_exactly(shared_postgres_dsn: str) -> None:
    def call(cost: float | None, milliseconds: int, **fields: Any) -> Interaction:  # noqa: ANN401 - the fields of Interaction
        start = (BASE_US + SECOND_US) * 1_000
        return interaction(
            provider="openai",
            model_requested="gpt-4o",
            start_time_unix_nano=start,
            end_time_unix_nano=start + milliseconds * 1_000_000,
            cost=Cost(amount=cost),
            **fields,
        )

    await _store(
        shared_postgres_dsn,
        calls=[
            call(0.000001, 100),
            call(0.000003, 300),
            call(None, 900, status="error"),
            call(0.5, 1, operation="tool"),
        ],
    )
    reader = PostgresReplayReader(ReplayReaderConfig(dsn=shared_postgres_dsn))

    async with reader.reading(_selection()) as reading:
        observed = await reading.observed()

    known = {(one.models, one.operation, one.currency): one for one in observed}
    priced = known[("gpt-4o",), "chat", "USD"]
    assert (priced.calls, priced.errors) == (2, 0)
    assert priced.cost_pico == Moments(count=2, total=4_000_000, squares=10 * 10**12)
    assert priced.latency_ns == Moments(count=2, total=400_000_000, squares=(10**8) ** 2 + (3 * 10**8) ** 2)
    rest: list[Observed] = [one for key, one in known.items() if key != (("gpt-4o",), "chat", "USD")]
    assert [(one.calls, one.errors, one.cost_pico.count, one.latency_ns.count) for one in rest] == [(1, 1, 0, 0)]


async def test_a_page_is_read_by_the_index(postgres_dsn: str) -> None:
    await _store(postgres_dsn, *(routed(number) for number in range(50)))
    place = {"after_time": None, "after_trace_id": None, "after_id": None, "limit": 10}
    async with await psycopg.AsyncConnection.connect(postgres_dsn) as connection:
        await connection.execute("SET enable_seqscan = off")
        cursor = await connection.execute(
            # The statement is a constant of the program.
            "EXPLAIN " + STATEMENTS["page"],
            {**_parameters(_selection()), **place},
        )
        plan = "\n".join(row[0] for row in await cursor.fetchall())

    assert "_time_idx" in plan
    assert "Seq Scan" not in plan


async def test_a_reading_changes_nothing(shared_postgres_dsn: str) -> None:
    reader = PostgresReplayReader(ReplayReaderConfig(dsn=shared_postgres_dsn))
    async with reader.reading(_selection()) as reading:
        connection = reading._connection  # type: ignore[attr-defined]  # it is private
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.execute("DELETE FROM relayscope.decisions")


async def test_without_a_database_it_can_be_tried_again() -> None:
    reader = PostgresReplayReader(ReplayReaderConfig(dsn="postgresql://127.0.0.1:1/nothing"))
    with pytest.raises(RetryableError):
        async with reader.reading(_selection()):
            pass
