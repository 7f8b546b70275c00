from __future__ import annotations

from pathlib import Path

import pytest

from processors import plain_key
from processors.ai import relevance
from processors.ai.draft import draft_of, subject_of
from processors.ai.relevance import carries_context, is_relevant, is_relevant_record, relevant_of
from tests.support.llm_recording import RECORDED, WRITTEN, recording, recordings
from tests.support.llm_span import record, span
from tracedata import Value

_ALL = [(folder, name) for folder in (RECORDED, WRITTEN) for name in recordings(folder)]


@pytest.mark.parametrize(("folder", "name"), _ALL, ids=[name for _, name in _ALL])
def test_every_span_that_tells_of_an_operation_is_relevant(folder: Path, name: str) -> None:
    for told in recording(folder, name).spans:
        assert is_relevant(told) or draft_of(subject_of(told)) is None


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"http.route": "/", "user.id": "u", "session.id": "s"}, id="a request of a user"),
        pytest.param({"gen_ai.conversation.id": "c"}, id="in a conversation"),
        pytest.param({"traceloop.association.properties.user_id": "u"}, id="association"),
        pytest.param({"langfuse.session.id": "s", "langfuse.user.id": "u"}, id="langfuse's context"),
    ],
)
def test_other_spans_are_not(attributes: dict[str, Value]) -> None:
    assert not is_relevant(span(1, attributes))


def test_a_key_that_was_never_seen_is_known_by_its_beginning() -> None:
    assert is_relevant(span(1, {"a": 1, "gen_ai.usage.novel": 1}))
    assert is_relevant(span(1, {"b": 1}, scope="openinference.instrumentation.novel"))


def test_all_at_once_is_the_same_as_one_by_one() -> None:
    spans = [told for folder, name in _ALL for told in recording(folder, name).spans]
    spans += [span(number, {"http.route": "/", f"key.{number}": 1}) for number in range(20)]
    assert relevant_of(spans) == [told for told in spans if is_relevant(told)]


def test_keys_are_learned_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_key, "MAX_LEARNED_KEYS", 10)
    for number in range(100):
        assert not is_relevant(span(1, {f"novel.{number}": 1}, scope=f"novel.{number}"))
    assert len(relevance._plain_keys) <= 10
    assert is_relevant(span(1, {"novel.1": 1, "gen_ai.operation.name": "chat"}))


@pytest.mark.parametrize(
    ("name", "scope", "attributes", "expected"),
    [
        pytest.param("gen_ai.choice", "x", {}, True, id="an event of OpenTelemetry"),
        pytest.param("", "x", {"event.name": "gen_ai.choice"}, True, id="by attribute"),
        pytest.param(
            "", "com.anthropic.claude_code.events", {"event.name": "api_request"}, True, id="by scope and attribute"
        ),
        pytest.param("", "codex_otel", {"event.name": "codex.sse_event"}, True, id="codex"),
        pytest.param("", "x", {"event.name": "api_request"}, False, id="of somebody else"),
        pytest.param("", "x", {}, False, id="no event"),
    ],
)
def test_records(name: str, scope: str, attributes: dict[str, Value], expected: bool) -> None:  # noqa: FBT001 - a case
    assert is_relevant_record(record(name, attributes, scope=scope)) is expected


def test_context_is_carried_by_spans_of_any_kind() -> None:
    assert carries_context(span(1, {"enduser.id": "u"}))
    assert not carries_context(span(1, {"http.route": "/"}))
