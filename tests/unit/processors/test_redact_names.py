from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from processors.redact import Redact
from redaction.finding import Finding
from redaction.names import Names
from redaction.policy import NerRule, default_policy
from redaction.redactor import Redactor
from relayscope.redaction import build_names, build_redactor, effective_policy, prepare_redaction, try_on_text
from relayscope.settings import Settings, load_settings
from tests.support.factory import batch, resource, span
from tracedata import CallerError, Event, Span, Value

_SAID = "My name is Bob Jones and I live in Berlin."
_LEFT = "My name is <PERSON> and I live in <LOCATION>."
_MESSAGES = [
    {"role": "system", "parts": [{"type": "text", "content": "You are a helpful assistant. Call a tool."}]},
    {"role": "user", "parts": [{"type": "text", "content": f"{_SAID} My card is 4111 1111 1111 1111."}]},
]
_MESSAGES_LEFT = [
    _MESSAGES[0],
    {"role": "user", "parts": [{"type": "text", "content": f"{_LEFT} My card is <CREDIT_CARD>."}]},
]


def _settings(folder: Path, **ner: Any) -> Settings:  # noqa: ANN401 - settings as a file has them
    path = folder / "relayscope.yaml"
    path.write_text(yaml.safe_dump({"processors": {"redaction": {"ner": ner}}}))
    return load_settings(config=path)


@pytest.fixture
def redact(name_model: Path, tmp_path: Path) -> Redact:
    return _redact(_settings(tmp_path, model=str(name_model)))


def _redact(settings: Settings) -> Redact:
    redactor = build_redactor(settings)
    return Redact(redactor, names=build_names(redactor))


def _redacted(redact: Redact, sent: Span) -> Span:
    (kept,) = redact.process(batch(sent)).spans
    return kept


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        pytest.param("input.value", _SAID, _LEFT, id="text"),
        pytest.param("gen_ai.input.messages", _MESSAGES, _MESSAGES_LEFT, id="structure"),
        pytest.param("gen_ai.output.messages", _SAID.encode(), _LEFT.encode(), id="bytes"),
        pytest.param("gen_ai.prompt", b"\xff\xfe", b"\xff\xfe", id="bytes-that-are-no-text"),
        pytest.param("llm.input_messages.0.message.content", _SAID, _LEFT, id="flat-content"),
        pytest.param("llm.input_messages.0.message.role", "Bob Jones", "Bob Jones", id="flat-role"),
        pytest.param("user.note", _SAID, _SAID, id="elsewhere"),
    ],
)
def test_names_go_from_message_content_only(redact: Redact, key: str, before: Value, after: Value) -> None:
    sent = span(
        name="Bob Jones", attributes={key: before}, events=[Event(time_unix_nano=1, name="e", attributes={key: before})]
    )

    kept = _redacted(redact, sent)

    assert kept.name == "Bob Jones"
    assert kept.attributes == {key: after}
    assert kept.events[0].attributes == {key: after}


def test_json_stays_json(redact: Redact) -> None:
    kept = _redacted(redact, span(attributes={"gen_ai.input.messages": json.dumps(_MESSAGES)}))

    assert json.loads(str(kept.attributes["gen_ai.input.messages"])) == _MESSAGES_LEFT


def test_resources_are_shared_and_left_alone(redact: Redact) -> None:
    shared = resource("Bob Jones")

    first, second = redact.process(
        batch(*(span(resource=shared, attributes={"input.value": _SAID}) for _ in range(2)))
    ).spans

    assert first.resource is shared
    assert second.resource is shared


def test_receipts_add_names_to_what_the_patterns_found(redact: Redact) -> None:
    kept = _redacted(
        redact,
        span(
            attributes={"input.value": "Please write to Bob Jones in Berlin, at bob@example.com.", "x": "a@example.com"}
        ),
    )

    assert kept.redactions == {"EMAIL_ADDRESS": 2, "PERSON": 1, "LOCATION": 1}
    assert kept.redacted_keys == {
        "input.value": {"EMAIL_ADDRESS": 1, "PERSON": 1, "LOCATION": 1},
        "x": {"EMAIL_ADDRESS": 1},
    }
    assert kept.redaction_policy.endswith("+en_pipeline-0.0.0")


def test_a_batch_without_names_is_passed_on_as_it_is(redact: Redact) -> None:
    sent = batch(span(attributes={"input.value": "It is sunny, and 21 degrees."}), span())

    assert redact.process(sent) is sent


