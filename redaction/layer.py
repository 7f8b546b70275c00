"""Encodings inside text, and how to put redacted text back into them with the structure still valid.

Layers are disjoint regions. Each is decoded here and redacted elsewhere, one inside the other, so nothing here detects.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Protocol
from urllib.parse import quote, unquote

import msgspec

# What may hide something from the detectors' own triggers. JSON needs none: triggers do not look at what stands before a
# value, unless its characters are escaped.
# In base64 of ASCII every byte's first bit is 0, which leaves half of the alphabet for the first, second and third of four
# characters. Sixteen of them in a row are base64 of text, and hardly ever an id, a path or a digest.
_BASE64_OF_ASCII = b"[A-Za-f][%b][%b][A-Za-z0-9+/_\\-]" % (
    b"ABCDEFGHQRSTUVWXghijklmnwxyz0123",
    b"ABEFIJMNQRUVYZcdghklopstwx014589",
)
LAYER_TRIGGERS: Sequence[bytes] = (
    rb"\\(?:u00|x)[2-7][0-9a-fA-F]",
    # An escape hides the boundary of what is behind it.
    rb"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[bfnrt/])(?:[0-9+(]|[A-Z]{2}[0-9]{2}|[A-Za-z0-9._+\-]{0,64}@)",
    rb"%[2-7][0-9a-fA-F]",
    rb"&(?:#[xX]?[0-9a-fA-F]{2,6}|amp|commat|period|nbsp|hyphen|colon|quot|lowbar);",
    b"(?:^|[^A-Za-z0-9+_\\-])(?:" + _BASE64_OF_ASCII + b"){4}",
)


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is what the region ``start`` to ``end`` says; ``encode`` says another text in the same way.

    ``key`` is the name of the JSON member that the region is the value of, or of the one around it that goes whole;
    ``is_name``: the region is such a name.
    """

    start: int
    end: int
    text: str
    encode: Callable[[str], str]
    key: str = ""
    is_name: bool = False


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a text. Nothing outside of its layers is text when it ``is_structure``, such as JSON's own signs."""

    start: int
    end: int
    is_structure: bool


def segments(text: str) -> Sequence[Segment]:
    """The text in parts, in order and without gaps: JSON values, and what is around them."""
    parts: list[Segment] = []
    position = 0
    for start, end in _json_ranges(text):
        if start > position:
            parts.append(Segment(start=position, end=start, is_structure=False))
        parts.append(Segment(start=start, end=end, is_structure=True))
        position = end
    if position < len(text) or not parts:
        parts.append(Segment(start=position, end=len(text), is_structure=False))
    return parts


class Near(msgspec.Struct, frozen=True):
    """Which literals of JSON are worth a look: in which one of the places lies, in order, or right behind which, unless it passes."""

    places: Sequence[int]
    passes: Callable[[str], bool] = lambda _: False

    def behind(self, start: int) -> Near:
        """The same for the text from ``start`` on."""
        return Near([place - start for place in self.places], self.passes) if start else self


class Keys(Protocol):
    """What names of members say, see ``KeyRules``."""

    def below(self, key: str, name: str, /) -> str: ...

    def goes_whole(self, key: str, /) -> bool: ...


class _NoKeys:
    def below(self, _key: str, name: str, /) -> str:
        return name

    def goes_whole(self, _key: str, /) -> bool:
        return False


def json_layers(text: str, keys: Keys | None = None, *, near: Near | None = None) -> Sequence[Layer]:
    """The string and long number literals of a text that is JSON, in order; below a key that goes whole, every number.

    With ``near`` only what it says, and literals with escapes, in which something else may lie than in the text.
    """
    return list(_literals(text, keys or _NoKeys(), near))


def escaped_layers(text: str) -> Sequence[Layer]:
    """The outermost escaped and encoded regions of a text that is not JSON, in order."""
    taken: list[Layer] = []
    for layer in sorted(chain(_escapes(text), _base64_layers(text)), key=lambda layer: (layer.start, -layer.end)):
        if not taken or layer.start >= taken[-1].end:
            taken.append(layer)
    return taken


# Where JSON may begin: a line, or what follows a prefix such as ``data:`` of server-sent events.
_JSON_START = re.compile(r"[\[{]")
_MAX_JSON_ATTEMPTS = 16
_JSON_TOKEN = re.compile(
    r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|(?<![\w.+-])(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.])|([\[\]{}])',
    re.DOTALL,
)
# Behind every text.
_NOWHERE = sys.maxsize
# Shorter ones are nobody's by themselves.
_LONG_NUMBER = re.compile(r"-?[0-9]{9,}")
_json_decoder = json.JSONDecoder(strict=False)


def _json_ranges(text: str) -> Iterator[tuple[int, int]]:
    position, attempts = 0, 0
    while attempts < _MAX_JSON_ATTEMPTS:
        start = _JSON_START.search(text, position)
        if start is None:
            return
        end = _json_end(text, start.start())
        if end is None:
            attempts += 1
            position = start.end()
            continue
        yield start.start(), end
        position = end


def _json_end(text: str, start: int) -> int | None:
    rest = text[start:] if start else text
    try:
        # Fast, and enough for what is JSON as a whole.
        msgspec.json.decode(rest)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        pass
    else:
        return len(text)
    try:
        _, end = _json_decoder.raw_decode(rest)
    except (ValueError, RecursionError):
        return None
    return start + end


