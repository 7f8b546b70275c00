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
