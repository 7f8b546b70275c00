"""Decisions of all carriers, in any order and in separate requests: stored once, and as the whole trace tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from processors.ai.mapper import Mapper
from processors.decisions.mapper import DecisionMapper
from processors.decisions.relevance import is_relevant, is_relevant_record
from processors.enrich import Enrich
from processors.redact import Redact
from redaction.policy import default_policy
from redaction.redactor import Redactor
from storage.derivation import Derived, Relevance
from storage.interaction import Period
from storage.postgres.audit import PostgresAudit
from storage.postgres.decision_row import as_stored
from storage.postgres.evidence import Bounds
from storage.postgres.product import DECIDED
from storage.postgres.reprocessing import ReprocessConfig, StoredReprocessing
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.settlement import settling_connection
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.decision import decided, full_decision
from tests.support.factory import BASE_US, resent, resource, span, trace_id
from tests.support.settling import settle, settling
from tracedata import Batch, Event, LogRecord, Scope, Span, Value
from tracedata.decision import Decision

_TOLD: Mapping[str, Value] = {
    "decision_trace.id": "d-1",
    "decision_trace.type": "model_selection",
    "decision_trace.component": "router",
    "decision_trace.input": '{"prompt_tokens": 812, "plan": "gold"}',
    "decision_trace.output": '{"provider": "openai", "model": "gpt-4o-mini"}',
    "decision_trace.outcome": "selected",
}
_FINAL: Mapping[str, Value] = {"decision_trace.final.model": "gpt-4o-mini", "decision_trace.final.status": "success"}
_EVENT = "decision_trace.decision"
_ADDRESS = "jane.doe@example.com"
# What the planner has seen, of the table as a whole and of its partitions.
_SAMPLES = """
    SELECT count(*) FROM pg_stats WHERE tablename LIKE 'decisions%' AND most_common_vals::text LIKE '%jane.doe%'
