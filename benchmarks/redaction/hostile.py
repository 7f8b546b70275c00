"""Strings on which patterns that backtrack, or ask again and again, take longest."""

from __future__ import annotations

import json
from collections.abc import Mapping

_BYTES = 50_000


def hostile_texts(size: int = _BYTES) -> Mapping[str, str]:
    """By what they are made of, each ``size`` characters long."""
    units = {
        "a.": "mail without an end",
        "@": "signs of addresses",
        "a@": "letters and signs",
        "a@a.": "addresses that touch",
        "bob@example.com": "e-mail addresses in one piece",
        "1": "one digit",
        "1 ": "digits and spaces",
        "1-": "digits and dashes",
        "(1": "digits and parentheses",
        "+1 ": "international prefixes",
        "4111 1111 1111 1111 ": "cards",
        "4111": "cards in one piece",
        "536-22-": "halves of social security numbers",
        "1.1.": "halves of addresses",
        ":1": "version 6",
        "::": "colons",
        "A1 ": "letters and digits",
        "DE89 3704 0044 ": "halves of IBANs",
        "0123456789abcdef": "hexadecimal",
        "www.": "hosts",
        "http://a:": "passwords in URLs without an end",
        "password=": "names of secrets",
        "password='": "secrets without an end",
        "eyJhbGciOi": "tokens without dots",
        "eyJhbGciOi.": "tokens with dots",
        "-----BEGIN PRIVATE KEY-----": "keys without an end",
        "sk-": "prefixes of keys",
        "%40": "percent signs",
        "&#64;": "HTML entities",
        "\\u0040": "escapes",
        "YWFh": "base64",
        "[": "brackets",
        '{"a":': "objects without an end",
        '"\\': "quotes and backslashes",
        "<EMAIL_ADDRESS>": "placeholders",
        "<EMAIL_ADDRESS:v1.": "placeholders without an end",
        "\u200b1": "invisible characters",
        "\u0661": "Arabic digits",
    }
    texts = {name: (unit * (size // len(unit) + 1))[:size] for unit, name in units.items()}
    texts["JSON in JSON"] = _deep(size)
    texts["list of cards"] = json.dumps(["4111 1111 1111 1111"] * (size // 24))
    texts.update(_behind_marks(size))
    texts.update(_lists(size))
    texts["mail behind a long word"] = "a.a" * (size // 3) + "@x bob@example.com"
    return texts


def _behind_marks(size: int) -> Mapping[str, str]:
    """A sign of an encoding, and a long run without another behind it."""
    mail = "bob@example.com"
    image = "iVBORw0KGgoAAAANSUhEUg" * (size // 22)
    return {
        "long word behind percent": "%41 " + "a" * size,
        "long word behind an entity": f"x &amp; y {mail} " + "aB3d" * (size // 4),
        "long word behind an escape": f"x \\n4 y {mail} " + "aB3d" * (size // 4),
        "backslashes behind an escape": f"x \\n4 y {mail} " + "\\" * size,
        "image behind an entity": f'<a href="/s?a=1&amp;b=2">x</a><img src="data:image/png;base64,{image}">',
        "path behind base64": f"dGVzdGluZ3Rlc3Rpbmc= {mail} " + "a/" * (size // 2) + "_",
    }


def _lists(size: int) -> Mapping[str, str]:
    """Many of what is ordinary when there are few."""
    mail = "bob@example.com"
    units = {
        "lines of JSON": f'{{"ip": "10.1.2.3", "m": "{mail}", "id": 123}}\n',
        "lines of a log with JSON": f'[INFO] [w-1] ["a] {{"m": "{mail}"}}\n',
        "placeholders and mail": f"<EMAIL_ADDRESS> {mail} ",
        "list of phones": "Bob,phone 030 1234567\n",
        "list of addresses": "10.1.2.3 ",
        "members of a form": "a=1+1&",
        "footnotes": "see a[1] ",
        "lists without an end": '["a ',
        "brackets in strings": '["[" ',
    }
    texts = {name: unit * (size // len(unit)) for name, unit in units.items()}
    texts["members of one name"] = json.dumps({f"u{number}@example.com": number for number in range(size // 25)})
    return texts


def _deep(size: int) -> str:
    text = "4111 1111 1111 1111"
    while len(text) * 2 < size:
        text = json.dumps({"a": text})
    return text
