"""Sixteen ways in which personal data hides from patterns, most of them without meaning to."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

import msgspec

_MAIL, _CARD, _SSN = "bob@example.com", "4111111111111111", "536-22-1234"
_FULL_WIDTH = str.maketrans({code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
_ARABIC = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")


class Evasion(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is what was sent; ``read`` makes of redacted text what a reader sees, which must be ``after`` exactly."""

    name: str
    text: str
    after: str
    read: Callable[[str], str] = str


def evasions() -> Sequence[Evasion]:
    """All of them."""
    return [*_in_json(), *_escaped(), *_in_other_characters()]


def is_caught(evasion: Evasion, redacted: str) -> bool:
    """Whether the value is gone, everything around it is as it was, and what encodes it is still valid."""
    try:
        return evasion.read(redacted) == evasion.after
    except ValueError:
        return False


def _sentence(value: str) -> str:
    return f"write to {value} today"


def _nested(text: str, *, depth: int) -> str:
    for _ in range(depth):
        text = json.dumps({"content": text})
    return text


def _leaf(text: str, *, depth: int) -> str:
    for _ in range(depth):
        text = str(json.loads(text)["content"])
    return text


def _in_json() -> Sequence[Evasion]:
    mail, lines = _sentence(_MAIL), f"ssn\n{_SSN}\n"
    clean = _sentence("<EMAIL_ADDRESS>")
    return [
        Evasion(name="JSON in JSON", text=_nested(mail, depth=2), after=clean, read=lambda text: _leaf(text, depth=2)),
        Evasion(name="JSON in JSON in JSON", text=_nested(mail, depth=3), after=clean, read=lambda text: _leaf(text, depth=3)),
        Evasion(name="line end in JSON in JSON", text=_nested(lines, depth=2), after="ssn\n<US_SSN>\n", read=lambda text: _leaf(text, depth=2)),
        Evasion(name="\\u0040 in JSON", text=_nested(mail, depth=1).replace("@", "\\u0040"), after=clean, read=lambda text: _leaf(text, depth=1)),
        Evasion(name="\\u0040 in text", text=mail.replace("@", "\\u0040"), after=clean),
    ]  # fmt: skip


def _escaped() -> Sequence[Evasion]:
    mail, clean = _sentence(_MAIL), _sentence("<EMAIL_ADDRESS>")
    encoded = base64.b64encode(mail.encode()).decode()
    url_safe = json.dumps({"body": base64.urlsafe_b64encode(mail.encode()).decode().rstrip("=")})
    return [
        Evasion(name="%40", text=f"/find?q={quote(_MAIL)}&n=1", after="/find?q=<EMAIL_ADDRESS>&n=1", read=unquote),
        Evasion(name="&#64;", text=mail.replace("@", "&#64;"), after=clean, read=html.unescape),
        Evasion(name="base64", text=encoded, after=clean, read=_from_base64),
        Evasion(name="base64 in JSON", text=url_safe, after=clean, read=lambda text: _from_base64(json.loads(text)["body"])),
    ]  # fmt: skip


def _in_other_characters() -> Sequence[Evasion]:
    groups = [_CARD[start : start + 4] for start in range(0, 16, 4)]
    mail, card, ssn = _sentence("<EMAIL_ADDRESS>"), _sentence("<CREDIT_CARD>"), _sentence("<US_SSN>")
    return [
        Evasion(name="zero-width space", text=_sentence("bob\u200b@exam\u200bple.com"), after=mail),
        Evasion(name="zero-width joiner", text=_sentence("\u200d".join(groups)), after=card),
        Evasion(name="full-width mail", text=_sentence(_MAIL.translate(_FULL_WIDTH)), after=mail),
        Evasion(name="full-width digits", text=_sentence(_CARD.translate(_FULL_WIDTH)), after=card),
        Evasion(name="Arabic digits", text=_sentence(_SSN.translate(_ARABIC)), after=ssn),
        Evasion(name="no-break spaces", text=_sentence("\u00a0".join(groups)), after=card),
        Evasion(name="underscores", text=_sentence(f"card_{_CARD}_x"), after=_sentence("card_<CREDIT_CARD>_x")),
    ]


def _from_base64(text: str) -> str:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)).decode()
