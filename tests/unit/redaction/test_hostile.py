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
    pytest.param(f"\\n4 {_MAIL} " + "\\" * 100_001 + "z", id="backslashes"),
    pytest.param(
        f'<a href="/s?a=1&amp;b=2">{_MAIL}</a><img src="data:image/png;base64,{"iVBORw0KGgoAAAANSUhEUg" * 5_000}">',
        id="image",
    ),
]


@pytest.mark.parametrize("text", _ONE_MAIL)
def test_time_is_linear(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text) == Redacted(text.replace(_MAIL, "<EMAIL_ADDRESS>"), {"EMAIL_ADDRESS": 1})


def _line(number: int) -> str:
    return f'{{"ip": "10.1.2.3", "m": "{_MAIL}", "id": {number}}}\n'


_CARD = "4111 1111 1111 1111"
_MANY = [
    pytest.param("".join(map(_line, range(10_000))), 20_000, id="lines of JSON"),
    pytest.param(f"<EMAIL_ADDRESS> {_MAIL} " * 30_000, 30_000, id="placeholders"),
    pytest.param(f'[INFO] [w-1] ["a] {{"m": "{_MAIL}"}}\n' * 10_000, 10_000, id="lines of a log"),
    pytest.param('{"a":' * 100_000 + f'"{_MAIL}"', 1, id="objects without an end"),
    pytest.param('["a ' * 100_000 + _MAIL, 1, id="lists without an end"),
    pytest.param('["[" ' * 50_000 + _MAIL, 1, id="brackets in strings"),
    pytest.param("[" * 100_000 + f'"{_MAIL}"' + "]" * 100_000, 1, id="deep lists"),
    pytest.param(f"see a[1] {{}} {_CARD} " * 5_000, 5_000, id="footnotes"),
]


@pytest.mark.parametrize(("text", "count"), _MANY)
def test_many_of_them_take_their_time_only_once(redactor: Redactor, text: str, count: int) -> None:
    redacted = redactor.redact_text(text)
    assert sum(redacted.entities.values()) == count
    assert "REDACTION_ERROR" not in redacted.entities
    assert _MAIL not in redacted.text


@pytest.mark.parametrize(
    "before", ["[INFO] " * 16, "{x} [ ] ] {1} " * 20, '["', '[1, "a {', "[[[{", "[2024-01-01] [w] [-] "], ids=repr
)
def test_json_is_found_behind_what_only_begins_like_it(redactor: Redactor, before: str) -> None:
    after = redactor.redact_text(before + '{"cookie": "sess=abcdef"}').text
    assert after == before + '{"cookie": "<SECRET_VALUE>"}'


_LISTS = [
    pytest.param("name,tel\n" + "".join(f"Bob,phone 030 12345{n % 100:02d}\n" for n in range(8_000)), 8_000, id="phones"),
    pytest.param("10.1.2.3 " * 111_111, 111_111, id="addresses"),
    pytest.param(f"{_MAIL}\n" * 60_000, 60_000, id="mail"),
    pytest.param(f"{_CARD}\n" * 50_000, 50_000, id="cards"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "count"), _LISTS)
def test_a_long_list_is_no_reason_to_fail(redactor: Redactor, text: str, count: int) -> None:
    redacted = redactor.redact_text(text)
    assert sum(redacted.entities.values()) == count
    assert "REDACTION_ERROR" not in redacted.entities
