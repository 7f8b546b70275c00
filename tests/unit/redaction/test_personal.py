from __future__ import annotations

import pytest
from msgspec.structs import replace

from redaction.personal import personal_detectors
from redaction.policy import EntityRule, default_policy
from redaction.redactor import Redactor


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy())


def test_the_default_policy_has_every_detector() -> None:
    assert {detector.entity for detector in personal_detectors()} == set(default_policy().entities)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("'{}'", "'{}'", id="quotes"),
        pytest.param("<{}>;", "<{}>;", id="angles"),
        pytest.param("{}.", "{}.", id="full stop"),
        pytest.param("GET /users/{}/orders", "GET /users/{}/orders", id="path"),
        pytest.param("https://x.example/?to={}&n=1", "https://x.example/?to={}&n=1", id="query"),
        pytest.param("to={}", "to={}", id="assignment"),
        pytest.param("mailto:{},{}", "mailto:{},{}", id="two"),
        pytest.param("[{}|x]", "[{}|x]", id="brackets"),
        pytest.param(".{}", "{}", id="dot, which hides nothing"),
    ],
)
@pytest.mark.parametrize("address", ["bob@example.com", "o'neil+tag@mail.corp.internal", "_b@xn--bcher-kva.example"])
def test_an_address_goes_and_what_is_around_it_stays(
    redactor: Redactor, text: str, expected: str, address: str
) -> None:
    redacted = redactor.redact_text(text.replace("{}", address))
    assert redacted.text == expected.replace("{}", "<EMAIL_ADDRESS>")


@pytest.mark.parametrize("text", ["pkg@1.2.3", "image@sha256", "@decorator", "a@b", "user@host:22", "x @ y.com"])
def test_what_is_no_address_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text).text == text


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("+14155552671", id="international"),
        pytest.param("+1 (415) 555-2671", id="with signs"),
        pytest.param("+44 20 7946 0958 ext. 12", id="with an extension"),
        pytest.param("0049 30 901820", id="international with 00"),
        pytest.param("415-555-2671", id="american"),
        pytest.param("(415) 555-2671 x123", id="american with an extension"),
        pytest.param("1-415-555-2671", id="american with 1"),
        pytest.param("1 (415) 555-2671 x123", id="american with 1, brackets and an extension"),
        pytest.param("(0)20 7946 0958", id="area in brackets"),
        pytest.param("030/901820", id="slash"),
        pytest.param("01 42 68 53 00", id="french"),
    ],
)
def test_phones_by_form(redactor: Redactor, value: str) -> None:
    redacted = redactor.redact_text(f"call {value} now")
    assert redacted.text == "call <PHONE_NUMBER> now"


@pytest.mark.parametrize(
    ("text", "key", "is_found"),
    [
        pytest.param("4155552671", "", False, id="bare digits"),
        pytest.param("phone: 4155552671", "", True, id="bare digits behind a word"),
        pytest.param("4155552671", "user.homePhone", True, id="bare digits below a word"),
        pytest.param("4155552671", "user.telephones", True, id="plural"),
        pytest.param("4155552671", "headphones", False, id="part of a word"),
        pytest.param("4155552671 is my phone", "", False, id="word behind"),
        pytest.param(f"phone {'x ' * 40}4155552671", "", False, id="word too far before"),
        pytest.param("415-555-2671", "order.id", False, id="below an identifier"),
        pytest.param("415-555-2671", "toolCallId", False, id="below an identifier in one word"),
        pytest.param("415-555-2671", "said", True, id="below a word that only ends like one"),
        pytest.param("415-555-2671", "server.address", False, id="below infrastructure"),
    ],
)
def test_phones_by_context(redactor: Redactor, text: str, key: str, *, is_found: bool) -> None:
    assert ("PHONE_NUMBER" in redactor.redact_text(text, key=key).entities) == is_found


