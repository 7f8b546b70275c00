from __future__ import annotations

import pytest

from redaction.key_name import words_of
from redaction.policy import default_policy
from redaction.redactor import Redactor

_REDACTOR = Redactor(default_policy())


@pytest.mark.parametrize(
    "text",
    [
        "<PHONE_NUMBER> 4155552671",
        "<PHONE_NUMBER:0123456789abcdef> 4155552671",
        f"<PHONE_NUMBER>{' ' * 48}4155552671",
        "<US_SSN> 536221234",
        '{"<PHONE_NUMBER>": "4155552671"}',
        '{"<SECRET_PASSWORD>": "4155552671"}',
    ],
)
def test_what_redaction_wrote_itself_is_no_context(text: str) -> None:
    assert _REDACTOR.redact_text(text).text == text


@pytest.mark.parametrize(
    "text", ["<PHONE>4155552671</PHONE>", "<phone> 4155552671", "<EMAIL_ADDRESS> phone 4155552671"]
)
def test_what_others_wrote_still_is(text: str) -> None:
    assert "4155552671" not in _REDACTOR.redact_text(text).text


def test_a_second_number_is_not_found_because_of_the_first() -> None:
    assert _REDACTOR.redact_text("+1 415 555 2671 at 1732158300").text == "<PHONE_NUMBER> at 1732158300"


def test_words_of_a_key_leave_placeholders_out() -> None:
    assert words_of("user.<PHONE_NUMBER>.homeAddress") == "user home address"
