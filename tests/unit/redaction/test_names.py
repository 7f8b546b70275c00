from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from redaction.finding import Finding
from redaction.names import NER_SKIPPED, Names
from redaction.operator import REDACTION_ERROR
from redaction.policy import EntityRule, KeyRule, NerRule, Policy, default_policy
from redaction.redactor import Redactor
from redaction.tally import Redacted

_ERROR = f"<{REDACTION_ERROR}>"


class _Finder:
    """Finds two names. Every text takes a second of the clock that it brings; a text with ``trouble`` raises."""

    version = "test-1"

    def __init__(self) -> None:
        self.seconds = 0.0
        self.asked: list[str] = []

    def clock(self) -> float:
        return self.seconds

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Finding]]:
        self.asked += texts
        self.seconds += len(texts)
        if any("trouble" in text for text in texts):
            raise RuntimeError("no")
        names = {"PERSON": r"Bob(?:.{0,20}Jones)?", "LOCATION": "Berlin"}
        return [
            [
                Finding(start=match.start(), end=match.end(), entity=entity, score=0.85)
                for entity, pattern in names.items()
                for match in re.finditer(pattern, text)
            ]
            for text in texts
        ]


def _names(finder: _Finder, rule: NerRule | None = None, policy: Policy | None = None) -> Names:
    # Patterns have nothing to do here, and take their time to be compiled.
    redactor = Redactor(policy or default_policy(), detectors=())
    return Names(redactor, rule or NerRule(model="x", budget_ms=1e6), finder, clock=finder.clock)


def _numbered(count: int, *, start: int = 0) -> str:
    """Many sentences, no two of them the same."""
    return "\n".join(f"I am Bob, number {number}." for number in range(start, start + count))


def _read(names: Names, *texts: str, key: str = "input.value") -> list[Redacted]:
    reading = names.reading()
    for text in texts:
        reading.note(text, key)
    reading.read()
    return [reading.redacted(text, key) for text in texts]


@pytest.mark.parametrize(
    ("before", "after", "entities"),
    [
        pytest.param("I am Bob.", "I am <PERSON>.", {"PERSON": 1}, id="name"),
        pytest.param(
            '[{"role": "Bob", "content": "Bob in Berlin"}]',
            '[{"role": "Bob", "content": "<PERSON> in <LOCATION>"}]',
            {"PERSON": 1, "LOCATION": 1},
            id="JSON",
        ),
        pytest.param('{"Bob": 1}', '{"Bob": 1}', {}, id="name-of-a-member"),
        pytest.param("Nobody.", "Nobody.", {}, id="nothing"),
        pytest.param("", "", {}, id="empty"),
        pytest.param("<Bob>", "<<PERSON>>", {"PERSON": 1}, id="brackets"),
        pytest.param(
            "Bob <EMAIL_ADDRESS> Jones", "<PERSON> <EMAIL_ADDRESS> <PERSON>", {"PERSON": 2}, id="around-a-replacement"
        ),
        pytest.param("<EMAIL_ADDRESS>", "<EMAIL_ADDRESS>", {}, id="replacement"),
        pytest.param("I am B\u200bob.", "I am <PERSON>.", {"PERSON": 1}, id="invisible"),
        pytest.param("B\uff4fb", "<PERSON>", {"PERSON": 1}, id="full-width"),
    ],
)
def test_names_are_replaced(before: str, after: str, entities: dict[str, int]) -> None:
    assert _read(_names(_Finder()), before) == [Redacted(after, entities)]


def test_a_text_without_names_is_the_same_object() -> None:
    text = "Nothing to be seen here."

    assert _read(_names(_Finder()), text)[0].text is text


def test_long_texts_are_read_in_pieces_and_keep_their_offsets() -> None:
    finder = _Finder()
    text = "One sentence of many, without anybody. " * 200 + "I am Bob. " + "And so on. " * 400

    (redacted,) = _read(_names(finder), text)

    assert redacted == Redacted(text.replace("Bob", "<PERSON>"), {"PERSON": 1})
    assert max(map(len, finder.asked)) <= 2000


def test_a_text_is_read_once_in_a_batch_and_not_again_afterwards() -> None:
    finder = _Finder()
    names = _names(finder)
    texts = ["I am Bob.", '["I am Bob."]', "I am Bob."]

    first, second = _read(names, *texts), _read(names, *texts)

    assert first == second
    assert finder.asked == ["I am Bob."]


def test_what_cannot_be_read_in_time_is_replaced_whole() -> None:
    finder = _Finder()
    texts = [f"I am Bob, number {number:03}. " * 60 for number in range(20)]

    after = _read(_names(finder, NerRule(model="x", budget_ms=1000)), *texts)

    read = [one for one in after if one.text != _ERROR]
    assert 0 < len(read) < 20
    assert all(one.entities == {"PERSON": 60} for one in read)
    assert [one for one in after if one.text == _ERROR] == [Redacted(_ERROR, {REDACTION_ERROR: 1})] * (20 - len(read))


def test_one_long_text_does_not_use_up_the_budget_of_others() -> None:
    finder = _Finder()

    after = _read(_names(finder, NerRule(model="x", budget_ms=1000)), _numbered(2000), "I am Bob.")

    assert [one.text for one in after] == [_ERROR, "I am <PERSON>."]


