"""The mapper that ships, over a real store: however traces come, their interactions are those of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.ai.mapper import Mapper
from processors.ai.relevance import is_relevant
from storage.postgres.interaction_row import as_stored
from storage.postgres.settlement import Settlement, SettlementConfig
from tests.support.delivery import Delivery, assert_same, deliver, deliveries
from tests.support.factory import resource, workspace
from tests.support.settling import only_interactions, settle, stored_interactions
from tracedata import Attributes, Batch, Interaction, LogRecord, Scope, Span

_interactions = Mapper().interactions
_NATIVE: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
_FRAMEWORK: Attributes = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 10,
    "llm.token_count.completion": 5,
    "input.value": "What is a span?",
}
_AGENT: Attributes = {"openinference.span.kind": "AGENT", "session.id": "s-1"}
_PLAIN: Attributes = {"http.request.method": "POST"}
_ATTRIBUTES: st.SearchStrategy[Attributes] = st.builds(
    lambda first, second: {**first, **second},
    st.sampled_from([_NATIVE, _FRAMEWORK, _AGENT, _PLAIN]),
    st.sampled_from([{}, {"user.id": "u-1"}]),
)


def _record(of: Span, answer: str) -> LogRecord:
    """An event of a native instrumentation, which tells the answer."""
    return LogRecord(
        resource=resource("logs"),
        scope=Scope(name="opentelemetry.instrumentation.openai_v2"),
        trace_id=of.trace_id,
        span_id=of.span_id,
        time_unix_nano=of.start_time_unix_nano,
        event_name="gen_ai.choice",
        body={"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}},
        attributes={"gen_ai.system": "openai"},
    )


def _processed(batch: Batch) -> Batch:
    """What ADR 0010 asks of the pipeline: interactions of what is whole, arrivals for what is not."""
    by_id = {(span.trace_id, span.span_id): span for span in batch.spans}
    told = {span.trace_id for span in batch.spans if is_relevant(span)}
    arrivals = {record.trace_id for record in batch.log_records}
    arrivals |= {span.trace_id for span in batch.spans if is_relevant(span) and not _is_whole(span, by_id)}
    whole = [span for span in batch.spans if span.trace_id in told - arrivals]
    return replace(batch, interactions=_interactions(whole), arrivals=sorted(arrivals))


def _is_whole(span: Span, by_id: Mapping[tuple[bytes, bytes], Span]) -> bool:
    above: Span | None = span
    while above is not None and above.parent_span_id:
        above = by_id.get((above.trace_id, above.parent_span_id))
    return above is not None


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(delivery=deliveries(_ATTRIBUTES, _record), is_settled_meanwhile=st.booleans())
def test_however_traces_come_their_interactions_are_those_of_the_whole(
    shared_postgres_dsn: str,
    delivery: Delivery,
    is_settled_meanwhile: bool,  # noqa: FBT001 - drawn
) -> None:
    workspace_id = workspace()

    async def play() -> list[Interaction]:
        config = SettlementConfig(dsn=shared_postgres_dsn, poll_s=0.001, retry_s=0.001, soon_s=0.0, recheck_s=0.0)
        leader = Settlement(config, lambda _: only_interactions(_interactions))
        if is_settled_meanwhile:
            await leader.start()
        await deliver(shared_postgres_dsn, workspace_id, delivery, _processed)
        await leader.aclose()
        await settle(shared_postgres_dsn, _interactions)
        return await stored_interactions(shared_postgres_dsn, workspace_id)

    wanted = map(as_stored, _interactions(delivery.spans, delivery.records))
    assert_same(asyncio.run(play()), sorted(wanted, key=lambda one: (one.trace_id, one.span_id)), delivery)
