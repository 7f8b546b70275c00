from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import pytest

from redaction.policy import default_policy
from redaction.redactor import Redactor

_PLAIN = 'write to "bob@example.com" & <ask>: 100 %'
_AFTER = 'write to "<EMAIL_ADDRESS>" & <ask>: 100 %'


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(default_policy())


def _to_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _from_base64(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def _to_json(text: str) -> str:
    return json.dumps({"outer": [1, {"mail": text}]})


def _from_json(text: str) -> str:
    decoded: Any = json.loads(text)
    return str(decoded["outer"][1]["mail"])


def _to_query(text: str) -> str:
    return f"https://api.example.com/find?a=1&q={quote(text)}&z=%20#top"


def _from_query(text: str) -> str:
    (value,) = parse_qs(text.split("?")[1].split("#", maxsplit=1)[0])["q"]
    return value


_ENCODINGS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "json": (_to_json, _from_json),
    "percent": (lambda text: quote(text, safe=""), unquote),
    "query": (_to_query, _from_query),
    "html": (lambda text: html.escape(text).replace("@", "&#64;"), html.unescape),
    "base64": (_to_base64, _from_base64),
}


@pytest.mark.parametrize("outer", _ENCODINGS)
@pytest.mark.parametrize("inner", _ENCODINGS)
def test_one_encoding_in_another_stays_valid(redactor: Redactor, outer: str, inner: str) -> None:
    encode_inner, decode_inner = _ENCODINGS[inner]
    encode_outer, decode_outer = _ENCODINGS[outer]
    redacted = redactor.redact_text(encode_outer(encode_inner(_PLAIN)))
    assert redacted.entities == {"EMAIL_ADDRESS": 1}
    assert decode_inner(decode_outer(redacted.text)) == _AFTER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '{"b":1.50,"a" : [ "x", "bob@example.com" ],\n"é":null}',
            '{"b":1.50,"a" : [ "x", "<EMAIL_ADDRESS>" ],\n"é":null}',
            id="the form of JSON stays",
        ),
        pytest.param('{"bob@example.com": 1}', '{"<EMAIL_ADDRESS>": 1}', id="keys of JSON"),
        pytest.param(
            '{"card": 4111111111111111, "n": 42}', '{"card": "<CREDIT_CARD>", "n": 42}', id="a number becomes a text"
        ),
        pytest.param(
            'data: {"a": "bob@example.com"}\n\ndata: {"b": 1}\n\ndata: [DONE]',
            'data: {"a": "<EMAIL_ADDRESS>"}\n\ndata: {"b": 1}\n\ndata: [DONE]',
            id="a stream of events",
        ),
        pytest.param(
            '{"a": "bob@example.com"}\n{"a": "x"}', '{"a": "<EMAIL_ADDRESS>"}\n{"a": "x"}', id="JSON lines"
        ),
        pytest.param('{"a": "bob@example.com", "b', '{"a": "<EMAIL_ADDRESS>", "b', id="JSON that was cut"),
        pytest.param('{"a": "\\ud800 bob@example.com"}', '{"a": "\\ud800 <EMAIL_ADDRESS>"}', id="half a surrogate"),
        pytest.param('{"a": "one\\nbob@example.com"}', '{"a": "one\\n<EMAIL_ADDRESS>"}', id="line ends in JSON"),
        pytest.param(
            json.dumps(r"\d+\x40 bob@example.com"), json.dumps(r"\d+\x40 <EMAIL_ADDRESS>"), id="a string of JSON"
        ),
        pytest.param(
            json.dumps(r"C:\u0041 \u0062ob@example.com"),
            json.dumps(r"C:\u0041 <EMAIL_ADDRESS>"),
            id="escapes in a string of JSON",
        ),
        pytest.param('"bob@example.com', '"<EMAIL_ADDRESS>', id="only a quote"),
        pytest.param(' "4111111111111111" ', ' "<CREDIT_CARD>" ', id="digits in a string of JSON"),
        pytest.param("4111111111111111", "<CREDIT_CARD>", id="a number alone is text"),
        pytest.param("[4111111111111111]", '["<CREDIT_CARD>"]', id="a number in JSON"),
        pytest.param(
            r'{"a": "C:\\u0041 \\\\u0062ob@example.com\\n", "b',
            r'{"a": "C:\\u0041 <EMAIL_ADDRESS>\\n", "b',
            id="escaped twice, and cut",
        ),
        pytest.param("a\\nbob\\u0040example.com", "a\\n<EMAIL_ADDRESS>", id="escapes outside of JSON"),
        pytest.param("100%41 and 5% off", "100%41 and 5% off", id="percent that hides nothing"),
        pytest.param(
            r'{"a":"café \u00e9 \"x\" bob@example.com\n\/ bob@example.com \ud83d\ude00é\u2028"}',
            r'{"a":"café \u00e9 \"x\" <EMAIL_ADDRESS>\n\/ <EMAIL_ADDRESS> \ud83d\ude00é\u2028"}',
            id="characters and escapes in JSON",
        ),
        pytest.param(
            "x=é%c3%A9%e9[1]|bob%40example.com|~%7E%20 y", "x=é%c3%A9%e9[1]|%3CEMAIL_ADDRESS%3E|~%7E%20 y", id="percent"
        ),
        pytest.param("x=%C3%A9bob%40example.com%C3%A9", "x=%3CEMAIL_ADDRESS%3E", id="letters of another script"),
        pytest.param(
            "'a&apos;é&#x3D;&bob&#64;example.com&quot;&#39;'",
            "'a&apos;é&#x3D;&&lt;EMAIL_ADDRESS&gt;&quot;&#39;'",
            id="entities",
        ),
        pytest.param(r"é\u00e9\x40\n\u0062ob@example.com\té\/", r"é\u00e9\x40\n<EMAIL_ADDRESS>\té\/", id="escapes"),
        pytest.param("card=4111+1111+1111+1111&x=1", "card=%3CCREDIT_CARD%3E&x=1", id="plus is a space in a form"),
        pytest.param(
            "a=%e9+1&phone=%2B1+202+555+0123+(~%7e&x=1+1", "a=%e9+1&phone=%3CPHONE_NUMBER%3E+(~%7e&x=1+1", id="and plus is %2B"
        ),
        pytest.param(
            "to=bob+news@example.com&x=1+1", "to=<EMAIL_ADDRESS>&x=1+1", id="but not everybody knows that"
        ),
        pytest.param("x%0A4111111111111111%0D", "x%0A%3CCREDIT_CARD%3E%0D", id="line ends"),
        pytest.param("x?to=bob%40example.com&n=1", "x?to=%3CEMAIL_ADDRESS%3E&n=1", id="one member of a form"),
    ],
)  # fmt: skip
def test_what_is_around_stays_as_it_was(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.redact_text(text).text == expected


@pytest.mark.parametrize(
    ("encode", "is_padded"),
    [
        pytest.param(base64.b64encode, True, id="standard"),
        pytest.param(base64.urlsafe_b64encode, True, id="url-safe"),
        pytest.param(base64.urlsafe_b64encode, False, id="url-safe without padding"),
    ],
)
def test_base64_keeps_its_alphabet_and_padding(
    redactor: Redactor, encode: Callable[[bytes], bytes], *, is_padded: bool
) -> None:
    text = encode("mail>>>???~~~ bob@example.com, übermorgen?".encode()).decode()
    after = redactor.redact_text(text if is_padded else text.rstrip("=")).text
    expected = encode("mail>>>???~~~ <EMAIL_ADDRESS>, übermorgen?".encode()).decode()
    assert after == (expected if is_padded else expected.rstrip("="))


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        pytest.param(b"write to me:\xc2\xa0bob@example.com\xe2\x80\xa8", b"write to me:\xc2\xa0<EMAIL_ADDRESS>\xe2\x80\xa8", id="spaces"),
        pytest.param(b"\0bob@example.com\0 is the user", b"\0<EMAIL_ADDRESS>\0 is the user", id="NUL"),
        pytest.param(b"a part of bob@example.com \xe9\xff", b"a part of <EMAIL_ADDRESS> \xe9\xff", id="other bytes"),
    ],
)  # fmt: skip
def test_base64_of_text_by_and_large_is_looked_into(redactor: Redactor, plain: bytes, expected: bytes) -> None:
    before, after = base64.b64encode(plain).decode(), base64.b64encode(expected).decode()
    assert redactor.redact_text(before).text == after
    image = f"![](data:image/png;base64,{before}) "
    assert redactor.redact_text(image + before).text == image + after
    drawing = "data:image/svg+xml;base64,"
    assert redactor.redact_text(drawing + before).text == drawing + after


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("data:image/png;base64," + _to_base64("write to bob@example.com"), id="an image"),
        pytest.param("sha256-" + "aB3d" * 10, id="a digest"),
        pytest.param("/usr/lib/python/site/packages/relayscope/module", id="a path"),
    ],
)
def test_what_is_no_base64_of_text_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact_text(text).text is text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '{"bob@example.com":1,"al@example.com":2}',
            '{"<EMAIL_ADDRESS>":1,"<EMAIL_ADDRESS>#2":2}',
            id="two that become one",
        ),
        pytest.param(
            '{"<EMAIL_ADDRESS>":1,"al@example.com":2}',
            '{"<EMAIL_ADDRESS>":1,"<EMAIL_ADDRESS>#2":2}',
            id="one from before",
        ),
        pytest.param(
            '{"al@example.com":1,"<EMAIL_ADDRESS>":2}', '{"<EMAIL_ADDRESS>":1,"<EMAIL_ADDRESS>#2":2}', id="one behind"
        ),
        pytest.param(
            '{"<EMAIL_ADDRESS>#2":1,"<EMAIL_ADDRESS>":2,"al@example.com":{"bob@example.com":3}}',
            '{"<EMAIL_ADDRESS>#2":1,"<EMAIL_ADDRESS>":2,"<EMAIL_ADDRESS>#3":{"<EMAIL_ADDRESS>":3}}',
            id="numbers that are taken",
        ),
        pytest.param(
            '[{"bob@example.com":1},{"bob@example.com":1}]',
            '[{"<EMAIL_ADDRESS>":1},{"<EMAIL_ADDRESS>":1}]',
            id="two objects",
        ),
        pytest.param('{"":1,"":2,"m":"bob@example.com"}', '{"":1,"":2,"m":"<EMAIL_ADDRESS>"}', id="sent like this"),
        pytest.param(
            '{"bob@example.com":1,"bob@example.com":2}',
            '{"<EMAIL_ADDRESS>":1,"<EMAIL_ADDRESS>#2":2}',
            id="the same twice",
        ),
    ],
)
def test_members_of_json_stay_apart(redactor: Redactor, text: str, expected: str) -> None:
    after = redactor.redact_text(text).text
    assert after == expected
    assert redactor.redact_text(after).text == after
