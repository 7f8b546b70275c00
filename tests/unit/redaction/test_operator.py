from __future__ import annotations

import re

import pytest

from redaction.key import KeyRing
from redaction.operator import PLACEHOLDER, Operators, needs_keys, reveal
from redaction.policy import EntityRule, OperatorName, Policy

_KEYS = KeyRing([("new1", b"n" * 32), ("old1", b"o" * 32)])
_EMAIL, _CARD = "bob@example.com", "4111 1111 1111 1111"


def _operators(
    operator: OperatorName, *, keys: KeyRing | None = _KEYS, workspace_id: int = 1, keep_last: int = 4
) -> Operators:
    rule = EntityRule(operator=operator, keep_last=keep_last)
    names = ("EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "SECRET_API_KEY")
    return Operators(Policy(entities=dict.fromkeys(names, rule)), keys, workspace_id)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("replace", r"<EMAIL_ADDRESS>"),
        ("mask", r"\*\*\*@\*\*\*\*\*\*e\.com"),
        ("hash", r"<EMAIL_ADDRESS:[0-9a-f]{16}>"),
        ("encrypt", r"<EMAIL_ADDRESS:v1\.new1\.[A-Za-z0-9_-]+>"),
        ("drop", r""),
        ("keep", re.escape(_EMAIL)),
    ],
)
def test_each_operator_leaves_its_form(operator: OperatorName, expected: str) -> None:
    assert re.fullmatch(expected, _operators(operator).apply("EMAIL_ADDRESS", _EMAIL))


def test_an_entity_without_a_rule_is_replaced() -> None:
    assert _operators("keep").apply("IBAN_CODE", "x") == "<IBAN_CODE>"


@pytest.mark.parametrize("operator", ["replace", "hash", "encrypt"])
def test_what_they_leave_is_known_again(operator: OperatorName) -> None:
    assert PLACEHOLDER.fullmatch(_operators(operator).apply("EMAIL_ADDRESS", _EMAIL))


@pytest.mark.parametrize(
    ("value", "keep_last", "expected"),
    [
        pytest.param(_CARD, 4, "**** **** **** 1111", id="separators stay"),
        pytest.param(_CARD, 0, "**** **** **** ****", id="nothing is kept"),
        pytest.param("123456", 99, "***456", id="half at most"),
        pytest.param("12345", 4, "***45", id="less than half of an odd number"),
        pytest.param("7", 4, "*", id="one character"),
        pytest.param("", 4, "", id="empty"),
        pytest.param("jürgen", 2, "****en", id="letters of every script"),
    ],
)
def test_mask_hides_half_at_least(value: str, keep_last: int, expected: str) -> None:
    assert _operators("mask", keep_last=keep_last).apply("CREDIT_CARD", value) == expected


@pytest.mark.parametrize(
    ("entity", "one", "other"),
    [
        pytest.param("EMAIL_ADDRESS", "bob@example.com", "Bob@Example.COM", id="case of an address"),
        pytest.param("CREDIT_CARD", "4111 1111 1111 1111", "4111-1111-1111-1111", id="separators of a card"),
        pytest.param("PHONE_NUMBER", "+1 (415) 555-2671", "+14155552671", id="signs of a phone"),
    ],
)
def test_a_hash_joins_spellings_of_one_value(entity: str, one: str, other: str) -> None:
    operators = _operators("hash")
    assert operators.apply(entity, one) == operators.apply(entity, other)


def test_a_hash_is_the_same_after_a_restart() -> None:
    # A golden value: what was stored by an earlier release must still join.
    expected = _operators("hash").apply("EMAIL_ADDRESS", _EMAIL)
    again = Operators(
        Policy(entities={"EMAIL_ADDRESS": EntityRule(operator="hash")}),
        KeyRing([("any", b"n" * 32)]),
        1,
    )
    assert again.apply("EMAIL_ADDRESS", _EMAIL) == expected == "<EMAIL_ADDRESS:c7685888b5d56e37>"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_operators("hash", workspace_id=2).apply("EMAIL_ADDRESS", _EMAIL), id="of another workspace"),
        pytest.param(
            _operators("hash", keys=KeyRing([("new1", b"x" * 32)])).apply("EMAIL_ADDRESS", _EMAIL), id="by another key"
        ),
        pytest.param(_operators("hash").apply("EMAIL_ADDRESS", "rob@example.com"), id="of another value"),
        pytest.param(_operators("hash").apply("PHONE_NUMBER", _EMAIL), id="of another entity"),
    ],
)
def test_other_hashes_do_not_join(other: str) -> None:
    def digest(token: str) -> str:
        return token.split(":")[1]

    assert digest(other) != digest(_operators("hash").apply("EMAIL_ADDRESS", _EMAIL))


