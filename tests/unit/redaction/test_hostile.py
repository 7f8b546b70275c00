"""Texts that took quadratic time: each of them would be replaced whole, by the limit of time, if it still did."""

from __future__ import annotations

import pytest

from redaction.policy import default_policy
from redaction.redactor import Redactor
from redaction.tally import Redacted

_MAIL = "bob@example.com"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy(), cache_bytes=0)


_ONE_MAIL = [
    pytest.param(f"%41 {_MAIL} " + "a" * 100_000, id="percent"),
    pytest.param(f"x &amp; y {_MAIL} " + "aB3d" * 25_000, id="entity"),
    pytest.param(f"x \\n4 y {_MAIL} " + "aB3d" * 25_000, id="escape"),
    pytest.param(f"dGVzdGluZ3Rlc3Rpbmc= {_MAIL} " + "a/" * 50_000 + "_", id="base64"),
    pytest.param(
        f'<a href="/s?a=1&amp;b=2">{_MAIL}</a><img src="data:image/png;base64,{"iVBORw0KGgoAAAANSUhEUg" * 5_000}">',
        id="image",
    ),
]


@pytest.mark.parametrize("text", _ONE_MAIL)
def test_time_is_linear(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text) == Redacted(text.replace(_MAIL, "<EMAIL_ADDRESS>"), {"EMAIL_ADDRESS": 1})
