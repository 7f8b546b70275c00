from __future__ import annotations

import pytest

from redaction.policy import default_policy
from redaction.redactor import Redactor


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("SSN\u53f7536-22-1234\u53f7", "SSN\u53f7<US_SSN>\u53f7", id="ssn in Chinese"),
        pytest.param("\u0628536-22-1234\u0628", "\u0628<US_SSN>\u0628", id="ssn in Arabic"),
        pytest.param("__536-22-1234__", "__<US_SSN>__", id="ssn between underlines"),
        pytest.param(
            "IBAN\u306fGB29NWBK60161331926819\u3067\u3059",
            "IBAN\u306f<IBAN_CODE>\u3067\u3059",
            id="iban in Japanese",
        ),
        pytest.param(
            "\u5730\u57401BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2\u7684", "\u5730\u5740<CRYPTO>\u7684", id="crypto in Chinese"
        ),
    ],
)  # fmt: skip
def test_a_value_ends_where_letters_and_digits_of_ascii_do(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected
