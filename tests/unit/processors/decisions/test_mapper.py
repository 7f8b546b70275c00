"""Whose request a decision was made for, and what became of it; and what is merged with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from processors.decisions.relevance import is_relevant, is_relevant_record, relevant_of
from tests.support.decision import decided, only_decision
from tests.support.llm_recording import recording, recordings
from tests.support.llm_span import CHAT, event, record, span
from tests.support.repository import ROOT
from tracedata import Span, Value
from tracedata.decision import FinalOutcome

_P = "decision_trace."
_EVENT = f"{_P}decision"
_DECISION: Mapping[str, Value] = {f"{_P}id": "d", f"{_P}type": "model_selection", f"{_P}component": "router"}
_FOLDER = ROOT / "tests" / "fixtures" / "decisions"


def _deciding(number: int, more: Mapping[str, Value] | None = None, *, parent: int = 0) -> Span:
    return span(number, more or {}, parent=parent, events=[event(_EVENT, _DECISION)], took_ms=5_000)


def _call(
    number: int,
    model: str = "a",
    *,
    parent: int = 1,
    at_ms: float = 0,
    error: str = "",
    operation: str = "chat",
    provider: str = "openai",
) -> Span:
    said = {
        **CHAT,
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": model,
        "gen_ai.provider.name": provider,
        "gen_ai.response.id": f"id-{number}",
    }
    return span(number, said, parent=parent, at_ms=at_ms, error=error)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param(
            [span(1, {"user.id": "root"}), _deciding(2, {"user.id": "own"}, parent=1)], "own", id="the span itself"
        ),
        pytest.param(
            [span(1, {"user.id": "root"}), span(2, {"enduser.id": "near"}, parent=1), _deciding(3, parent=2)],
            "near",
            id="the nearest above, in any convention",
        ),
        pytest.param(
            [span(1, {}), _deciding(2, parent=1), span(3, {**CHAT, "user.id": "u"}, parent=1)],
            "u",
            id="what the interactions agree on",
        ),
        pytest.param(
            [
                span(1, {}),
                _deciding(2, parent=1),
                span(3, {**CHAT, "user.id": "u", "gen_ai.response.id": "x"}, parent=1),
                span(4, {**CHAT, "user.id": "v", "gen_ai.response.id": "y"}, parent=1),
            ],
            "",
            id="they do not agree",
        ),
    ],
)
def test_users(spans: Sequence[Span], expected: str) -> None:
    assert only_decision(*spans).user_id == expected


def test_a_record_of_a_trace_without_a_span_has_the_context_of_the_root() -> None:
    told = record(_EVENT, _DECISION, number=9)
    made = only_decision(span(1, {"session.id": "s", "url.path": "/v1/x?key=1"}), records=[told])
    assert (made.session_id, made.request_path) == ("s", "/v1/x")


def test_the_path_is_that_of_the_root() -> None:
    made = only_decision(span(1, {"http.route": "/v1/chat"}), _deciding(2, {"http.route": "/rules"}, parent=1))
    assert made.request_path == "/v1/chat"


_DOWN = "overloaded"


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([], FinalOutcome(), id="no call"),
        pytest.param([_call(3)], FinalOutcome(provider="openai", model="a", status="success"), id="one call"),
        pytest.param(
            [_call(3, error=_DOWN), _call(4, "b", at_ms=200, provider="anthropic")],
            FinalOutcome(provider="anthropic", model="b", status="fallback_success"),
            id="another after one that failed",
        ),
        pytest.param(
            [_call(3, error=_DOWN), _call(4, at_ms=200)],
            FinalOutcome(provider="openai", model="a", status="success"),
            id="the same again",
        ),
        pytest.param(
            [_call(3, error=_DOWN), _call(4, "b", at_ms=200, error=_DOWN)],
            FinalOutcome(provider="openai", model="b", status="error"),
            id="all failed",
        ),
        pytest.param(
            [_call(3), _call(4, "b", at_ms=200, operation="embeddings")],
            FinalOutcome(provider="openai", model="a", status="success"),
            id="an embedding after it",
        ),
        pytest.param(
            [
                _call(3),
                span(4, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, parent=1, at_ms=200),
                _call(5, "b", parent=4, at_ms=210),
            ],
            FinalOutcome(provider="openai", model="a", status="success"),
            id="a call inside a tool",
        ),
        pytest.param(
            [
                _call(3),
                span(4, {**_DECISION, f"{_P}id": "d2"}, parent=1, at_ms=200),
                _call(5, "b", parent=4, at_ms=210),
            ],
            FinalOutcome(provider="openai", model="a", status="success"),
            id="a model that helps to decide",
        ),
    ],
)
def test_final_outcome_of_the_primary_call(calls: Sequence[Span], expected: FinalOutcome) -> None:
    made = decided(span(1, {}, took_ms=9_000), _deciding(2, parent=1), *calls)
    assert {one.final for one in made} == {expected}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param(
            {"status": "success"},
            FinalOutcome(provider="openai", model="a", status="success", is_stated=True),
            id="the model is filled in",
        ),
        pytest.param(
            {"status": "blocked"}, FinalOutcome(status="blocked", is_stated=True), id="no model belongs to it"
        ),
        pytest.param(
            {"provider": "x", "model": "y"},
            FinalOutcome(provider="x", model="y", status="success", is_stated=True),
            id="the status is filled in",
        ),
    ],
)
def test_what_is_stated_comes_first(stated: Mapping[str, str], expected: FinalOutcome) -> None:
    root = span(1, {f"{_P}final.{key}": value for key, value in stated.items()})
    assert only_decision(root, _deciding(2, parent=1), _call(3)).final == expected


def test_the_statement_nearest_to_the_root_counts() -> None:
    inner = span(2, {f"{_P}final.status": "error", f"{_P}final.model": "m"}, parent=1)
    root = span(1, {f"{_P}final.status": "success"})
    final = only_decision(inner, root, _deciding(3, parent=2)).final
    assert (final.status, final.model) == ("success", "m")


def test_a_record_can_state_it() -> None:
    told = record(f"{_P}final", {f"{_P}final.status": "blocked"}, number=1)
    assert only_decision(_deciding(1), records=[told]).final == FinalOutcome(status="blocked", is_stated=True)


def test_the_same_id_in_another_trace_is_another_decision() -> None:
    events = [event(_EVENT, _DECISION)]
    assert len(decided(span(1, {}, events=events), span(1, {}, trace=2, events=events))) == 2


def test_an_event_and_a_record_without_an_id_that_say_the_same_at_once_are_one() -> None:
    said = {f"{_P}type": "other", f"{_P}component": "router"}
    made = only_decision(span(1, {}, events=[event(_EVENT, said)]), records=[record(_EVENT, said, number=1)])
    assert made.carriers == ("span_event", "log_record")


def test_a_decision_that_belongs_to_no_trace() -> None:
    told = [record(_EVENT, {**_DECISION, f"{_P}id": name, "user.id": name}) for name in ("a", "b")]
    made = decided(records=told)
    assert [(one.id, one.user_id) for one in made] == [("a", "a"), ("b", "b")]
    assert [len(trace_id) for trace_id in {one.trace_id for one in made}] == [16, 16]
    assert [one.trace_id for one in decided(records=told[1:])] == [made[1].trace_id]


def test_long_ids_end_in_what_they_are_told_apart_by() -> None:
    ids = [f"{'x' * 600}{number}" for number in range(2)]
    made = decided(span(1, {}, events=[event(_EVENT, {**_DECISION, f"{_P}id": one}) for one in ids]))
    assert len(made) == 2
    assert all(len(one.id) == 512 for one in made)


@pytest.mark.parametrize("name", recordings(_FOLDER))
def test_what_tells_of_decisions_is_relevant(name: str) -> None:
    told = recording(_FOLDER, name)
    for one in told.spans:
        assert is_relevant(one) or not decided(one)
    for told_record in told.log_records:
        assert is_relevant_record(told_record)
    assert relevant_of(told.spans) == [one for one in told.spans if is_relevant(one)]


@pytest.mark.parametrize(
    "irrelevant",
    [
        pytest.param(span(1, {}), id="nothing"),
        pytest.param(span(1, {"http.route": "/", "user.id": "u"}), id="a request"),
        pytest.param(span(1, CHAT), id="a call"),
        pytest.param(span(1, {}, events=[event("exception")]), id="an exception"),
        pytest.param(span(1, {"openinference.span.kind": "LLM"}), id="another kind"),
        pytest.param(span(1, {"metadata.applied_guardrails": "[]"}), id="an empty list"),
        pytest.param(span(1, {}, scope="litellm", name="redis.get"), id="another span of a scope"),
    ],
)
def test_other_spans_are_not(irrelevant: Span) -> None:
    assert not is_relevant(irrelevant)


def test_a_span_that_only_states_the_outcome_is_relevant() -> None:
    assert is_relevant(span(1, {f"{_P}final.status": "success"}))
    assert is_relevant_record(record(f"{_P}final", {}))
    assert not is_relevant_record(record("gen_ai.choice", {}))
