"""Log records that belong to no trace: what they tell of is settled, redacted and made anew as everything else is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from processors.ai.mapper import Mapper
from processors.enrich import Enrich
from processors.redact import Redact
from redaction.policy import default_policy
from redaction.redactor import Redactor
from storage.postgres.audit import PostgresAudit
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.llm_span import record
from tests.support.settling import settle, stored_interactions
from tracedata import Batch, LogRecord, Value

_ADDRESS = "jane.doe@example.com"
_map = Mapper().interactions


def _session(name: str, prompt: str = "hi") -> Sequence[LogRecord]:
    """A question, and the call that answers it."""
    of_call: Mapping[str, Value] = {
        "session.id": name,
        "model": "claude-opus-4-6",
        "input_tokens": 1,
        "output_tokens": 2,
    }
    return [
        record("claude_code.user_prompt", {"session.id": name, "prompt": prompt}),
        record("claude_code.api_request", of_call, at_ms=5),
    ]


async def _write(dsn: str, *records: LogRecord) -> None:
    """Each by a request of its own."""
    enrich = Enrich()
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for one in records:
            await writer.consume(enrich.process(Batch(workspace_id=1, log_records=[one])))


async def _prompts(dsn: str) -> list[str]:
    return [one.prompt for one in await stored_interactions(dsn)]


async def test_a_question_that_comes_after_its_answer_is_told_with_it(shared_postgres_dsn: str) -> None:
    question, call = _session("s-1")
    await _write(shared_postgres_dsn, call)
    await settle(shared_postgres_dsn, _map)
    assert await _prompts(shared_postgres_dsn) == [""]
    await _write(shared_postgres_dsn, question)
    await settle(shared_postgres_dsn, _map)
    assert await _prompts(shared_postgres_dsn) == ["hi"]
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.ai_waiting") == 0


async def test_what_comes_again_changes_nothing_whatever_else_has_no_trace(shared_postgres_dsn: str) -> None:
    records = [one for number in range(30) for one in _session(f"s-{number}")]
    await _write(shared_postgres_dsn, *records)
    await settle(shared_postgres_dsn, _map)
    before = await rows(shared_postgres_dsn, "SELECT arrival_id, xmin::text FROM relayscope.ai_interactions")
    assert len(before) == 30
    await _write(shared_postgres_dsn, *records)
    count = await settle(shared_postgres_dsn, _map)
    assert (count.traces, count.changed) == (30, 0)
    assert await rows(shared_postgres_dsn, "SELECT arrival_id, xmin::text FROM relayscope.ai_interactions") == before


async def test_others_records_without_a_trace_are_no_sources_of_a_call(shared_postgres_dsn: str) -> None:
    tool = record("claude_code.tool_result", {"session.id": "s-2", "tool_name": "Bash", "tool_input": "cat secret"})
    await _write(shared_postgres_dsn, *_session("s-1"), tool)
    await settle(shared_postgres_dsn, _map)
    (call,) = [one for one in await stored_interactions(shared_postgres_dsn) if one.operation == "chat"]
    reader = PostgresInteractionReader(ReaderConfig(dsn=shared_postgres_dsn))
    await reader.start()
    try:
        found = await reader.sources(1, call)
    finally:
        await reader.aclose()
    assert (found.spans, found.log_records) == ([], [])


async def test_what_is_redacted_afterwards_is_redacted_in_interactions_too(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, *_session("s-1", f"mail {_ADDRESS}"))
    await settle(shared_postgres_dsn, _map)
    assert await _prompts(shared_postgres_dsn) == [f"mail {_ADDRESS}"]
    redact = Redact(Redactor(default_policy()))
    config = ApplyConfig(dsn=shared_postgres_dsn, policy="strict", actor="tester")
    await Reredaction(config, lambda _: redact, PostgresAudit(shared_postgres_dsn)).apply()
    await settle(shared_postgres_dsn, _map)
    (prompt,) = await _prompts(shared_postgres_dsn)
    assert _ADDRESS not in prompt
    assert prompt.startswith("mail ")
