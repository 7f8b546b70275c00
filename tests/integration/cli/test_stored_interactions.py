"""Interactions of stored spans, by the commands that work on what is stored: with the mapper and the prices that ship."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from processors.ai.mapper import Mapper
from processors.enrich import Enrich
from relayscope.cli import app
from storage.interaction import Repriced, Reprocessed
from storage.postgres.interaction_row import as_stored
from storage.postgres.writer import WriterConfig
from storage.redaction import Verification
from tests.support.database import rows, value, writing
from tests.support.factory import BASE_US, SECOND_US, span, trace_id
from tests.support.invocation import invoke
from tests.support.settling import settle, stored_interactions
from tracedata import Attributes, Batch, Event, Span

_ADDRESS = "jane.doe@example.com"
_PERIOD = ("--since", str(BASE_US // SECOND_US - 1), "--until", str(BASE_US // SECOND_US + 90 * 86_400))


# Whoever comes to the last day waits.
_WAIT = f"""
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(42);
        RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE INSERT ON relayscope.ai_interactions
    FOR EACH ROW WHEN (NEW.start_time > to_timestamp({BASE_US // SECOND_US + 100_000})) EXECUTE FUNCTION wait();
"""


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}])


def _call(text: str = "hello", *, at_us: int = 0, **fields: Any) -> Span:  # noqa: ANN401 - the fields of Span
    attributes: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": f"chatcmpl-{os.urandom(8).hex()}",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.input.messages": _messages("user", f"I am {text}"),
        "gen_ai.output.messages": _messages("assistant", f"Hello {text}"),
        "user.id": text,
    }
    return replace(span(at_us=at_us, attributes=attributes), **fields)


async def _store(dsn: str, *spans: Span, is_mapped: bool = True) -> None:
    interactions = Mapper().interactions(spans) if is_mapped else ()
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, spans=spans, interactions=interactions))


def _invoke(dsn: str, *arguments: str) -> tuple[int, str]:
    none = dict.fromkeys(name for name in os.environ if name.startswith("RELAYSCOPE_"))
    result = CliRunner().invoke(app, [*arguments, "--database-url", dsn], env={**none, "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert _ADDRESS not in result.output
    return result.exit_code, result.output


def _places(dsn: str, *arguments: str) -> set[tuple[str, str, str]]:
    _, output = _invoke(dsn, "redact", "verify", "--json", *arguments)
    found = msgspec.json.decode(output, type=Verification)
    return {(place.column, place.key, place.entity) for place in found.places}


def test_verify_finds_what_interactions_hold_and_apply_makes_them_anew(postgres_dsn: str) -> None:
    asyncio.run(_store(postgres_dsn, _call(_ADDRESS), _call("nobody")))
    found = {(column, key) for column, key, _ in _places(postgres_dsn)}
    wanted = {
        ("ai_interactions.prompt", "prompt"),
        ("ai_interactions.response", "response"),
        ("ai_interactions.user_id", "user_id"),
    }
    assert wanted <= found
    code, _ = _invoke(postgres_dsn, "redact", "apply")
    assert code == 0
    assert _places(postgres_dsn, "--deep") == set()
    prompts = asyncio.run(rows(postgres_dsn, "SELECT prompt FROM telemetry.ai_interactions ORDER BY prompt"))
    assert prompts == [("I am <EMAIL_ADDRESS>",), ("I am nobody",)]


def _decided(text: str) -> Span:
    told: Attributes = {
        "decision_trace.id": f"d-{os.urandom(8).hex()}",
        "decision_trace.type": "rule_evaluation",
        "decision_trace.component": "guard",
        "decision_trace.input": json.dumps({"who": [f"I am {text}"]}),
        "decision_trace.output": {"allow": False, "note": f"not for {text}"},
        "decision_trace.reasoning": f"{text} may not",
        "decision_trace.policy": f"of {text}",
    }
    one = _call(text)
    return replace(
        one, events=[Event(time_unix_nano=one.start_time_unix_nano, name="decision_trace.decision", attributes=told)]
    )


async def _store_decided(dsn: str, *spans: Span) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Enrich().process(Batch(workspace_id=1, spans=spans)))


def test_apply_makes_decisions_anew_too(postgres_dsn: str) -> None:
    asyncio.run(_store_decided(postgres_dsn, _decided(_ADDRESS), _decided("nobody")))
    dump = "SELECT d::text FROM relayscope.decisions AS d"
    assert sum(text.count(_ADDRESS) for (text,) in asyncio.run(rows(postgres_dsn, dump))) >= 4
    columns = {column for column, _, _ in _places(postgres_dsn)}
    assert {f"decisions.{name}" for name in ("input", "output", "reasoning", "user_id")} <= columns
    code, _ = _invoke(postgres_dsn, "redact", "apply")
    assert code == 0
    assert _places(postgres_dsn, "--deep") == set()
    left = [text for (text,) in asyncio.run(rows(postgres_dsn, dump))]
    assert (len(left), any(_ADDRESS in text for text in left)) == (2, False)
    reasons = asyncio.run(rows(postgres_dsn, "SELECT reasoning FROM telemetry.decisions ORDER BY reasoning"))
    assert reasons == [("<EMAIL_ADDRESS> may not",), ("nobody may not",)]


def test_verify_takes_ids_and_prices_for_nothing_else(shared_postgres_dsn: str) -> None:
    calls = [_call("nobody", at_us=number) for number in range(300)]
    asyncio.run(_store(shared_postgres_dsn, *calls))
    _invoke(shared_postgres_dsn, "interactions", "reprice", *_PERIOD)
    assert {place for place in _places(shared_postgres_dsn) if place[0].startswith("ai_interactions")} == set()


def test_reprocess_makes_what_is_missing(shared_postgres_dsn: str) -> None:
    calls = [_call(at_us=day * 86_400 * SECOND_US) for day in range(3)]
    asyncio.run(_store(shared_postgres_dsn, *calls, is_mapped=False))
    code, output = _invoke(shared_postgres_dsn, "reprocess", "ai", *_PERIOD, "--dry-run")
    assert (code, "3 interactions would be added" in output) == (0, True)
    assert asyncio.run(value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.ai_interactions")) == 0
    code, output = _invoke(shared_postgres_dsn, "reprocess", "ai", *_PERIOD, "--json")
    *lines, last = output.splitlines()
    done = msgspec.json.decode(last, type=Reprocessed)
    assert (code, done.traces, done.interactions.added, len(lines)) == (0, 3, 3, 3)
    found = asyncio.run(stored_interactions(shared_postgres_dsn))
    assert {one.cost.source.partition(":")[0] for one in found} == {"computed"}


def test_reprice_gives_costs_to_calls_that_have_none(shared_postgres_dsn: str) -> None:
    unknown = _call()
    unknown = replace(
        unknown, attributes={**unknown.attributes, "gen_ai.response.model": "my-own-model", "gen_ai.request.model": ""}
    )
    asyncio.run(_store(shared_postgres_dsn, _call(), unknown))
    code, output = _invoke(shared_postgres_dsn, "interactions", "reprice", *_PERIOD, "--json")
    done = msgspec.json.decode(output.splitlines()[-1], type=Repriced)
    assert (code, done.interactions, done.changed) == (0, 2, 1)
    assert [(one.model, one.calls, one.tokens) for one in done.unmapped] == [("my-own-model", 1, 1_100)]
    # 1,000 tokens at 2.50 and 100 at 10 dollars a million.
    assert asyncio.run(
        value(shared_postgres_dsn, "SELECT sum(cost)::float8 FROM telemetry.ai_interactions")
    ) == pytest.approx(0.0035)
    code, output = _invoke(shared_postgres_dsn, "interactions", "reprice", *_PERIOD)
    assert "the cost of 0 changed" in output
    assert "my-own-model" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "nonsense"),
        ("--since", "-1h", "--until", "-2h"),
        (),
    ],
    ids=["no time", "the wrong way round", "no period"],
)
@pytest.mark.parametrize("command", [("reprocess", "ai"), ("interactions", "reprice")], ids=["reprocess", "reprice"])
def test_wrong_periods_are_refused(command: Sequence[str], arguments: Sequence[str]) -> None:
    assert invoke(*command, *arguments).returncode == 2


def test_a_stopped_run_says_where_to_go_on(postgres_dsn: str) -> None:
    calls = [_call(at_us=day * 86_400 * SECOND_US) for day in range(3)]
    asyncio.run(_store(postgres_dsn, *calls, is_mapped=False))
    command = [
        sys.executable,
        "-m",
        "relayscope.entry",
        "reprocess",
        "ai",
        *_PERIOD,
        "--json",
        "--database-url",
        postgres_dsn,
    ]
    asyncio.run(rows(postgres_dsn, _WAIT))
    with psycopg.connect(postgres_dsn) as blocking:
        blocking.execute("SELECT pg_advisory_xact_lock(42)")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            seen = [json.loads(process.stdout.readline())["traces"] for _ in range(2)]
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
    assert (process.returncode, seen) == (130, [1, 2])
    assert "Go on with --since 2026-01-16T12:00:00Z" in told
    assert asyncio.run(value(postgres_dsn, "SELECT count(*) FROM relayscope.ai_interactions")) == 2


def test_parts_of_a_trace_are_settled_as_the_whole(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    root = span(trace_id=trace, attributes={"user.id": "u-1", "session.id": "s-1"})
    wrapper = replace(_call(at_us=1), trace_id=trace, parent_span_id=root.span_id)
    inner = replace(
        _call(at_us=2),
        trace_id=trace,
        parent_span_id=wrapper.span_id,
        attributes={**wrapper.attributes, "gen_ai.system": "openai"},
    )
    wanted = [as_stored(one) for one in Mapper().interactions([root, wrapper, inner])]
    for part in (inner, root, wrapper):
        batch = Batch(workspace_id=1, spans=[part], arrivals=[] if part is root else [trace])

        async def write(batch: Batch = batch) -> None:
            async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
                await writer.consume(batch)

        asyncio.run(write())
        asyncio.run(settle(shared_postgres_dsn, Mapper().interactions))
    assert asyncio.run(stored_interactions(shared_postgres_dsn)) == wanted
    assert len(wanted) == 1
