"""What users see of interactions."""

from __future__ import annotations

from decimal import Decimal

from storage.postgres.writer import WriterConfig
from tests.support.database import rows, writing
from tests.support.factory import span
from tests.support.interaction import full_interaction, interaction
from tracedata import Batch, Interaction
from tracedata.interaction import Cost, Usage

_SEEN = """
    SELECT trace_id, span_id, extract(epoch FROM end_time - start_time)::float8, latency_ms, time_to_first_token_ms,
           input_tokens_total, output_tokens_total, total_tokens, tokens_per_second, cost, currency, name, error_type,
           parameters ->> 'seed', prompt, response
    FROM telemetry.ai_interactions
"""
_NONE = """
    SELECT parent_span_id, time_to_first_token_ms, tokens_per_second, input_tokens_total, output_tokens_total, total_tokens,
           cost, currency, name, parameters, prompt
    FROM telemetry.ai_interactions
"""


async def _store(dsn: str, *interactions: Interaction) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, spans=[span()], interactions=interactions))


async def test_everything_that_is_known_is_seen(shared_postgres_dsn: str) -> None:
    one = full_interaction()
    await _store(shared_postgres_dsn, one)
    ((*seen,),) = await rows(shared_postgres_dsn, _SEEN)
    assert seen == [
        one.trace_id.hex(),
        one.span_id.hex(),
        0.123456,
        123.456666,
        7.0,
        one.usage.input_total,
        one.usage.output_total,
        one.usage.total,
        one.tokens_per_second,
        Decimal("0.012345000000"),
        "EUR",
        one.name,
        one.error_type,
        "42",
        one.prompt,
        one.response,
    ]


async def test_what_nobody_told_is_null(shared_postgres_dsn: str) -> None:
    await _store(shared_postgres_dsn, interaction())
    assert await rows(shared_postgres_dsn, _NONE) == [(None,) * 11]


async def test_sums_are_exact_and_zero_is_told(shared_postgres_dsn: str) -> None:
    costs = [interaction(cost=Cost(amount=0.1), usage=Usage(input=0)) for _ in range(3)]
    await _store(shared_postgres_dsn, *costs)
    query = "SELECT sum(cost), sum(total_tokens), count(output_tokens_total) FROM telemetry.ai_interactions"
    assert await rows(shared_postgres_dsn, query) == [(Decimal("0.300000000000"), Decimal(0), 0)]