def _literals(text: str, keys: Keys, near: Near | None) -> Iterator[Layer]:
    key, is_whole = "", keys.goes_whole("")
    # The keys of the arrays and objects that are open, and whether what they stand in goes whole.
    around: list[tuple[str, bool]] = []
    places = iter(near.places if near else ())
    place = next(places, _NOWHERE)
    for token in _JSON_TOKEN.finditer(text):
        body, colon, number, sign = token.groups()
        if sign is not None:
            if sign in "[{":
                around.append((key, is_whole))
                is_whole = keys.goes_whole(key)
            else:
                key, is_whole = around.pop()
            continue
        start, end = token.span()
        while place <= start:
            place = next(places, _NOWHERE)
        if near is not None and (body is None or "\\" not in body) and (place > end or near.passes(body or "")):
            if colon is not None and not is_whole:
                key = keys.below(around[-1][0], body or "")
        elif number is not None:
            if _LONG_NUMBER.fullmatch(number) or keys.goes_whole(key):
                yield Layer(start=start, end=end, text=number, encode=_as_json, key=key)
        else:
            decoded = _decoded(body)
            start, end = token.span(1)
            is_name = colon is not None
            yield Layer(
                start=start, end=end, text=decoded, encode=_inside_json, key="" if is_name else key, is_name=is_name
            )
            if is_name and not is_whole:
                key = keys.below(around[-1][0], decoded)


def _decoded(body: str) -> str:
    if "\\" not in body:
        return body
    decoded: str = _json_decoder.decode(f'"{body}"')
    return decoded


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inside_json(text: str) -> str:
    # A lone surrogate can stand in JSON as an escape only.
    return json.dumps(text, ensure_ascii=not text.isprintable())[1:-1]


# A component of a URL or of a form: from one delimiter to the next.
_PERCENT = re.compile(r"[^\s&=?/#;,:\"'<>%]*(?:%[0-9a-fA-F]{2}[^\s&=?/#;,:\"'<>%]*)+")
_ENTITY = re.compile(r"[^\s<>\"'&]*(?:&(?:#[xX][0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-z]{2,8});[^\s<>\"'&]*)+")
_BACKSLASH = re.compile(r"[^\s\"'\\]*(?:\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt/])[^\s\"'\\]*)+")
_ONE_BACKSLASH = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrt/]))")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "/": "/"}


def _escapes(text: str) -> Iterator[Layer]:
    for mark, pattern, decode, encode in _ESCAPES:
        if mark not in text:
            continue
        for match in pattern.finditer(text):
            decoded = decode(match[0])
            if decoded != match[0]:
                yield Layer(start=match.start(), end=match.end(), text=decoded, encode=encode)


def _unescaped(text: str) -> str:
    return _ONE_BACKSLASH.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code is None:
        return _PLAIN[match[3]]
    value = int(code, 16)
    return match[0] if 0xD800 <= value <= 0xDFFF else chr(value)


_TO_ESCAPE = re.compile(r"[\x00-\x1f\x7f-\U0010ffff]")


def _escaped(text: str) -> str:
    return _TO_ESCAPE.sub(lambda match: json.dumps(match[0])[1:-1], text)


_percent_quoted = partial(quote, safe="!$'()*+,@:-._~", errors="surrogatepass")
_ESCAPES: Sequence[tuple[str, re.Pattern[str], Callable[[str], str], Callable[[str], str]]] = (
    ("%", _PERCENT, partial(unquote, errors="surrogateescape"), _percent_quoted),
    ("&", _ENTITY, html.unescape, html.escape),
    ("\\", _BACKSLASH, _unescaped, _escaped),
)

_BASE64 = re.compile(r"(?<![A-Za-z0-9+_\-])(?:[A-Za-z0-9+/]{16,}|[A-Za-z0-9_\-]{16,})={0,2}(?![A-Za-z0-9+/_\-=])")
_BASE64_PART = re.compile(r"[A-Za-z0-9+_\-]{16,}={0,2}")
_IMAGE = "data:image/"
_LOOKS_ENCODED = re.compile(r"[a-z][^a-z]*[A-Z]|[A-Z][^A-Z]*[a-z]")


def _base64_layers(text: str) -> Iterator[Layer]:
    if _IMAGE in text[:64]:
        return
    for match in _BASE64.finditer(text):
        layer = _base64_layer(match)
        if layer is not None:
            yield layer
        elif "/" in match[0]:
            # A path, of which a part may be base64.
            parts = (_base64_layer(part) for part in _BASE64_PART.finditer(text, match.start(), match.end()))
            yield from (part for part in parts if part is not None)


def _base64_layer(match: re.Match[str]) -> Layer | None:
    run = match[0]
    decoded = _base64_text(run)
    if decoded is None:
        return None
    is_url_safe = "-" in run or "_" in run
    encode = partial(_base64_of, is_url_safe=is_url_safe, is_padded=run.endswith("=") or len(run) % 4 == 0)
    return Layer(start=match.start(), end=match.end(), text=decoded, encode=encode)


def _base64_text(run: str) -> str | None:
    """What the run says; None when it is something else, such as a hash, a name, or bytes."""
    bare = run.rstrip("=")
    if len(bare) % 4 == 1 or _LOOKS_ENCODED.search(bare) is None:
        return None
    try:
        data = base64.b64decode(bare.translate({45: "+", 95: "/"}) + "=" * (-len(bare) % 4), validate=True)
        text = data.decode()
    except (binascii.Error, ValueError):
        return None
    return text if text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable() else None


def _base64_of(text: str, *, is_url_safe: bool, is_padded: bool) -> str:
    data = text.encode(errors="replace")
    encoded = (base64.urlsafe_b64encode(data) if is_url_safe else base64.b64encode(data)).decode()
    return encoded if is_padded else encoded.rstrip("=")
