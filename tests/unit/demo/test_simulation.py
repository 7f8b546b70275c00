"""What the simulated RelayCore tells, seen through the SDK's own in-memory exporter."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from relayscope.demo.scenario import SCENARIOS
from relayscope.demo.simulation import Simulation

_NOW_NS = 1_767_225_600_000_000_000
_TRACES = 120
_DECISION = "decision_trace.decision"
_DECISION_REQUIRED = {"decision_trace.id", "decision_trace.type", "decision_trace.component", "decision_trace.output"}
# What comes in log records is seen in test_rules.
_DECISION_TYPES = {"rule_evaluation", "model_selection", "cache_decision"}
_CHAT_ALWAYS = {"gen_ai.provider.name", "gen_ai.request.model", "gen_ai.input.messages", "gen_ai.request.max_tokens"}
_CHAT_ANSWERED = {
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    "gen_ai.output.messages",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
}
# Names of earlier versions of the conventions.
_SUPERSEDED = {
    "gen_ai.system",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "http.method",
    "http.status_code",
    "http.url",
    "db.system",
    "db.statement",
    "messaging.operation",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A trace and the scenario that it comes from."""

    scenario: str
    spans: Sequence[ReadableSpan]


def _tell(*, seed: int, nonce: str | None = None, traces: int = _TRACES) -> list[Told]:
    exporter = InMemorySpanExporter()
    simulation = Simulation(seed=seed, processors=[SimpleSpanProcessor(exporter)], nonce=nonce)
    told = []
    for _ in range(traces):
        scenario = simulation.play(before_ns=_NOW_NS)
        told.append(Told(scenario=scenario, spans=exporter.get_finished_spans()))
        exporter.clear()
    return told


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return _tell(seed=7)


@pytest.fixture(scope="module")
def spans(told: list[Told]) -> list[ReadableSpan]:
    return [span for trace in told for span in trace.spans]


def _attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def _context(span: ReadableSpan) -> SpanContext:
    context: SpanContext | None = span.context
    assert context is not None
    return context


def _ids(context: SpanContext) -> tuple[int, int]:
    return context.trace_id, context.span_id


def _service(span: ReadableSpan) -> str:
    return str(span.resource.attributes["service.name"])


def _operation(spans: Sequence[ReadableSpan], operation: str) -> list[ReadableSpan]:
    found = [span for span in spans if _attributes(span).get("gen_ai.operation.name") == operation]
    assert found, operation
    return found