def test_a_second_batch_is_known(redact: Redact) -> None:
    sent = batch(span(attributes={"gen_ai.input.messages": json.dumps(_MESSAGES)}))
    names = redact._names
    assert names is not None

    first = redact.process(sent).spans[0].attributes
    names.finder = _Broken()

    assert redact.process(sent).spans[0].attributes == first


class _Broken:
    version = "broken-1"

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Finding]]:
        raise MemoryError(len(texts))


class _Trap(Names):
    def is_content(self, key: str) -> bool:
        if key == "trap":
            raise RuntimeError("a fault of ours")
        return super().is_content(key)


def test_nothing_passes_a_model_that_fails() -> None:
    redactor = Redactor(default_policy())
    redact = Redact(redactor, names=Names(redactor, NerRule(model="x"), _Broken()))

    kept = _redacted(
        redact, span(attributes={"input.value": json.dumps(["one text"]), "output.value": "another", "x": "y"})
    )

    assert kept.attributes == {"input.value": '["<REDACTION_ERROR>"]', "output.value": "<REDACTION_ERROR>", "x": "y"}
    assert kept.redactions == {"REDACTION_ERROR": 2}


def test_nothing_passes_when_the_budget_is_used_up(name_model: Path, tmp_path: Path) -> None:
    redact = _redact(_settings(tmp_path, model=str(name_model), budget_ms=1e-6))

    kept = _redacted(redact, span(attributes={"gen_ai.input.messages": json.dumps(_MESSAGES), "x": "y"}))

    assert "Bob" not in str(kept.attributes)
    messages = json.loads(str(kept.attributes["gen_ai.input.messages"]))
    assert [message["parts"][0]["content"] for message in messages] == ["<REDACTION_ERROR>"] * 2
    assert kept.redactions == {"REDACTION_ERROR": 2, "CREDIT_CARD": 1}


def test_a_span_that_cannot_be_gone_through_keeps_nothing_that_could_be_personal(redact: Redact) -> None:
    assert redact._names is not None
    redact._names = _Trap(redact._redactor, redact._names.rule, redact._names.finder)

    kept, other = redact.process(batch(span(attributes={"trap": _SAID}), span(attributes={"input.value": _SAID}))).spans

    assert kept.name == "<REDACTION_ERROR>"
    assert kept.attributes == {}
    assert other.attributes == {"input.value": _LEFT}


@pytest.mark.parametrize(
    ("ner", "said"),
    [
        pytest.param(
            {"model": "no_such_model"}, r"processors\.redaction\.ner\.model: no_such_model is neither", id="missing"
        ),
        pytest.param(
            {"labels": {"ORG": "COMPANY"}}, r"processors\.redaction\.ner\.labels: .* none of ORG", id="labels"
        ),
    ],
)
def test_a_model_that_cannot_be_used_stops_the_start(
    name_model: Path, tmp_path: Path, ner: dict[str, Any], said: str
) -> None:
    settings = _settings(tmp_path, **{"model": str(name_model), **ner})

    with pytest.raises(CallerError, match=f"^{said}"):
        prepare_redaction(settings)


def test_a_model_that_can_be_used_does_not(name_model: Path, tmp_path: Path) -> None:
    prepare_redaction(_settings(tmp_path, model=str(name_model)))


def test_the_model_is_part_of_the_policy(name_model: Path, tmp_path: Path) -> None:
    without, with_it = effective_policy(load_settings()), effective_policy(_settings(tmp_path, model="a"))

    assert with_it.policy_hash != without.policy_hash
    assert with_it.policy_hash != effective_policy(_settings(tmp_path, model="a", budget_ms=1)).policy_hash
    assert with_it.tree["ner"]["labels"]["GPE"] == "LOCATION"
    assert "input.value" in with_it.tree["ner"]["keys"]


def test_a_sample_shows_what_names_it_would_lose(name_model: Path, tmp_path: Path) -> None:
    trial = try_on_text(
        _settings(tmp_path, model=str(name_model)), f"{_SAID}\nbob@example.com, card 4111 1111 1111 1111\n"
    )

    assert trial.items[0].text == _LEFT
    assert trial.entities == {"PERSON": 1, "LOCATION": 1, "EMAIL_ADDRESS": 1, "CREDIT_CARD": 1}
