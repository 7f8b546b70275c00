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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("+12025550123 42", "{} 42", id="number behind"),
        pytest.param("call +1 202 555 0123 42 times", "call {} 42 times", id="number behind groups"),
        pytest.param("+1-202-555-0123 2024", "{} 2024", id="year behind"),
        pytest.param("5 202-555-0123", "5 {}", id="digit before"),
        pytest.param("age 42 202-555-0123", "age 42 {}", id="number before"),
        pytest.param("Room 12 (202) 555-0123", "Room 12 {}", id="number before brackets"),
        pytest.param("202-555-0123 2024-01-01", "{} 2024-01-01", id="date behind"),
        pytest.param("2024-11-21 03:45:01 202-555-0123", "2024-11-21 03:45:01 {}", id="time before"),
        pytest.param("phone 202-555-0123 202-555-0199", "phone {} {}", id="two"),
        pytest.param("202-555-0123 12", "{} 12", id="number behind a national one"),
        pytest.param("call me at +1 415 555 2671 (415) 555-2672", "call me at {} {}", id="two forms"),
        pytest.param("030 901820 (212) 555-0123", "{} {}", id="two countries"),
        pytest.param("+49 30 901820 (212) 555-0123", "{} {}", id="from abroad and at home"),
        pytest.param("01 42 68 53 00 01 42 68 53 01", "{} {}", id="pairs"),
        pytest.param("+91 74103 45805 01 23 73 91 43", "{}", id="from abroad before pairs"),
        pytest.param("+4930675170 030 943146", "{}", id="from abroad in one piece before another"),
        pytest.param("42 020 7946 0958 17", "42 {} 17", id="in the middle"),
        pytest.param("123 202 555 0123 7", "123 {} 7", id="spaces"),
        pytest.param("011 44 20 7946 0958", "{}", id="as Americans dial abroad"),
        pytest.param("phone 2025550123 42", "phone {} 42", id="in one piece"),
        pytest.param("\u7535\u8bdd+12025550123\u547c\u53eb", "\u7535\u8bdd{}\u547c\u53eb", id="Chinese"),
        pytest.param(
            "\u6211\u7684\u7535\u8bdd\u662f(202) 555-0123\u5417",
            "\u6211\u7684\u7535\u8bdd\u662f{}\u5417",
            id="brackets in Chinese",
        ),
        pytest.param("\u96fb\u8a7103-1234-5678\u3067\u3059", "\u96fb\u8a71{}\u3067\u3059", id="Japanese"),
        pytest.param("\u0628+12025550123\u0628", "\u0628{}\u0628", id="Arabic"),
        pytest.param("__202-555-0123__", "__{}__", id="underlines"),
        pytest.param("_+12025550123_", "_{}_", id="underlines from abroad"),
        pytest.param("202_555_0123", "{}", id="underlines inside"),
        pytest.param("tel-202-555-0123", "tel-{}", id="behind a dash"),
    ],
)
def test_a_phone_goes_beside_something_else(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected.replace("{}", "<PHONE_NUMBER>")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(2024) 2025-2026", id="years"),
        pytest.param("00012345678", id="three zeros"),
        pytest.param("0049123", id="too short"),
        pytest.param("00 12 34 56 78", id="pairs"),
        pytest.param("diff +12345678", id="eight digits"),
        pytest.param("x +1 2 3 4 5 6 7 8", id="counting"),
        pytest.param("100 200 300 4000", id="no area"),
        pytest.param("5390 0754 7035 12", id="groups of four"),
        pytest.param("2024-11-21 03 2024-11-22 04", id="dates"),
    ],
)
def test_what_is_no_phone_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text).text == text
