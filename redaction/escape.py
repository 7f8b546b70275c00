"""Escaped and encoded regions inside of text that is not JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from urllib.parse import quote, unquote

from redaction.base64_run import BASE64_TRIGGER, base64_layers
from redaction.layer import Layer, Writing

# Values of forms in which a space that was encoded may part digits. They are the last of all triggers.
FORM_TRIGGERS: Sequence[bytes] = (
    rb"=[^\s&=\"'<>]{0,40}[0-9A-Za-z)]\+[0-9(%]",
    rb"(?i)=(?:bearer|basic)\+",
)
# What may hide something from the detectors' own triggers. JSON needs none: triggers do not look at what stands before a
# value, unless its characters are escaped.
LAYER_TRIGGERS: Sequence[bytes] = (
    rb"\\(?:u00|x)[2-7][0-9a-fA-F]",
    # An escape hides the boundary of what is behind it.
    rb"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[bfnrt/])(?:[0-9+(]|[A-Z]{2}[0-9]{2}|[bB][cC]1|[A-Za-z0-9._+\-]{0,64}@)",
    rb"%[0-7][0-9a-fA-F]",
    rb"&(?:#[xX]?[0-9a-fA-F]{2,6}|amp|commat|period|nbsp|hyphen|colon|quot|lowbar);",
    BASE64_TRIGGER,
    *FORM_TRIGGERS,
)


def escaped_layers(text: str) -> Sequence[Layer]:
    """The outermost escaped and encoded regions of a text that is not JSON, in order."""
    taken: list[Layer] = []
    for layer in sorted(chain(_escapes(text), base64_layers(text)), key=lambda layer: (layer.start, -layer.end)):
        if not taken or layer.start >= taken[-1].end:
            taken.append(layer)
    return taken


def form_layers(text: str) -> Iterator[Layer]:
    """The members of forms in which ``+`` may be a space, with their names, in order.

    In other parts of a URL it is none, and many write an address such as ``bob+news@example.com`` as it is. So this is for
    what is left when ``+`` has been taken for itself.
    """
    for match in _MEMBER.finditer(text):
        if "+" in match[0]:
            decoded = _FORM.decode(match[0])
            encode = partial(_FORM.rewritten, match[0], decoded)
            yield Layer(start=match.start(), end=match.end(), text=decoded, encode=encode)


def _runs(plain: str, mark: str) -> re.Pattern[str]:
    """What matches the longest runs of plain characters with marks in between. Each run is tried once, so it is linear."""
    return re.compile(rf"(?<!{plain}){plain}*+(?:{mark}{plain}*+)++")


# A component of a URL or of a form: from one delimiter to the next.
_PERCENT = _runs(r"[^\s&=?/#;,:\"'<>%]", "%[0-9a-fA-F]{2}")
_ENTITY = _runs(r"[^\s<>\"'&]", "&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-z]{2,8});")
# With any number of backslashes, as in a string of JSON that was cut, and so is none: each time that it was put into another
# one has doubled them.
_BACKSLASHES = r"(?<!\\)\\++"
_BACKSLASH = _runs(r"[^\s\"'\\]", rf"{_BACKSLASHES}(?:u[0-9a-fA-F]{{4}}|x[0-9a-fA-F]{{2}}|[nrt/])")
_ONE_BACKSLASH = re.compile(rf"{_BACKSLASHES}(?:u([0-9a-fA-F]{{4}})|x([0-9a-fA-F]{{2}})|([nrt/]))")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "/": "/"}


def _escapes(text: str) -> Iterator[Layer]:
    for sign, pattern, writing in _ESCAPES:
        if sign not in text:
            continue
        for match in pattern.finditer(text):
            decoded = writing.decode(match[0])
            if decoded != match[0]:
                encode = partial(writing.rewritten, match[0], decoded)
                yield Layer(start=match.start(), end=match.end(), text=decoded, encode=encode)


def _unescaped(text: str) -> str:
    return _ONE_BACKSLASH.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is None:
        return _PLAIN[match[3]]
    value = int(code, 16)
    return match[0] if 0xD800 <= value <= 0xDFFF else chr(value)


_TO_ESCAPE = re.compile(r"[\x00-\x1f\x7f-\U0010ffff\\]")


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _form_decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="surrogateescape")


def _form_quoted(text: str) -> str:
    return _percent_quoted(text, safe="!$'()*,@:-._~ ").replace(" ", "+")


def _percent_quoted(text: str, safe: str = "!$'()*+,@:-._~") -> str:
    try:
        # Bytes that are no text.
        return quote(text, safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        return quote(text, safe=safe, errors="surrogatepass")


# A sign of ASCII, or the bytes of others as far as they go.
_PERCENT_MARK = "%[0-7][0-9a-fA-F]|(?:%[89a-fA-F][0-9a-fA-F])++"
_ESCAPES: Sequence[tuple[str, re.Pattern[str], Writing]] = (
    (
        "%",
        _PERCENT,
        Writing(
            re.compile(_PERCENT_MARK),
            partial(unquote, errors="surrogateescape"),
            _percent_quoted,
        ),
    ),
    ("&", _ENTITY, Writing(re.compile("&[^&;]++;"), html.unescape, html.escape)),
    ("\\", _BACKSLASH, Writing(_ONE_BACKSLASH, _unescaped, _escaped)),
)
_MEMBER = re.compile(r"(?:(?<![\w.%\[\]-])[\w.%\[\]-]{1,64}+)?=[^\s&=?/#;,\"'<>]*+")
_FORM = Writing(re.compile(rf"\+|{_PERCENT_MARK}"), _form_decoded, _form_quoted)
