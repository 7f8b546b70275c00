from __future__ import annotations

import pytest

from redaction.policy import CustomRecognizer, EntityRule, Policy, Validator
from redaction.redactor import Redactor


def _redactor(
    pattern: str = "CUST-[0-9]{4}",
    *,
    score: float = 0.5,
    context: tuple[str, ...] = (),
    validator: Validator | None = None,
    rule: EntityRule | None = None,
) -> Redactor:
    recognizer = CustomRecognizer(
        entity="CUSTOMER_ID", patterns=[pattern], score=score, context=context, validator=validator
    )
    return Redactor(Policy(entities={"CUSTOMER_ID": rule or EntityRule()}, secrets=False, recognizers=[recognizer]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("of CUST-1234.", "of <CUSTOMER_ID>."),
        ("CUST-1234CUST-5678", "<CUSTOMER_ID><CUSTOMER_ID>"),
        ("cust-1234", "cust-1234"),
        ('{"of": "CUST-1234"}', '{"of": "<CUSTOMER_ID>"}'),
        ("of%20CUST-1234", "of%20%3CCUSTOMER_ID%3E"),
    ],
)
def test_what_matches_goes(text: str, expected: str) -> None:
    assert _redactor().redact_text(text).text == expected


def test_an_entity_has_several_patterns() -> None:
    recognizer = CustomRecognizer(entity="CUSTOMER_ID", patterns=["CUST-[0-9]{4}", "KD[0-9]{4}"])
    redacted = Redactor(Policy(entities={}, secrets=False, recognizers=[recognizer])).redact_text("CUST-1234, KD5678")
    assert redacted.text == "<CUSTOMER_ID>, <CUSTOMER_ID>"


@pytest.mark.parametrize(
    ("operator", "expected"), [("mask", "****-*234"), ("drop", ""), ("keep", "CUST-1234"), ("replace", "<CUSTOMER_ID>")]
)
def test_its_operator_is_that_of_its_rule(operator: str, expected: str) -> None:
    rule = EntityRule(operator=operator, keep_last=3)  # type: ignore[arg-type]  # one of the names
    assert _redactor(rule=rule).redact_text("CUST-1234").text == expected


@pytest.mark.parametrize(
    ("score", "text", "key", "is_found"),
    [
        pytest.param(0.4, "CUST-1234", "", True, id="sure enough"),
        pytest.param(0.39, "CUST-1234", "", False, id="not sure enough"),
        pytest.param(0.01, "customer CUST-1234", "", True, id="a word before"),
        pytest.param(0.01, "CUST-1234", "order.customerRef", True, id="a word in the key"),
        pytest.param(0.01, '{"customer": {"ref": "CUST-1234"}}', "", False, id="a word in an outer key of JSON"),
        pytest.param(0.01, '{"customer_ref": "CUST-1234"}', "", True, id="a word in a key of JSON"),
        pytest.param(0.01, "CUST-1234 customer", "", False, id="a word behind"),
        pytest.param(0.01, "customerless CUST-1234", "", False, id="part of a word"),
        pytest.param(0.01, "CUSTOMERS: CUST-1234", "", True, id="plural, in capitals"),
    ],
)
def test_words_around_raise_its_score(score: float, text: str, key: str, *, is_found: bool) -> None:
    redacted = _redactor(score=score, context=("customer",)).redact_text(text, key=key)
    assert bool(redacted.entities) == is_found


@pytest.mark.parametrize(
    ("gain", "is_found"), [pytest.param(0.85, True, id="0.35 more"), pytest.param(0.86, False, id="and no more")]
)
def test_a_word_raises_the_score_by_as_much_as_is_said(gain: float, *, is_found: bool) -> None:
    redactor = _redactor(score=0.5, context=("customer",), rule=EntityRule(threshold=gain))
    assert bool(redactor.redact_text("customer CUST-1234").entities) == is_found


@pytest.mark.parametrize(
    ("validator", "pattern", "text", "is_found"),
    [
        ("luhn", "[0-9]{5} [0-9]{6}", "79927 398713", True),
        ("luhn", "[0-9]{5} [0-9]{6}", "79927 398714", False),
        ("luhn", "[0-9A-Z]{11}", "7992739871A", False),
        ("iban", "[A-Z0-9 ]{20,30}", "GB82 WEST 1234 5698 7654 32", True),
        ("iban", "[A-Z0-9 ]{20,30}", "GB83 WEST 1234 5698 7654 32", False),
    ],
)
def test_a_validator_decides_alone(validator: Validator, pattern: str, text: str, *, is_found: bool) -> None:
    redactor = _redactor(pattern, score=0.01, validator=validator, rule=EntityRule(threshold=1.0))
    assert bool(redactor.redact_text(text).entities) == is_found


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param(r"\w+-KD-[0-9]{4}", "ü-KD-1234", id="a word"),
        pytest.param(r"[\w.]{3}-KD", "aü.-KD", id="in a class"),
        pytest.param(r"\b\w{2}KD\b", "x üüKD", id="at the edge of a word"),
    ],
)
def test_letters_of_every_script_are_of_a_word(pattern: str, text: str) -> None:
    assert _redactor(pattern).redact_text(text).entities == {"CUSTOMER_ID": 1}