def test_in_json_only_the_string_that_was_not_read_goes() -> None:
    rule = NerRule(model="x", budget_ms=1000)
    text = json.dumps([{"role": "user", "content": _numbered(2000)}, {"role": "user", "content": "I am Bob."}])

    (after,) = _read(_names(_Finder(), rule), text)

    assert [message["content"] for message in json.loads(after.text)] == [_ERROR, "I am <PERSON>."]
    assert after.entities == {REDACTION_ERROR: 1, "PERSON": 1}


def test_patterns_can_be_declared_to_be_enough() -> None:
    text = _numbered(2000)
    names = _names(_Finder(), NerRule(model="x", budget_ms=1000, on_timeout="keep_patterns"))

    assert _read(names, text) == [Redacted(text, {NER_SKIPPED: 1})]


def test_what_was_not_read_in_time_is_read_when_it_comes_again() -> None:
    finder = _Finder()
    names = _names(finder, NerRule(model="x", budget_ms=1000))
    long, short = _numbered(300), _numbered(250, start=1000)

    first = _read(names, long, short)
    second = _read(names, long)

    assert [one.text == _ERROR for one in first] == [True, False]
    assert second == [Redacted(long.replace("Bob", "<PERSON>"), {"PERSON": 300})]


@pytest.mark.parametrize("on_timeout", ["redact", "keep_patterns"])
def test_what_the_model_fails_on_goes_whole_and_its_neighbours_do_not(on_timeout: str) -> None:
    rule = NerRule(model="x", budget_ms=1e6, on_timeout="redact" if on_timeout == "redact" else "keep_patterns")

    after = _read(_names(_Finder(), rule), "I am Bob.", "no end of trouble", "In Berlin.")

    assert [one.text for one in after] == ["I am <PERSON>.", _ERROR, "In <LOCATION>."]


def test_what_was_not_noted_does_not_pass() -> None:
    reading = _names(_Finder()).reading()
    reading.read()

    assert reading.redacted("I am Bob.", "input.value").text == _ERROR


def test_json_that_is_nested_too_deeply_goes_whole() -> None:
    text = "Bob"
    for _ in range(7):
        text = json.dumps([text])

    assert _read(_names(_Finder()), text)[0].text == _ERROR


@pytest.mark.parametrize(
    ("rule", "after"),
    [
        pytest.param(EntityRule(operator="keep"), "Bob", id="keep"),
        pytest.param(EntityRule(threshold=0.9), "Bob", id="threshold"),
        pytest.param(EntityRule(operator="drop"), "", id="drop"),
        pytest.param(EntityRule(operator="mask", keep_last=0), "***", id="mask"),
    ],
)
def test_the_policy_has_rules_for_names(rule: EntityRule, after: str) -> None:
    policy = Policy(entities={"PERSON": rule})

    assert _read(_names(_Finder(), policy=policy), "Bob")[0].text == after


def test_allowed_entities_stay_below_their_keys() -> None:
    policy = Policy(entities={}, allow=[KeyRule(keys="*.city", entities=["LOCATION"]), KeyRule(keys="input.value")])
    names = _names(_Finder(), policy=policy)

    (after,) = _read(names, '{"city": "Berlin, Bob", "text": "Berlin"}', key="output.value")

    assert json.loads(after.text) == {"city": "Berlin, <PERSON>", "text": "<LOCATION>"}
    assert _read(names, "Bob")[0].text == "Bob"


@pytest.mark.parametrize(
    ("key", "is_content"),
    [
        ("gen_ai.input.messages", True),
        ("gen_ai.system_instructions", True),
        ("llm.input_messages.0.message.content", True),
        ("llm.input_messages.0.message.role", False),
        ("gen_ai.prompt", True),
        ("gen_ai.prompt.0.content", True),
        ("gen_ai.prompt.0.role", False),
        ("gen_ai.request.model", False),
        ("traceloop.entity.output", True),
        ("user.name", False),
        ("my.input.value", False),
    ],
)
def test_keys_say_what_is_content(key: str, *, is_content: bool) -> None:
    assert _names(_Finder()).is_content(key) == is_content


def test_keys_can_be_chosen() -> None:
    names = _names(_Finder(), NerRule(model="x", keys=["note.*", "title"]))

    assert [key for key in ("note.text", "title", "titles", "input.value") if names.is_content(key)] == [
        "note.text",
        "title",
    ]


def test_samples_are_content_and_objects_are_attributes() -> None:
    samples = ["I am Bob.", '["Bob"]', '{"user.name": "Bob", "input.value": "[\\"Bob\\"]"}']

    after = _names(_Finder()).redact_samples([Redacted(samples[0], {"X": 1}), *map(Redacted, samples[1:])])

    assert [one.text for one in after] == [
        "I am <PERSON>.",
        '["<PERSON>"]',
        '{"user.name": "Bob", "input.value": "[\\"<PERSON>\\"]"}',
    ]
    assert [dict(one.entities) for one in after] == [{"X": 1, "PERSON": 1}, {"PERSON": 1}, {"PERSON": 1}]
