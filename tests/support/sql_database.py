"""A database with two workspaces: what an ordinary one holds, and one full of canaries that nobody else may ever see."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from storage.postgres.sql_runner import PostgresSqlRunner, SqlRunnerConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import writing
from tests.support.decision import full_decision
from tests.support.factory import log_record, resource, span, span_id
from tests.support.interaction import interaction
from tests.support.rolled import roll_up
from tracedata import Batch, Event, Scope, Span
from tracedata.decision import Decision, FinalOutcome

OWN, OTHER = 1, 2
OWN_SPANS, OTHER_SPANS = 24, 60
# In every text of the other workspace, and in its measures.
CANARY = "canary"
CANARY_DIGITS = "77777"
CANARY_MS = 77_777
# In both workspaces, so that a join over it would bring them together.
SHARED_TRACE = bytes.fromhex("5b8efff798038103d269b633813fc60c")
_KEY = b"a key of the tests"
_ROOT = b"\x01" * 8


def config(dsn: str, *, timeout_s: float = 2.0, session_timeout_s: float | None = None) -> SqlRunnerConfig:
    """A runner as for an embedded server, with little patience."""
    return SqlRunnerConfig(
        dsn=dsn,
        key=_KEY,
        first_workspace_id=OWN,
        is_own_server=True,
        timeout_s=timeout_s,
        session_timeout_s=session_timeout_s,
        temp_file_mb=20,
    )


@asynccontextmanager
async def running(given: SqlRunnerConfig) -> AsyncIterator[PostgresSqlRunner]:
    """A started runner."""
    runner = PostgresSqlRunner(given)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.aclose()


async def fill(dsn: str) -> None:
    """Stores both workspaces, and rolls them up."""
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for workspace_id in (OWN, OTHER):
            await writer.consume(_batch(workspace_id))
    await roll_up(dsn)


def _batch(workspace_id: int) -> Batch:
    is_other = workspace_id == OTHER
    word = CANARY if is_other else "own"
    service = resource(f"{word}-service", {"host.name": f"{word}-host"})
    scope = Scope(name=f"{word}-scope", version=f"{word}-1")
    count = OTHER_SPANS if is_other else OWN_SPANS
    spans = [_span(number, word=word, is_other=is_other) for number in range(count)]
    return Batch(
        workspace_id=workspace_id,
        spans=[replace(one, resource=service, scope=scope) for one in spans],
        log_records=[
            log_record(resource=service, scope=scope, trace_id=one.trace_id, body=f"{word} said", severity_text=word)
            for one in spans
        ],
        interactions=[
            interaction(
                trace_id=one.trace_id, span_id=one.span_id, service_name=f"{word}-service", model_served=f"{word}-model",
                prompt=f"{word}?", response=f"{word}!", session_id=f"{word}-session",
            )
            for one in spans
        ],
        decisions=[_decision(one, number, word=word) for number, one in enumerate(spans)],
    )  # fmt: skip


def _decision(of: Span, number: int, *, word: str) -> Decision:
    return full_decision(
        id=f"{word}-{number}",
        trace_id=of.trace_id,
        span_id=of.span_id,
        # Every second one ties with the one before.
        time_unix_nano=of.start_time_unix_nano - number % 2 * 60_000_000_000,
        component=f"{word}-component",
        service_name=f"{word}-service",
        input={"plan": word, "n": number},
        output={"said": f"{word}!"},
        reasoning=f"{word} because",
        rule_id=f"{word}-{number % 3}",
        rule_name=f"{word}-rule",
        evaluation_ns=CANARY_MS * 1_000_000 if word == CANARY else 5_000_000,
        request_id=f"{word}-{number // 4}",
        session_id=f"{word}-session",
        final=FinalOutcome(provider=f"{word}-provider", model=f"{word}-model", status="success", is_stated=True),
    )


def _span(number: int, *, word: str, is_other: bool) -> Span:
    trace = hashlib.md5(f"{word}{number // 4}".encode(), usedforsecurity=False).digest()
    return span(
        trace_id=SHARED_TRACE if number < 4 else trace,
        # The first of each trace is the parent of the others, minutes before them.
        span_id=_ROOT if number % 4 == 0 else span_id(),
        parent_span_id=b"" if number % 4 == 0 else _ROOT,
        name=f"{word} {number % 5}",
        lasting_ns=(CANARY_MS if is_other else 5) * 1_000_000 + number * 1_000,
        at_us=number * 60_000_000,
        status_code=number % 3,
        status_message=word,
        trace_state=f"{word}=1",
        attributes={"http.route": f"/{word}/{number % 3}", "n": 77_777_000 + number if is_other else number},
        events=[Event(name=f"{word}-event", time_unix_nano=1, attributes={"a": word})],
    )