def _times(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time, span.end_time


def test_every_scenario_is_told_first(told: list[Told]) -> None:
    first = {trace.scenario for trace in told[: len(SCENARIOS) + 1]}
    assert {scenario.name for scenario in SCENARIOS} <= first


def test_ten_services_take_part_and_each_calls_or_is_called(spans: list[ReadableSpan]) -> None:
    by_id = {_context(span).span_id: span for span in spans}
    edges = {
        (_service(by_id[span.parent.span_id]), _service(span))
        for span in spans
        if span.parent is not None and _service(by_id[span.parent.span_id]) != _service(span)
    }
    assert len({_service(span) for span in spans}) == 10
    assert ("relaycore-gateway", "relaycore-billing") in edges
    assert ("relaycore-retrieval-agent", "relaycore-vector-store") in edges
    assert {name for edge in edges for name in edge} == {_service(span) for span in spans}


def test_a_trace_has_one_root_and_every_parent_is_in_it(told: list[Told]) -> None:
    for trace in told:
        ids = {_context(span).span_id for span in trace.spans}
        assert len({_context(span).trace_id for span in trace.spans}) == 1
        assert sum(span.parent is None for span in trace.spans) == 1
        assert all(span.parent.span_id in ids for span in trace.spans if span.parent is not None)


def test_span_ids_are_unique(spans: list[ReadableSpan]) -> None:
    assert len({_context(span).span_id for span in spans}) == len(spans)


def test_every_kind_is_used(spans: list[ReadableSpan]) -> None:
    assert {span.kind for span in spans} == set(SpanKind)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spans_end_after_they_start_and_before_the_moment_given(seed: int) -> None:
    limits = {scenario.name: scenario.longest_s for scenario in SCENARIOS}
    for trace in _tell(seed=seed):
        for span in trace.spans:
            start, end = _times(span)
            assert _NOW_NS - limits.get(trace.scenario, 1.0) * 1e9 <= start <= end <= _NOW_NS, trace.scenario


def test_children_start_within_their_parents_unless_a_queue_is_between(spans: list[ReadableSpan]) -> None:
    by_id = {_context(span).span_id: span for span in spans}
    for span in spans:
        if span.parent is None or span.kind is SpanKind.CONSUMER:
            continue
        start, end = _times(span)
        parent_start, parent_end = _times(by_id[span.parent.span_id])
        assert parent_start <= start <= end <= parent_end, span.name


def test_events_happen_while_their_span_is_open(spans: list[ReadableSpan]) -> None:
    for span in spans:
        start, end = _times(span)
        assert all(start <= event.timestamp <= end for event in span.events), span.name


@pytest.mark.parametrize(
    ("scenario", "root_status", "error_types"),
    [
        pytest.param("retried_after_rate_limit", 200, {"openai.RateLimitError", "429"}, id="rate-limit"),
        pytest.param("fallen_back", 200, {"openai.APITimeoutError", "timeout", "504"}, id="timeout"),
        pytest.param("rejected_key", 401, {"401"}, id="key"),
        pytest.param("blocked_by_rule", 403, set(), id="rule"),
        pytest.param("budget_exceeded", 402, set(), id="budget"),
        pytest.param("researched_with_failing_tool", 200, {"OrderServiceError"}, id="tool"),
        pytest.param(
            "every_provider_down",
            503,
            {"503", "429", "anthropic.InternalServerError", "openai.RateLimitError"},
            id="all-down",
        ),
        pytest.param("answered_by_small_model", 200, set(), id="nothing-wrong"),
    ],
)
def test_failures_show_where_they_happen(
    told: list[Told], scenario: str, root_status: int, error_types: set[str]
) -> None:
    spans = next(trace.spans for trace in told if trace.scenario == scenario)
    root = next(span for span in spans if span.parent is None)
    failed = [span for span in spans if span.status.status_code is StatusCode.ERROR]
    assert _attributes(root)["http.response.status_code"] == root_status
    assert {_attributes(span)["error.type"] for span in failed} == error_types


def test_a_rate_limit_is_an_exception_event_and_is_retried(told: list[Told]) -> None:
    spans = next(trace.spans for trace in told if trace.scenario == "retried_after_rate_limit")
    failed, answered = sorted(_operation(spans, "chat"), key=_times)
    exception = dict(failed.events[0].attributes or {})
    assert failed.events[0].name == "exception"
    assert exception["exception.type"] == "openai.RateLimitError"
    assert answered.status.status_code is StatusCode.UNSET
    assert [_attributes(span).get("http.request.resend_count") for span in spans if span.name == "POST"] == [None, 1]


def test_a_time_out_falls_back_to_the_other_provider(told: list[Told]) -> None:
    spans = next(trace.spans for trace in told if trace.scenario == "fallen_back")
    providers = [_attributes(span)["gen_ai.provider.name"] for span in sorted(_operation(spans, "chat"), key=_times)]
    first, second = [_attributes(span) for span in spans if span.name == "decision model_selection router"]
    root = next(span for span in spans if span.parent is None)
    assert providers == ["openai", "anthropic"]
    assert second["decision_trace.parent_id"] == first["decision_trace.id"]
    assert _attributes(root)["decision_trace.final.status"] == "fallback_success"
    assert _attributes(root)["decision_trace.final.provider"] == "anthropic"


def test_slow_calls_are_slow(told: list[Told]) -> None:
    spans = next(trace.spans for trace in told if trace.scenario == "answered_slowly")
    root = next(span for span in spans if span.parent is None)
    start, end = _times(root)
    assert end - start > 3_000_000_000


def test_billing_is_linked_to_the_messages_it_takes(spans: list[ReadableSpan]) -> None:
    sent = {_ids(_context(span)) for span in spans if span.kind is SpanKind.PRODUCER}
    taken = [span for span in spans if span.kind is SpanKind.CONSUMER]
    settlements = [span for span in taken if span.parent is None]
    assert settlements
    assert all(len({link.context.trace_id for link in span.links}) > 1 for span in settlements)
    assert all(span.links for span in taken)
    assert {_ids(link.context) for span in taken for link in span.links} == sent


def test_model_calls_follow_the_current_convention(spans: list[ReadableSpan]) -> None:
    for span in _operation(spans, "chat"):
        attributes = _attributes(span)
        failed = span.status.status_code is StatusCode.ERROR
        assert span.kind is SpanKind.CLIENT
        assert span.name == f"chat {attributes['gen_ai.request.model']}"
        assert attributes.keys() >= _CHAT_ALWAYS
        assert failed or attributes.keys() >= _CHAT_ANSWERED
        assert failed == ("error.type" in attributes)
        assert not failed or not attributes.keys() & _CHAT_ANSWERED


def test_parts_of_the_usage_never_exceed_the_whole(spans: list[ReadableSpan]) -> None:
    parts = (
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.input_tokens"),
        ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.output_tokens"),
    )
    for part, whole in parts:
        counted = [_attributes(span) for span in spans if part in _attributes(span)]
        assert counted, part
        for attributes in counted:
            assert 0 < int(str(attributes[part])) <= int(str(attributes[whole]))


def test_no_superseded_attribute_is_used(spans: list[ReadableSpan]) -> None:
    used = {key for span in spans for key in _attributes(span)}
    assert not used & _SUPERSEDED


@pytest.mark.parametrize("key", ["gen_ai.input.messages", "gen_ai.output.messages"])
def test_messages_are_json_with_roles_and_typed_parts(spans: list[ReadableSpan], key: str) -> None:
    texts = [str(_attributes(span)[key]) for span in spans if key in _attributes(span)]
    messages = [message for text in texts for message in json.loads(text)]
    assert messages
    for message in messages:
        assert message["role"] in {"user", "assistant", "tool"}
        assert message["parts"]
        assert {part["type"] for part in message["parts"]} <= {"text", "tool_call", "tool_call_response"}


def test_tools_answer_the_calls_that_the_model_asked_for(told: list[Told]) -> None:
    spans = next(trace.spans for trace in told if trace.scenario == "researched_by_agent")
    first, second = sorted(_operation(spans, "chat"), key=_times)
    asked = [part["id"] for part in json.loads(str(_attributes(first)["gen_ai.output.messages"]))[0]["parts"]]
    answers = json.loads(str(_attributes(second)["gen_ai.input.messages"]))[2:]
    executed = _operation(spans, "execute_tool")
    assert list(_attributes(first)["gen_ai.response.finish_reasons"]) == ["tool_calls"]  # type: ignore[call-overload]  # a tuple
    assert [message["parts"][0]["id"] for message in answers] == asked
    assert {_attributes(span)["gen_ai.tool.call.id"] for span in executed} == set(asked)
    for operation in ("invoke_agent", "retrieval", "embeddings"):
        assert len(_operation(spans, operation)) == 1, operation


def test_decisions_carry_what_the_convention_requires(spans: list[ReadableSpan]) -> None:
    decisions: list[dict[str, object]] = [
        dict(event.attributes or {}) for span in spans for event in span.events if event.name == _DECISION
    ]
    assert len({decision["decision_trace.id"] for decision in decisions}) == len(decisions)
    decisions += [_attributes(span) for span in spans if span.name.startswith("decision ")]
    assert {decision["decision_trace.type"] for decision in decisions} == _DECISION_TYPES
    for decision in decisions:
        assert decision.keys() >= _DECISION_REQUIRED
        assert isinstance(json.loads(str(decision["decision_trace.output"])), dict)


def test_every_mail_address_and_number_is_fictional(spans: list[ReadableSpan]) -> None:
    text = " ".join(str(value) for span in spans for value in _attributes(span).values())
    domains = set(re.findall(r"[\w.]+@([\w.]+\w)", text))
    numbers = set(re.findall(r"\+\d[\d ]{6,}\d", text))
    assert domains == {"example.com", "example.org", "example.net"}
    assert numbers
    assert all(re.fullmatch(r"\+1 202 555 01\d\d", number) for number in numbers)


def test_no_attribute_was_cut_or_dropped(spans: list[ReadableSpan]) -> None:
    assert not any(span.dropped_attributes or span.dropped_events or span.dropped_links for span in spans)


def _whole(told: list[Told]) -> list[str]:
    return [span.to_json() for trace in told for span in trace.spans]


def _story(told: list[Told]) -> list[object]:
    keys = ("gen_ai.request.model", "gen_ai.system_instructions", "user.id", "http.response.status_code", "error.type")
    return [
        (trace.scenario, span.name, _times(span), [_attributes(span).get(key) for key in keys])
        for trace in told
        for span in trace.spans
    ]


def test_same_seed_and_nonce_tell_the_same_to_the_last_id() -> None:
    assert _whole(_tell(seed=11, nonce="a", traces=40)) == _whole(_tell(seed=11, nonce="a", traces=40))


def test_same_seed_tells_the_same_story_under_new_ids() -> None:
    first, second = _tell(seed=11, traces=40), _tell(seed=11, traces=40)
    first_ids, second_ids = (
        {_context(span).span_id for trace in run for span in trace.spans} for run in (first, second)
    )
    assert _story(first) == _story(second)
    assert not first_ids & second_ids


def test_another_seed_tells_another_story() -> None:
    assert _story(_tell(seed=11, traces=40)) != _story(_tell(seed=12, traces=40))