"""
_COUNT = "SELECT count(*) FROM relayscope.decisions"


def derive(spans: Sequence[Span], log_records: Sequence[LogRecord]) -> Derived:
    """As the program does it."""
    interactions = Mapper().interactions(spans, log_records)
    return Derived(interactions=interactions, decisions=DecisionMapper().decisions(spans, log_records, interactions))


def carriers(trace: bytes, *, at_us: int = 0) -> tuple[Span, Span, LogRecord]:
    """A root whose event tells of a decision, a child span that is the decision, and a log record that tells of it."""
    event = Event(time_unix_nano=(BASE_US + at_us) * 1_000, name=_EVENT, attributes=_TOLD)
    root = span(trace_id=trace, events=[event], attributes={"http.route": "/v1/chat/completions"})
    child = span(
        trace_id=trace, parent_span_id=root.span_id, name="decision model_selection router", at_us=7, attributes=_TOLD
    )
    record = LogRecord(
        resource=resource(),
        scope=Scope(),
        trace_id=trace,
        span_id=root.span_id,
        time_unix_nano=BASE_US * 1_000 + 3,
        event_name=_EVENT,
        attributes={**_TOLD, "decision_trace.reasoning": "short prompt"},
    )
    return root, child, record


async def write(dsn: str, *batches: Batch) -> None:
    enrich = Enrich()
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for one in batches:
            await writer.consume(enrich.process(one))


def batch(*items: Span | LogRecord) -> Batch:
    return Batch(
        workspace_id=1,
        spans=[one for one in items if isinstance(one, Span)],
        log_records=[one for one in items if isinstance(one, LogRecord)],
    )


async def stored_decisions(dsn: str) -> list[Decision]:
    trace_ids = [trace for (trace,) in await rows(dsn, "SELECT DISTINCT trace_id FROM relayscope.decisions")]
    async with settling_connection(dsn, connect_timeout_s=5, application_name="test-reading") as connection:
        found = DECIDED.by_trace(await DECIDED.read(connection, 1, trace_ids))
    return sorted((one for ones in found.values() for one in ones), key=lambda one: (one.time_unix_nano, one.id))


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=lambda order: "".join(map(str, order)))
@pytest.mark.parametrize("is_settled_between", [True, False], ids=["settled between", "settled at last"])
async def test_one_decision_of_three_carriers_in_three_requests_is_one_row(
    shared_postgres_dsn: str,
    order: Sequence[int],
    is_settled_between: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    parts = carriers(trace_id())
    for number in order:
        await write(shared_postgres_dsn, batch(parts[number]))
        if is_settled_between:
            await settle(shared_postgres_dsn, derive=derive)
    await settle(shared_postgres_dsn, derive=derive)
    found = await stored_decisions(shared_postgres_dsn)
    assert found == [as_stored(one) for one in decided(*parts[:2], records=parts[2:])]
    assert len(found) == 1
    assert set(found[0].carriers) == {"span_event", "span", "log_record"}
    assert found[0].reasoning == "short prompt"
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.ai_arrivals") == 0


async def test_one_decision_of_two_roots_that_come_whole_is_one_row(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    # Each reaches its root, so that both are stored at once, at different moments.
    await write(shared_postgres_dsn, *(batch(carriers(trace, at_us=at)[0]) for at in (0, 5)))
    assert await value(shared_postgres_dsn, _COUNT) == 2
    await settle(shared_postgres_dsn, derive=derive)
    assert [one.id for one in await stored_decisions(shared_postgres_dsn)] == ["d-1"]


async def test_what_comes_again_makes_no_second_row(shared_postgres_dsn: str) -> None:
    root, child, record = carriers(trace_id())
    sent = batch(root, child, record)
    await write(shared_postgres_dsn, sent)
    await settle(shared_postgres_dsn, derive=derive)
    before = await rows(shared_postgres_dsn, "SELECT xmin::text, ctid::text FROM relayscope.decisions")
    await write(shared_postgres_dsn, replace(sent, spans=[resent(one) for one in sent.spans]), batch(root))
    await settle(shared_postgres_dsn, derive=derive)
    assert await rows(shared_postgres_dsn, "SELECT xmin::text, ctid::text FROM relayscope.decisions") == before
    assert len(before) == 1


async def test_a_root_that_comes_late_says_what_became_of_it(shared_postgres_dsn: str) -> None:
    root, child, _ = carriers(trace_id())
    late = replace(root, events=(), attributes={**root.attributes, **_FINAL, "user.id": "u-1"})
    await write(shared_postgres_dsn, batch(child))
    await settle(shared_postgres_dsn, derive=derive)
    (one,) = await stored_decisions(shared_postgres_dsn)
    assert (one.final.status, one.request_path) == ("", "")
    await write(shared_postgres_dsn, batch(late))
    await settle(shared_postgres_dsn, derive=derive)
    (one,) = await stored_decisions(shared_postgres_dsn)
    assert (one.final.status, one.final.model, one.final.is_stated) == ("success", "gpt-4o-mini", True)
    assert (one.request_path, one.user_id) == ("/v1/chat/completions", "u-1")


async def test_another_root_says_what_became_of_it(shared_postgres_dsn: str) -> None:
    root, _, _ = carriers(trace_id())
    await write(shared_postgres_dsn, batch(root), batch(span(trace_id=root.trace_id, attributes=_FINAL)))
    await settle(shared_postgres_dsn, derive=derive)
    assert [one.final.status for one in await stored_decisions(shared_postgres_dsn)] == ["success"]


@pytest.mark.parametrize("is_decision_first", [True, False], ids=["decision first", "call first"])
async def test_the_call_of_a_model_tells_what_became_of_it(shared_postgres_dsn: str, is_decision_first: bool) -> None:  # noqa: FBT001 - a parameter of the test
    root, _, _ = carriers(trace_id())
    call = span(
        trace_id=root.trace_id,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 5,
        },
    )
    for part in (root, call) if is_decision_first else (call, root):
        await write(shared_postgres_dsn, batch(part))
        await settle(shared_postgres_dsn, derive=derive)
    (one,) = await stored_decisions(shared_postgres_dsn)
    assert (one.final.provider, one.final.model, one.final.status) == ("openai", "gpt-4o", "success")
    assert not one.final.is_stated


async def test_decisions_come_back_from_the_table(shared_postgres_dsn: str) -> None:
    ones = [full_decision(), full_decision(input={"a\0": "\ud800"}, time_unix_nano=2**64 - 1, id="x" * 999)]
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, spans=[span()], decisions=ones, arrivals=[trace_id()]))
    assert await stored_decisions(shared_postgres_dsn) == [as_stored(one) for one in ones]
    query = """
        SELECT count(DISTINCT x) FROM (SELECT xmin::text AS x FROM relayscope.spans
        UNION ALL SELECT xmin::text FROM relayscope.decisions UNION ALL SELECT xmin::text FROM relayscope.ai_arrivals) AS a
    """
    assert await value(shared_postgres_dsn, query) == 1


async def test_decisions_are_made_anew(shared_postgres_dsn: str) -> None:
    root, child, _ = carriers(trace_id())
    await write(shared_postgres_dsn, batch(root, child))

    def newer(spans: Sequence[Span], log_records: Sequence[LogRecord]) -> Derived:
        made = derive(spans, log_records)
        return Derived(decisions=[replace(one, outcome="new", mapper_version=9) for one in made.decisions])

    start = datetime.fromtimestamp(BASE_US / 1e6, UTC)
    period = Period(since=start - timedelta(days=1), until=start + timedelta(days=1))
    run = StoredReprocessing(ReprocessConfig(dsn=shared_postgres_dsn), lambda _: newer)
    done = await run.reprocess(period, dry_run=False)
    assert (done.decisions.total, done.decisions.changed, done.interactions.total) == (1, 1, 0)
    assert done.decisions.fields == {"outcome": 1, "mapper_version": 1}
    assert [one.outcome for one in await stored_decisions(shared_postgres_dsn)] == ["new"]


async def test_a_decision_without_a_trace_is_stored_once(shared_postgres_dsn: str) -> None:
    _, _, record = carriers(trace_id())
    alone = replace(record, trace_id=b"", span_id=b"")
    other = replace(alone, time_unix_nano=alone.time_unix_nano + 1)
    await write(shared_postgres_dsn, batch(alone), batch(alone))
    await settle(shared_postgres_dsn, derive=derive)
    # A sender that tries again may send more than it did.
    await write(shared_postgres_dsn, batch(alone, other))
    await settle(shared_postgres_dsn, derive=derive)
    found = await stored_decisions(shared_postgres_dsn)
    assert found == [as_stored(one) for one in decided(records=[alone, other])]
    assert len({one.trace_id for one in found}) == 2
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.ai_waiting") == 0


async def test_what_is_redacted_afterwards_is_redacted_in_decisions_too(postgres_dsn: str) -> None:
    root, _, record = carriers(trace_id())
    told = {**_TOLD, "decision_trace.reasoning": f"asked by {_ADDRESS}"}
    alone = replace(record, trace_id=b"", span_id=b"", attributes=told)
    await write(postgres_dsn, batch(alone), batch(replace(root, attributes=told)))
    await settle(postgres_dsn, derive=derive)
    before = await stored_decisions(postgres_dsn)
    assert [_ADDRESS in one.reasoning for one in before] == [True, True]
    redact = Redact(Redactor(default_policy()))
    config = ApplyConfig(dsn=postgres_dsn, policy="strict", actor="tester")

    async def settled() -> None:
        await settle(postgres_dsn, derive=derive)

    await rows(postgres_dsn, "ANALYZE relayscope.decisions")
    assert await value(postgres_dsn, _SAMPLES) > 0
    await Reredaction(config, lambda _: redact, PostgresAudit(postgres_dsn), settle=settled).apply()
    assert await value(postgres_dsn, _SAMPLES) == 0
    after = await stored_decisions(postgres_dsn)
    assert [(one.trace_id, one.id) for one in after] == [(one.trace_id, one.id) for one in before]
    assert [one.reasoning.partition(" by ")[0] for one in after] == ["asked", "asked"]
    assert not any(_ADDRESS in one.reasoning for one in after)


async def test_decisions_without_a_trace_are_made_anew(shared_postgres_dsn: str) -> None:
    _, _, record = carriers(trace_id())
    await write(shared_postgres_dsn, batch(replace(record, trace_id=b"", span_id=b"")))
    start = datetime.fromtimestamp(BASE_US / 1e6, UTC)
    period = Period(since=start - timedelta(days=1), until=start + timedelta(days=1))
    run = StoredReprocessing(ReprocessConfig(dsn=shared_postgres_dsn), lambda _: derive)
    assert (await run.reprocess(period, dry_run=False)).decisions.added == 1
    assert (await run.reprocess(period, dry_run=False)).decisions.changed == 0
    assert len(await stored_decisions(shared_postgres_dsn)) == 1


async def test_a_decision_that_no_row_can_hold_keeps_nobody_out(shared_postgres_dsn: str) -> None:
    bad, good = full_decision(trace_id=trace_id(), attributes={"a": object()}), full_decision(trace_id=trace_id())
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        assert (await writer.consume(Batch(workspace_id=1, spans=[span()], decisions=[bad, good]))).accepted == 1
    assert await stored_decisions(shared_postgres_dsn) == [as_stored(good)]
    arrivals = await rows(shared_postgres_dsn, "SELECT workspace_id, trace_id FROM relayscope.ai_arrivals")
    assert arrivals == [(1, bad.trace_id)]


@pytest.mark.parametrize("is_of_span", [True, False], ids=["of a span", "of no span"])
async def test_of_a_trace_that_is_too_large_the_decisions_are_settled(
    shared_postgres_dsn: str,
    is_of_span: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    root, child, told = carriers(trace_id())
    told = replace(told, span_id=child.span_id if is_of_span else b"")
    others = [span(trace_id=root.trace_id, parent_span_id=root.span_id, at_us=number) for number in range(30)]
    relevance = Relevance(span=is_relevant, log_record=is_relevant_record)
    plain, middle = replace(root, events=()), replace(child, attributes={})
    await write(shared_postgres_dsn, batch(*others[:20], middle), batch(*others[20:], told), batch(plain))
    async with settling(shared_postgres_dsn, bounds=Bounds(rows=10), relevance=relevance, derive=derive) as (
        connection,
        settler,
        count,
    ):
        while await settler.settle_arrivals(connection, patiently=False):
            pass
    assert count.oversized == 0
    found = await stored_decisions(shared_postgres_dsn)
    assert found == [as_stored(one) for one in decided(plain, middle, *others, records=[told])]
    assert [one.request_path for one in found] == ["/v1/chat/completions"]


def _moment_free(document: Any) -> Any:  # noqa: ANN401 - JSON
    return {name: one for name, one in document.items() if name not in {"timestamp", "spanId"}}


async def test_views_show_decisions_and_traces_in_the_words_of_the_api(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    one = full_decision(trace_id=trace, id="b", sequence=2)
    other = replace(one, id="a", sequence=3, input=None, span_id=b"")
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, decisions=[other, one, full_decision(trace_id=b"")]))
    ((seen,),) = await rows(
        shared_postgres_dsn,
        f"SELECT to_jsonb(t) FROM telemetry.decision_traces AS t WHERE trace_id = '{trace.hex()}'",
    )
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM telemetry.decision_traces") == 1
    assert (seen["request_id"], seen["user_id"], seen["organization_id"]) == ("req-1", "user-1", "org-1")
    assert (seen["request_path"], seen["decision_count"]) == ("/v1/chat/completions", 2)
    assert seen["final_outcome"] == {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "status": "success",
        "isStated": True,
    }
    assert [item["id"] for item in seen["decisions"]] == ["b", "a"]
    assert seen["decisions"][0]["timestamp"].endswith("000123Z")
    assert _moment_free(seen["decisions"][0]) == {
        "id": "b",
        "type": "other",
        "component": "spell_checker",
        "input": one.input,
        "output": one.output,
        "reasoning": one.reasoning,
        "outcome": "selected",
        "isEnforced": False,
        "ruleId": "r-17",
        "ruleName": "short-prompt-small-model",
        "ruleVersion": "3",
        "evaluationTimeMs": 0.42,
        "parentId": "d-0",
    }
    query = "SELECT decision_id, evaluation_time_ms, candidates, carriers, reported_type FROM telemetry.decisions WHERE decision_id = 'b'"
    assert await rows(shared_postgres_dsn, query) == [
        ("b", 0.42, ["gpt-4o", "gpt-4o-mini"], ["span_event", "log_record"], "spelling")
    ]


async def test_every_column_of_the_views_that_needs_it_has_a_comment(postgres_dsn: str) -> None:
    query = """
        SELECT count(*) FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid
        WHERE c.relname IN ('decisions', 'decision_traces') AND c.relkind = 'v'
    """
    assert await value(postgres_dsn, query) >= 20


async def test_the_table_has_the_columns_of_the_rows_and_numbers_them(postgres_dsn: str) -> None:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = 'relayscope.decisions'::regclass AND attnum > 0"
    assert {name for (name,) in await rows(postgres_dsn, query)} == {*DECIDED.table.columns, "arrival_id"}
