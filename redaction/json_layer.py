"""JSON inside text: where it is, and which of its literals are texts."""

from __future__ import annotations

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import msgspec

from redaction.layer import Layer, Writing


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a text. Nothing outside of its layers is text when it ``is_structure``, such as JSON's own signs."""

    start: int
    end: int
    is_structure: bool


def may_have_json(text: str) -> bool:
    """Whether there may be JSON other than numbers in a text, which are text like any other."""
    return "{" in text or "[" in text or _QUOTE.match(text) is not None


def segments(text: str) -> Sequence[Segment]:
    """The text in parts, in order and without gaps: arrays and objects of JSON, and what is around them; or one string of JSON."""
    if _ONE_STRING.fullmatch(text):
        return [Segment(start=0, end=len(text), is_structure=True)]
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
    """Which literals of JSON are worth a look: in which one of the places lies, or right behind which, unless it passes.

    ``places`` are in order, and those of a text of which what is looked at begins at ``start``.
    """

    places: Sequence[int]
    passes: Callable[[str], bool] = lambda _: False
    start: int = 0

    def behind(self, start: int) -> Near:
        """The same for the text from ``start`` on."""
        return Near(self.places, self.passes, self.start + start)

    def in_order(self) -> Iterator[int]:
        """The places in the text, from its start on; behind the last, one that is behind every text."""
        for index in range(bisect_right(self.places, self.start), len(self.places)):
            yield self.places[index] - self.start
        yield sys.maxsize


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

    With ``near`` only what it says, literals with escapes, in which something else may lie than in the text, and names that look
    as if they had been redacted.
    """
    return list(_literals(text, keys or _NoKeys(), near))


_BLANK = r"[ \t\r\n]*+"
_STRING = r'"(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
_QUOTE = re.compile(rf'{_BLANK}"')
_ONE_STRING = re.compile(rf"{_BLANK}{_STRING}{_BLANK}")
# Where an array or object may begin, told by what follows: hardly ever the time or the name at the head of a line of a log.
_START = re.compile(rf"\[(?={_BLANK}[\"\[\]{{\-0-9tfnNI])|\{{(?={_BLANK}[\"}}])")
_GRAMMAR = re.compile(
    rf"{_BLANK}(?:({_STRING})({_BLANK}:)?"
    r"|((?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null|NaN|-?Infinity)(?![\w.+-]))"
    r"|([\[{])|([\]}])|(,))"
)
_TEXT, _NAME, _SCALAR, _OPEN, _CLOSE, _COMMA = range(1, 7)
_JSON_TOKEN = re.compile(
    r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|(?<![\w.+-])(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.])|([\[\]{}])',
    re.DOTALL,
)
# Shorter ones are nobody's by themselves.
_LONG_NUMBER = re.compile(r"-?[0-9]{9,}(?:\.0+)?")
_json_decoder = json.JSONDecoder(strict=False)


def _json_ranges(text: str) -> Iterator[tuple[int, int]]:
    """Arrays and objects, the outermost ones that have an end, in order."""
    start = _START.search(text)
    if start is not None and _is_json(text[start.start() :]):
        yield start.start(), len(text)
        return
    while start is not None:
        found, position = _read(text, start.start())
        yield from found
        start = _START.search(text, position)


def _is_json(text: str) -> bool:
    """Fast, and enough for most of what is JSON as a whole."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


class _Open(msgspec.Struct):
    """An array or object whose end was not met. ``inside``: how many had been found before it."""

    start: int
    end: str
    inside: int


# What may come next: what is in an array or object, its end, or what parts two members.
_FIRST, _NEXT, _VALUE, _AFTER = range(4)


