from __future__ import annotations

import json

import pytest

from redaction.content import ContentWalk, chunks
from redaction.key_verdict import KeyRules
from redaction.policy import KeyRule, Policy

_RULES = KeyRules(
    Policy(allow=[KeyRule(keys="*.city", entities=["LOCATION"]), KeyRule(keys="free.*"), KeyRule(keys="*.free")])
)


def _written(text: str, key: str = "input.value") -> list[str]:
    found: list[str] = []

    def leaf(text: str, _exempt: frozenset[str]) -> str:
        found.append(text)
        return text

    assert ContentWalk(_RULES.verdict, leaf).value(text, key) == text
    return found


_MESSAGES = [
    {"role": "user", "parts": [{"type": "text", "content": "I am Bob."}], "id": "bob"},
    {"role": "tool", "arguments": json.dumps({"name": "Carol", "n": 123456789012})},
]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("I am Bob.", ["I am Bob."], id="prose"),
        pytest.param(json.dumps(_MESSAGES), ["I am Bob.", "Carol"], id="messages"),
        pytest.param('see: ["Bob", "Carol"] thanks', ["see: ", "Bob", "Carol", " thanks"], id="JSON-in-prose"),
        pytest.param('{"a": {"free": "Bob"}, "b": "Carol"}', ["Carol"], id="allowed"),
        pytest.param("12.5, 13; {1}", [], id="no-words"),
        pytest.param("{not JSON", ["{not JSON"], id="not-JSON"),
    ],
)
def test_only_what_somebody_wrote_is_looked_at(text: str, written: list[str]) -> None:
    assert _written(text) == written


def test_nothing_below_an_allowed_key_is_looked_at() -> None:
    assert _written("I am Bob.", key="free.text") == []


def test_what_is_exempt_is_told() -> None:
    told: dict[str, frozenset[str]] = {}

    def leaf(text: str, exempt: frozenset[str]) -> str:
        told[text] = exempt
        return text

    ContentWalk(_RULES.verdict, leaf).value('{"city": "Berlin", "text": "Paris"}', "input.value")

    assert told == {"Berlin": frozenset({"LOCATION"}), "Paris": frozenset()}


@pytest.mark.parametrize("text", ['I \\ am "Bob"\n\u2028', "\ud83d word", "é\u200b中文"])
def test_json_keeps_its_form(text: str) -> None:
    before = {"a": [text, {"b": json.dumps([text])}], "role": "user"}

    after = ContentWalk(_RULES.verdict, lambda text, _: text + '"!').value(json.dumps(before), "input.value")

    outer = json.loads(after)
    assert outer["a"][0] == text + '"!'
    assert json.loads(outer["a"][1]["b"]) == [text + '"!']
    assert outer["role"] == "user"


def test_of_a_document_only_content_is_looked_into() -> None:
    text = '{"http.route": "Bob", "input.value": [{"content": "Carol"}], "output.value": "{\\"a\\": \\"Emma\\"}"}'

    after = ContentWalk(_RULES.verdict, lambda _, __: "X").document(text, lambda key: key.endswith(".value"))

    assert json.loads(after) == {"http.route": "Bob", "input.value": [{"content": "X"}], "output.value": '{"a": "X"}'}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("A sentence of some words. " * 400, id="sentences"),
        pytest.param("word " * 3000, id="words"),
        pytest.param("xy," * 4000, id="commas"),
        pytest.param("中" * 9000, id="no-spaces"),
        pytest.param("\n" * 9000 + "end", id="lines"),
        pytest.param("short", id="short"),
    ],
)
def test_chunks_are_short_and_lose_no_word(text: str) -> None:
    parts = chunks(text)

    assert all(end - start <= 2000 for start, end in parts)
    assert "".join(text[start:end] for start, end in parts).split() == text.split()


def test_a_long_text_is_cut_behind_a_sentence() -> None:
    text = "Some words, and a name. " * 200

    assert all(text[start:end].rstrip().endswith(".") for start, end in chunks(text))


def test_images_are_not_looked_at() -> None:
    image = "iVBORw0KGgo" * 10_000

    assert [
        f"before data:image/png;base64,{image} after"[start:end]
        for start, end in chunks(f"before data:image/png;base64,{image} after")
    ] == ["before data:image/png;base64,", " after"]
