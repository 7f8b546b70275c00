"""Interactions for tests: one on which every field holds something, and ways to change it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.support.factory import BASE_US, MS_NS, span_id, trace_id
from tracedata import Interaction
from tracedata.interaction import Cost, CostLine, SpanReference, Usage


def interaction(**fields: Any) -> Interaction:  # noqa: ANN401 - the fields of Interaction
    """A chat that nobody tells more of than its ids and times; starts at ``BASE_US`` unless told otherwise."""
    start = BASE_US * 1_000
    made = Interaction(
        trace_id=trace_id(),
        span_id=span_id(),
        start_time_unix_nano=start,
        end_time_unix_nano=start + 5 * MS_NS,
        operation="chat",
    )
    return replace(made, **fields)


def full_interaction(**fields: Any) -> Interaction:  # noqa: ANN401 - the fields of Interaction
    """An interaction on which every field holds something other than its default."""
    made = interaction(
        start_time_unix_nano=BASE_US * 1_000 + 123,
        end_time_unix_nano=BASE_US * 1_000 + 123_456_789,
        name="chat gpt-4o",
        service_name="assistant",
        parent_span_id=span_id(),
        provider="openai",
        model_requested="gpt-4o",
        model_served="gpt-4o-2024-08-06",
        model_family="gpt-4o",
        response_id="chatcmpl-1",
        request_id="req-1",
        user_id="user-1",
        session_id="session-1",
        organization_id="org-1",
        agent="planner",
        is_streaming=True,
        time_to_first_token_ns=7 * MS_NS,
        usage=Usage(
            input=1,
            cache_read=2,
            cache_write=7,
            cache_write_5m=3,
            cache_write_1h=4,
            audio_input=5,
            output=6,
            reasoning=8,
            audio_output=9,
            reported_input=15,
            reported_output=23,
            basis="inclusive",
            is_estimated=True,
        ),
        reported_aggregate=Usage(input=100, output=200),
        cost=Cost(
            amount=0.012345,
            currency="EUR",
            source="reported:gen_ai.usage.cost",
            computed=0.02,
            computed_by="computed:genai-prices-1",
            is_discrepant=True,
            price="openai/gpt-4o",
            lines=(CostLine(bucket="input", tokens=1, per_million="2.5", amount="0.0000025"),),
        ),
        finish_reason="stop",
        status="error",
        error_class="rate_limit",
        error_type="RateLimitError",
        error_message="slow down",
        parameters={"temperature": 0.0, "top_p": 1.0, "seed": 42, "stop": ["a", "b"], "nested": {"$x": 1}},
        tags=("a", "b"),
        prompt="What is a span?",
        response="A part of a trace.",
        tool_calls=("search",),
        endpoint="https://api.openai.com/v1",
        convention="otel_genai",
        mapper_version=3,
        sources=(
            SpanReference(
                trace_id=trace_id(),
                span_id=span_id(),
                start_time_unix_nano=BASE_US * 1_000 + 123,
                convention="otel_genai",
            ),
        ),
    )
    return replace(made, **fields)