def _read(text: str, start: int) -> tuple[Sequence[tuple[int, int]], int]:
    """Reads one array or object: it, or when it has no end, those inside of it that have one; and where to go on.

    What is wrong lies in all that are open, so none of them needs to be tried again. Only the string before it may be none,
    and its quote the end of another: there it goes on. So no character is read more than a few times.
    """
    found: list[tuple[int, int]] = []
    around: list[_Open] = []
    position, expected = start, _VALUE
    last_text = start
    while token := _GRAMMAR.match(text, position):
        kind = token.lastindex
        if kind == _CLOSE:
            if expected not in {_FIRST, _AFTER} or token[_CLOSE] != around[-1].end:
                break
            closed = around.pop()
            found[closed.inside :] = [(closed.start, token.end())]
            if not around:
                return found, token.end()
            expected = _AFTER
        elif kind == _COMMA:
            if expected != _AFTER:
                break
            expected = _NEXT
        elif expected == _AFTER or (expected != _VALUE and around[-1].end == "}") != (kind == _NAME):
            break
        elif kind == _OPEN:
            around.append(_Open(token.start(_OPEN), "]" if token[_OPEN] == "[" else "}", len(found)))
            expected = _FIRST
        else:
            if kind != _SCALAR:
                last_text = token.start(_TEXT)
            expected = _VALUE if kind == _NAME else _AFTER
        position = token.end()
    return found, max(last_text + 1 if last_text > start else position, found[-1][1] if found else 0)


def _literals(text: str, keys: Keys, near: Near | None) -> Iterator[Layer]:
    key, is_whole = "", keys.goes_whole("")
    # The arrays and objects that are open: their key, whether what they stand in goes whole, and where they begin.
    around: list[tuple[str, bool, int]] = []
    places = (near or Near(())).in_order()
    place = next(places)
    for token in _JSON_TOKEN.finditer(text):
        body, colon, number, sign = token.groups()
        if sign is not None:
            if sign in "[{":
                around.append((key, is_whole, token.start()))
                is_whole = keys.goes_whole(key)
            else:
                key, is_whole, _ = around.pop()
            continue
        start, end = token.span()
        while place <= start:
            place = next(places)
        # In an escape there may be something else than in the text.
        if (
            near is not None
            and (body is None or ("\\" not in body and (colon is None or not _may_be_taken(body))))
            and (place > end or near.passes(body or ""))
        ):
            if colon is not None and not is_whole:
                key = keys.below(around[-1][0], body or "")
        elif number is not None:
            if _LONG_NUMBER.fullmatch(number) or keys.goes_whole(key):
                yield Layer(start=start, end=end, text=number, encode=_as_json, key=key)
        else:
            decoded = _decoded(body)
            start, end = token.span(1)
            is_name = colon is not None
            inside = around[-1][2] if is_name else None
            encode = partial(_rewritten, body, decoded)
            yield Layer(start=start, end=end, text=decoded, encode=encode, key="" if is_name else key, object=inside)
            if is_name and not is_whole:
                key = keys.below(around[-1][0], decoded)


def _rewritten(body: str, said: str, after: str) -> str:
    # Without escapes a literal is written as it reads, and neither placeholders nor masks need any.
    if said is body and '"' not in after and "\\" not in after:
        return after
    return _WRITING.rewritten(body, said, after)


def _may_be_taken(name: str) -> bool:
    """Whether another name may become the same when it is redacted: by a placeholder, a mask, or nothing."""
    return not name or ">" in name or "*" in name


def _decoded(body: str) -> str:
    if "\\" not in body:
        return body
    decoded: str = _json_decoder.decode(f'"{body}"')
    return decoded


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# A lone surrogate can stand in JSON as an escape only; other signs that nobody sees had better be seen.
_TO_ESCAPE = re.compile(r"[^ -~]")


def _inside_json(text: str) -> str:
    inside = json.dumps(text, ensure_ascii=False)[1:-1]
    return inside if inside.isprintable() else _TO_ESCAPE.sub(_escape, inside)


def _escape(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


_WRITING = Writing(
    re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."),
    _decoded,
    _inside_json,
)
