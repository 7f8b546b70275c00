"""Decisions for tests: what the mapper makes of spans and log records, and one on which every field holds something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from processors.ai.mapper import Mapper
from processors.decisions.mapper import DecisionMapper
from tests.support.factory import BASE_US, span_id, trace_id
from tracedata import LogRecord, Span
from tracedata.decision import Decision, FinalOutcome


def decided(*spans: Span, records: Sequence[LogRecord] = ()) -> Sequence[Decision]:
    """What the mappers make of them; they must not have failed."""
    failures: list[int] = []
    interactions = Mapper(failed=failures.append).interactions(spans, records)
    made = DecisionMapper(failed=failures.append).decisions(spans, records, interactions)
    assert failures == []
    return made


def only_decision(*spans: Span, records: Sequence[LogRecord] = ()) -> Decision:
    """The one decision that they make of them."""
    (made,) = decided(*spans, records=records)
    return made


def decision(**fields: Any) -> Decision:  # noqa: ANN401 - the fields of Decision
    """A decision that nobody tells more of than it must; at ``BASE_US`` unless told otherwise."""
    made = Decision(
        id="d-1",
        trace_id=trace_id(),
        time_unix_nano=BASE_US * 1_000,
        type="model_selection",
        component="router",
    )
    return replace(made, **fields)


def full_decision(**fields: Any) -> Decision:  # noqa: ANN401 - the fields of Decision
    """A decision on which every field holds something other than its default."""
    made = decision(
        time_unix_nano=BASE_US * 1_000 + 123,
        type="other",
        component="spell_checker",
        span_id=span_id(),
        service_name="gateway",
        reported_type="spelling",
        input={"prompt_tokens": 812, "plan": "gold", "share": 1.0, "tags": ["a", {"b": None}]},
        output={"provider": "openai", "model": "gpt-4o-mini"},
        reasoning="short prompt, cheap tier",
        rule_id="r-17",
        rule_name="short-prompt-small-model",
        rule_version="3",
        outcome="selected",
        is_enforced=False,
        candidates=("gpt-4o", "gpt-4o-mini"),
        sequence=2,
        parent_id="d-0",
        evaluation_ns=420_000,
        attributes={"decision_trace.policy": "p-1", "decision_trace.weight": 1.0},
        request_id="req-1",
        user_id="user-1",
        session_id="session-1",
        organization_id="org-1",
        request_path="/v1/chat/completions",
        final=FinalOutcome(provider="openai", model="gpt-4o-mini", status="success", is_stated=True),
        carriers=("span_event", "log_record"),
        convention="decision_trace",
        mapper_version=1,
    )
    return replace(made, **fields)