def test_secrets_are_hashed_as_they_are_spelled() -> None:
    operators = _operators("hash")
    assert operators.apply("SECRET_API_KEY", "ab-Cd") != operators.apply("SECRET_API_KEY", "ab-cd")


@pytest.mark.parametrize("value", [_EMAIL, "", "日本 🎉", "x" * 10_000])
def test_what_was_encrypted_can_be_revealed(value: str) -> None:
    token = _operators("encrypt", workspace_id=7).apply("EMAIL_ADDRESS", value)
    assert value == "" or value not in token
    assert reveal(token, keys=_KEYS, workspace_id=7) == ("EMAIL_ADDRESS", value)


def test_encryption_joins_within_a_workspace_only() -> None:
    def token(workspace_id: int) -> str:
        return _operators("encrypt", workspace_id=workspace_id).apply("EMAIL_ADDRESS", _EMAIL)

    assert token(1) == token(1)
    assert token(1) != token(2)


def test_an_older_key_of_the_ring_still_reveals() -> None:
    before = KeyRing([("old1", b"o" * 32)])
    token = _operators("encrypt", keys=before).apply("EMAIL_ADDRESS", _EMAIL)
    assert reveal(token, keys=_KEYS, workspace_id=1) == ("EMAIL_ADDRESS", _EMAIL)
    assert ".new1." in _operators("encrypt").apply("EMAIL_ADDRESS", _EMAIL)


_TOKEN = _operators("encrypt").apply("EMAIL_ADDRESS", _EMAIL)
_CHANGED = "the token was changed, or belongs to another workspace"
_NO_TOKEN = "not a token of the operator encrypt"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        pytest.param(_TOKEN.replace("new1.", "new1.A"), _CHANGED, id="longer"),
        pytest.param(f"{_TOKEN[:-9]}>", _CHANGED, id="cut off"),
        pytest.param(_TOKEN.replace("EMAIL_ADDRESS", "CREDIT_CARD"), _CHANGED, id="of another entity"),
        pytest.param(_TOKEN.replace("new1", "old1"), _CHANGED, id="of another key of the ring"),
        pytest.param("<EMAIL_ADDRESS:v1.new1.A>", _CHANGED, id="no base64"),
        pytest.param("<EMAIL_ADDRESS:v1.new1.AAAA>", _CHANGED, id="shorter than any"),
        pytest.param(_TOKEN.replace("new1", "gone"), "the key gone is not in the key file", id="of an unknown key"),
        pytest.param(_TOKEN.replace("v1", "v2"), _NO_TOKEN, id="of another version"),
        pytest.param(_operators("hash").apply("EMAIL_ADDRESS", _EMAIL), _NO_TOKEN, id="a hash"),
        pytest.param(f" {_TOKEN}", _NO_TOKEN, id="with something before it"),
        pytest.param(f"{_TOKEN}\n", _NO_TOKEN, id="with a line end"),
        pytest.param("", _NO_TOKEN, id="empty"),
    ],
)
def test_what_cannot_be_revealed_is_told(token: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        reveal(token, keys=_KEYS, workspace_id=1)
    assert _EMAIL not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "workspace_id"),
    [
        pytest.param(KeyRing([("new1", b"x" * 32)]), 1, id="another key of the same id"),
        pytest.param(_KEYS, 2, id="another workspace"),
    ],
)
def test_the_wrong_key_reveals_nothing(keys: KeyRing, workspace_id: int) -> None:
    with pytest.raises(ValueError, match=_CHANGED):
        reveal(_TOKEN, keys=keys, workspace_id=workspace_id)


@pytest.mark.parametrize(
    ("operator", "is_needed"),
    [("replace", False), ("mask", False), ("hash", True), ("encrypt", True), ("drop", False), ("keep", False)],
)
def test_keys_are_asked_for_when_they_are_needed(operator: OperatorName, *, is_needed: bool) -> None:
    policy = Policy(entities={"EMAIL_ADDRESS": EntityRule(operator=operator)})
    assert needs_keys(policy) == is_needed
    if is_needed:
        with pytest.raises(ValueError, match="need a key"):
            Operators(policy, None, 1)
    else:
        Operators(policy, None, 1)
