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
    texts["mail behind a long word"] = "a.a" * (size // 3) + "@x bob@example.com"
    return texts


def _deep(size: int) -> str:
    text = "4111 1111 1111 1111"
    while len(text) * 2 < size:
        text = json.dumps({"a": text})
    return text
