"""Second chances for requests that decoders refuse, so that one bad value does not lose a whole batch.

Senders cut strings in the middle of a character: bytes that are not UTF-8 in protobuf
(https://github.com/open-telemetry/opentelemetry-specification/issues/3421), half a surrogate pair in JSON. They nest values
without end, and write numbers into JSON that it does not have. Decoders refuse the request for it. What is here runs only
after that, and is slow only for what is at fault: the rest is told from it by the decoder. Here are the marks and the
repair of JSON; ``receiver.protobuf_repair`` has that of protobuf.
"""

from __future__ import annotations

import re

from tracedata import Attributes

# The mark that sanitising leaves too; see processors.sanitise.
REPAIRED_KEY = "relayscope.repaired"
INVALID_UTF8 = "invalid_utf8"
LONE_SURROGATE = "lone_surrogate"
NESTING_TOO_DEEP = "nesting_too_deep"
# More brackets than the deepest value that is stored needs, and fewer than the decoder of JSON refuses.
_MAX_BRACKETS = 400

# An escape of JSON: a surrogate pair, half of one, or any other. Matching all of them keeps an escaped backslash before
# a "u" from being taken for an escape.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# Half of a surrogate pair as UTF-8 would have it, if it had any.
_HALF = b"\xed\xa0\x80"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|%s)*+' % _TEXT, re.DOTALL)
_NO_NUMBER = re.compile(rb"%s|-?Infinity|NaN" % _TEXT, re.DOTALL)


def marked(attributes: Attributes, *reasons: str) -> Attributes:
    """``attributes`` with classes of repair beside those that are told already; themselves when there are none."""
    if not reasons:
        return attributes
    known = attributes.get(REPAIRED_KEY)
    classes = {item for item in known if isinstance(item, str)} if isinstance(known, list) else set[str]()
    return {**attributes, REPAIRED_KEY: sorted(classes.union(reasons))}


def mended_json(data: bytes) -> bytes:
    """JSON that can be taken apart: no text in it is looked at yet.

    Its brackets are cut where they are too many; NaN and infinities are the strings that OTLP has for them; halves of
    surrogate pairs are bytes that are not UTF-8, which ``repaired_json`` knows.
    """
    numbers = _NO_NUMBER.sub(
        lambda match: match[0] if match[0][:1] == b'"' else b'"%s"' % match[0], _cut_brackets(data)
    )
    return _ESCAPE.sub(_half_as_bytes, numbers)


def _cut_brackets(data: bytes) -> bytes:
    """Leaves an empty pair in place of what is nested too deep."""
    kept: list[bytes] = []
    depth, place, start = 0, 0, 0
    while True:
        match = _UP_TO_BRACKET.match(data, place)
        place = match.end() if match else len(data)
        bracket = data[place : place + 1]
        if not bracket:
            kept.append(data[start:])
            return b"".join(kept)
        place += 1
        if bracket in b"[{":
            depth += 1
            if depth == _MAX_BRACKETS:
                kept.append(data[start:place])
        else:
            depth -= 1
            if depth == _MAX_BRACKETS - 1:
                start = place - 1


def _half_as_bytes(match: re.Match[bytes]) -> bytes:
    return _HALF if match[1] else match[0]


def text_fault(data: bytes) -> str:
    """The class of what ``repaired_json`` repairs in ``data``."""
    return LONE_SURROGATE if _HALF in data else INVALID_UTF8


def repaired_json(data: bytes) -> bytes:
    """JSON with U+FFFD in place of bytes that are not UTF-8, and of what ``mended_json`` made of halves."""
    return data.replace(_HALF, _REPLACEMENT).decode("utf-8", "replace").encode()