@pytest.mark.parametrize(
    ("text", "key", "entity"),
    [
        pytest.param("ssn 536221234", "", "US_SSN", id="ssn behind a word"),
        pytest.param("536221234", "user.ssn", "US_SSN", id="ssn below a word"),
        pytest.param("536221234", "", None, id="nine digits"),
        pytest.param("000-22-1234", "", None, id="no such area"),
        pytest.param("123-45-6789", "", "US_SSN", id="the number that everybody tries first"),
        pytest.param("ssn 123456789", "", "US_SSN", id="the same without dashes behind a word"),
        pytest.param("123456789", "", None, id="the same alone"),
        pytest.param("123-45.6789", "", None, id="two kinds of signs"),
        pytest.param("IBAN DE89370400440532013000", "", "IBAN_CODE", id="iban"),
        pytest.param("de89370400440532013000", "", "IBAN_CODE", id="iban in small letters"),
        pytest.param("kontoDE89370400440532013000", "", None, id="iban without a boundary"),
        pytest.param("DE88370400440532013000", "", None, id="iban with wrong check digits"),
        pytest.param("at 10.1.2.3", "", "IP_ADDRESS", id="private address"),
        pytest.param("10.1.2.3:8080", "", "IP_ADDRESS", id="address with a port"),
        pytest.param("fe80::1ff:fe23:4567:890a", "", "IP_ADDRESS", id="IPv6"),
        pytest.param("127.0.0.1 ::1 0.0.0.0", "", None, id="this machine"),
        pytest.param("version 10.1.2.3", "", None, id="version behind a word"),
        pytest.param("10.1.2.3", "app.version", None, id="version below a word"),
        pytest.param("10.1.2.3", "client.address", None, id="infrastructure"),
        pytest.param("10.1.2.3", "k8s.pod.ip", None, id="infrastructure by form"),
        pytest.param("256.1.2.3", "", None, id="no address"),
        pytest.param("4111111111111111", "", "CREDIT_CARD", id="card"),
        pytest.param("4111111111111111", "order.id", "CREDIT_CARD", id="card below an identifier"),
        pytest.param("4111111111111111", "toolCallId", "CREDIT_CARD", id="card below an identifier in one word"),
        pytest.param("536-22-1234", "tax_id", "US_SSN", id="ssn below an identifier"),
        pytest.param("536221234", "tax_id", None, id="nine digits below an identifier"),
        pytest.param("4111111111111111", "duration_nano", None, id="duration"),
        pytest.param("4111111111111111", "inputTokens", None, id="count"),
        pytest.param("4111111111111112", "", None, id="card with a wrong check digit"),
        pytest.param("a4111111111111111", "", None, id="card inside a word"),
        pytest.param("0.4111111111111111", "", None, id="decimals"),
        pytest.param("bob@example.com", "server.address", "EMAIL_ADDRESS", id="address below infrastructure"),
    ],
)
def test_what_is_somebodys(redactor: Redactor, text: str, key: str, entity: str | None) -> None:
    found = redactor.redact_text(text, key=key).entities
    assert list(found) == ([entity] if entity else [])


@pytest.mark.parametrize(
    ("threshold", "is_found"), [(0.0, True), (0.4, True), (0.6, True), (0.61, False), (1.0, False)]
)
def test_a_score_below_the_threshold_is_not_enough(threshold: float, *, is_found: bool) -> None:
    default = default_policy()
    entities = {**default.entities, "PHONE_NUMBER": EntityRule(threshold=threshold)}
    policy = replace(default, entities=entities, secrets=False)
    assert ("PHONE_NUMBER" in Redactor(policy).redact_text("+1 415 555 2671").entities) == is_found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"phone": {"home": 2025550123}}', '{"phone": {"home": "<PHONE_NUMBER>"}}', id="phone"),
        pytest.param('{"ssn": {"value": "536221234"}}', '{"ssn": {"value": "<US_SSN>"}}', id="ssn"),
        pytest.param('{"ssn": [{"value": 536221234}]}', '{"ssn": [{"value": "<US_SSN>"}]}', id="in a list"),
        pytest.param('{"phone": {"x": 1}, "n": 2025550123}', '{"phone": {"x": 1}, "n": 2025550123}', id="behind it"),
    ],
)
def test_words_of_the_names_around_a_member_are_context(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected
