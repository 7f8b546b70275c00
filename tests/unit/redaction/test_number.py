from __future__ import annotations

import pytest

from redaction.number import has_iban_check, has_luhn, is_card


def _with_check_digit(body: str) -> str:
    (digit,) = [str(digit) for digit in range(10) if has_luhn(f"{body}{digit}")]
    return body + digit


def _card(prefix: str, length: int) -> str:
    """A number of a scheme, with a right check digit."""
    return _with_check_digit(f"{prefix}{'0123456789' * 2}"[: length - 1])


@pytest.mark.parametrize(
    ("prefix", "lengths"),
    [
        pytest.param("4", (13, 16, 19), id="visa"),
        pytest.param("51", (16,), id="mastercard"),
        pytest.param("55", (16,), id="mastercard, last"),
        pytest.param("2221", (16,), id="mastercard 2"),
        pytest.param("2720", (16,), id="mastercard 2, last"),
        pytest.param("2200", (16, 17, 18, 19), id="mir"),
        pytest.param("34", (15,), id="amex"),
        pytest.param("37", (15,), id="amex 37"),
        pytest.param("300", (14, 15, 16, 17, 18, 19), id="diners"),
        pytest.param("36", (14, 15, 16, 17, 18, 19), id="diners 36"),
        pytest.param("38", (14, 15, 16, 17, 18, 19), id="diners 38"),
        pytest.param("3528", (16, 17, 18, 19), id="jcb"),
        pytest.param("3589", (16, 17, 18, 19), id="jcb, last"),
        pytest.param("2131", (15,), id="jcb 2131"),
        pytest.param("1800", (15,), id="jcb 1800"),
        pytest.param("50", tuple(range(12, 20)), id="maestro"),
        pytest.param("6011", tuple(range(12, 20)), id="discover"),
        pytest.param("62", tuple(range(12, 20)), id="unionpay"),
    ],
)
def test_cards_have_the_lengths_of_their_scheme(prefix: str, lengths: tuple[int, ...]) -> None:
    assert tuple(length for length in range(8, 24) if is_card(_card(prefix, length))) == lengths


@pytest.mark.parametrize("prefix", ["1", "0", "7", "8", "9", "2220", "2721", "33", "3527", "3590", "306", "54321" * 4])
def test_no_other_prefix_is_a_card(prefix: str) -> None:
    assert not any(is_card(_card(prefix, length)) for length in range(12, 15))
    assert prefix.startswith("5") or not is_card(_card(prefix, 16))


def test_the_check_digit_decides() -> None:
    card = _card("4", 16)
    others = {f"{card[:-1]}{digit}" for digit in range(10)} - {card}
    assert is_card(card)
    assert not any(map(is_card, others))


@pytest.mark.parametrize("number", ["", "4", "0" * 16, "5" * 16, "4" * 16, "6" * 13])
def test_one_digit_again_and_again_is_none(number: str) -> None:
    assert not is_card(number)


@pytest.mark.parametrize(("digits", "is_right"), [("79927398713", True), ("79927398710", False), ("0", True)])
def test_luhn(digits: str, *, is_right: bool) -> None:
    assert has_luhn(digits) == is_right


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("GB82WEST12345698765432", True),
        ("gb82west12345698765432", True),
        ("GB83WEST12345698765432", False),
        ("GB82WEST12345698765423", False),
        ("GB82 WEST 1234 5698 7654 32", False),
        ("GB82", False),
        ("", False),
        ("ÄB82WEST12345698765432", False),
    ],
)
def test_iban_check_digits(text: str, *, is_right: bool) -> None:
    assert has_iban_check(text) == is_right
