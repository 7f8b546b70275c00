from __future__ import annotations

import pytest

from redaction.policy import default_policy
from redaction.redactor import Redactor


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy())


_IBAN = "<IBAN_CODE>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("BE68539007547034 123", f"{_IBAN} 123", id="number behind"),
        pytest.param("BE68 5390 0754 7034 12 34", f"{_IBAN} 12 34", id="numbers behind"),
        pytest.param("BE68-5390-0754-7034-2024", f"{_IBAN}-2024", id="number behind a dash"),
        pytest.param("ES91 2100 0418 4502 0005 1332 EUR 50", f"{_IBAN} EUR 50", id="currency behind"),
        pytest.param(" ".join(["BE68 5390 0754 7034"] * 20), " ".join([_IBAN] * 20), id="many"),
        pytest.param("BE68 5390 0754 7035 12", "BE68 5390 0754 7035 12", id="wrong check digits"),
    ],
)
def test_an_iban_goes_beside_something_else(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected


_CARD, _GONE = "4111 1111 1111 1111", "<CREDIT_CARD>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{_CARD} 123", f"{_GONE} 123", id="security code"),
        pytest.param(f"card {_CARD} 12/27 123", f"card {_GONE} 12/27 123", id="date"),
        pytest.param(f"order 1001 {_CARD} ok", f"order 1001 {_GONE} ok", id="number before"),
        pytest.param(f"{_CARD} 5500 0000 0000 0004 {_CARD}", f"{_GONE} {_GONE} {_GONE}", id="three in a row"),
        pytest.param("6011 4111 1111 1111 1111", "<CREDIT_CARD>", id="number before that makes a card by chance"),
        pytest.param(
            "4539 5787 6362 1486 6011 0009 9013 9424", f"{_GONE} {_GONE}", id="each of two, not the halves of both"
        ),
        pytest.param("4111-1111-1111-1111-123", f"{_GONE}-123", id="dashes"),
        pytest.param("4111.1111.1111.1111.123", f"{_GONE}.123", id="dots"),
        pytest.param("3782 822463 10005 1234", f"{_GONE} 1234", id="American Express"),
        pytest.param("12 3056 930902 5904 12", f"12 {_GONE} 12", id="Diners Club"),
        pytest.param("7 4111111111111111 123", f"7 {_GONE} 123", id="in one piece"),
        pytest.param("ref ABCD-4111111111111111", f"ref ABCD-{_GONE}", id="behind four letters and a dash"),
        pytest.param("4111\t1111\t1111\t1111", _GONE, id="tabs"),
        pytest.param("4111  1111  1111  1111", _GONE, id="two spaces"),
        pytest.param("4111 1111\n1111 1111", _GONE, id="line break"),
        pytest.param("4111 1111\r\n1111 1111", _GONE, id="line break of Windows"),
        pytest.param("4111 - 1111", "4111 - 1111", id="three signs"),
        pytest.param("4111_1111_1111_1111", _GONE, id="underlines"),
        pytest.param(f"4111_1111_1111_1111 and {_CARD}", f"{_GONE} and {_GONE}", id="underlines beside another"),
        pytest.param(f"4111111111111111\n{_CARD}", f"{_GONE}\n{_GONE}", id="lines"),
        pytest.param("\u5361\u53f74111111111111111\u3002", f"\u5361\u53f7{_GONE}\u3002", id="Chinese"),
        pytest.param("\u00e94111111111111111\u00e9", f"\u00e9{_GONE}\u00e9", id="French letters"),
        pytest.param("paid 4111111111111111.0", f"paid {_GONE}", id="floating-point number"),
    ],
)
def test_a_card_goes_beside_something_else(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("4111 1111 1111 1112 123", id="wrong check digit"),
        pytest.param("0.4111111111111111", id="decimals"),
        pytest.param("4111111111111111.25", id="decimal"),
        pytest.param("550e8400-e29b-41d4-a716-411111111116", id="UUID"),
        pytest.param("a716-501800000009", id="end of a UUID"),
        pytest.param("x-4111-111111111111", id="groups of four and twelve"),
        pytest.param("4111 1111 1111 1111a", id="a letter of ASCII behind it"),
        pytest.param("2024-11-21 2024-11-22 2024-11-23", id="dates"),
    ],
)
def test_what_is_no_card_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text).text == text
