"""JSON inside text: where it is, and which of its literals are texts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from redaction.layer import Layer


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
