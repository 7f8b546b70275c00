from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from redaction.policy import DenyRule, EntityRule, KeyRule, OperatorName, Policy
from redaction.redactor import Redactor

_POLICY = Policy(
    entities={"EMAIL_ADDRESS": EntityRule(), "IP_ADDRESS": EntityRule()},
    allow=[
        KeyRule(keys="mail.*", entities=["EMAIL_ADDRESS"]),
        KeyRule(keys="mail.both", entities=["IP_ADDRESS"]),
        KeyRule(keys="free.*"),
        KeyRule(keys="*.open"),
    ],
    deny=[DenyRule(keys="customer.*"), DenyRule(keys="vat?", entity="VAT"), DenyRule(keys="customer.*", entity="LATE")],
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(_POLICY)


_TEXT = "bob@example.com 10.1.2.3"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("body", "<EMAIL_ADDRESS> <IP_ADDRESS>", id="no rule"),
        pytest.param("mail.to", "bob@example.com <IP_ADDRESS>", id="an entity is allowed"),
        pytest.param("mail", "<EMAIL_ADDRESS> <IP_ADDRESS>", id="a form is of the whole key"),
        pytest.param("Mail.to", "<EMAIL_ADDRESS> <IP_ADDRESS>", id="and of its case"),
        pytest.param("mail.both", _TEXT, id="rules add up"),
        pytest.param("free.text", _TEXT, id="all is allowed"),
        pytest.param("open", _TEXT, id="a form that begins with anything is of the name alone too"),
        pytest.param("a.b.open", _TEXT, id="and of every key that ends so"),
        pytest.param("reopen", "<EMAIL_ADDRESS> <IP_ADDRESS>", id="but of no part of a word"),
        pytest.param("customer.name", "<DENIED>", id="denied by the first rule"),
        pytest.param("vat1", "<VAT>", id="denied by name"),
        pytest.param("vat12", "<EMAIL_ADDRESS> <IP_ADDRESS>", id="one character"),
        pytest.param("customer.open", _TEXT, id="allowed altogether before denied"),
        pytest.param("free.password", _TEXT, id="allowed although it names a secret"),
        pytest.param("mail.password", "<SECRET_VALUE>", id="a secret although an entity is allowed"),
    ],
)
def test_rules_by_key(redactor: Redactor, key: str, expected: str) -> None:
    assert redactor.redact_text(_TEXT, key=key).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"customer.name": "Bob", "x": 1}', '{"customer.name": "<DENIED>", "x": 1}', id="denied"),
        pytest.param('{"customer.age": 42}', '{"customer.age": "<DENIED>"}', id="a number that is denied"),
        pytest.param(
            '{"a": [{"customer": {"b": [{"c": 1}]}}]}', '{"a": [{"customer": {"b": [{"c": "<DENIED>"}]}}]}', id="below"
        ),
        pytest.param(
            '{"mail": {"to": "bob@example.com"}}',
            '{"mail": {"to": "<EMAIL_ADDRESS>"}}',
            id="not allowed by the way to it",
        ),
        pytest.param('{"a": "{\\"vat1\\" : \\"x\\"}"}', '{"a": "{\\"vat1\\" : \\"<VAT>\\"}"}', id="in JSON in JSON"),
        pytest.param(
            '{"mail.to": "bob@example.com", "x": "bob@example.com"}',
            '{"mail.to": "bob@example.com", "x": "<EMAIL_ADDRESS>"}',
            id="allowed",
        ),
        pytest.param('{"open": "bob@example.com"}', '{"open": "bob@example.com"}', id="all allowed"),
    ],
)
def test_members_of_json_have_keys_as_well(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected


@pytest.mark.parametrize(
    ("drop", "key", "goes"),
    [
        (["prompts"], "gen_ai.input.messages", True),
        (["prompts"], "gen_ai.output.messages", False),
        (["answers"], "gen_ai.output.messages", True),
        (["prompts", "answers"], "gen_ai.completion.0.content", True),
        ([], "gen_ai.input.messages", False),
        (["prompts"], "gen_ai.request.model", False),
    ],
)
def test_content_of_models_goes_whole(drop: Sequence[Literal["prompts", "answers"]], key: str, *, goes: bool) -> None:
    redacted = Redactor(Policy(entities={}, drop_content=drop)).redact_text("what is the weather?", key=key)
    assert redacted.text == ("<CONTENT>" if goes else "what is the weather?")
    assert redacted.entities == ({"CONTENT": 1} if goes else {})


@pytest.mark.parametrize(
    ("operator", "expected"), [("replace", "<DENIED>"), ("mask", "*** 56"), ("drop", ""), ("keep", "abc 56")]
)
def test_what_is_denied_has_an_operator(operator: OperatorName, expected: str) -> None:
    rule = EntityRule(operator=operator, keep_last=2)
    redactor = Redactor(Policy(entities={"DENIED": rule}, deny=[DenyRule(keys="a")]))
    redacted = redactor.redact_text("abc 56", key="a")
    assert redacted.text == expected
    assert redacted.entities == ({} if operator == "keep" else {"DENIED": 1})


@pytest.mark.parametrize("text", ["", "<DENIED>", "<EMAIL_ADDRESS>", "<DENIED:0123456789abcdef>"])
def test_nothing_is_denied_twice(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text, key="customer.name").entities == {}


def test_what_is_kept_or_allowed_as_a_whole_is_looked_into() -> None:
    kept = Redactor(Policy(entities={"EMAIL_ADDRESS": EntityRule(), "SECRET_VALUE": EntityRule(operator="keep")}))
    assert kept.redact_text("bob@example.com", key="http.cookie").text == "<EMAIL_ADDRESS>"
    assert kept.redact_text('{"cookie": "x bob@example.com"}').text == '{"cookie": "x <EMAIL_ADDRESS>"}'
    allowed = Redactor(
        Policy(entities={"EMAIL_ADDRESS": EntityRule()}, allow=[KeyRule(keys="http.cookie", entities=["SECRET_VALUE"])])
    )
    assert allowed.redact_text("x bob@example.com", key="http.cookie").text == "x <EMAIL_ADDRESS>"
    assert allowed.redact_text("x", key="other.cookie").text == "<SECRET_VALUE>"
