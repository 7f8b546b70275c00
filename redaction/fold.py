"""Text as it reads: without invisible characters, with look-alikes of digits, signs and spaces as ASCII has them.

What is folded away hides personal data from patterns. Offsets lead back to the text as it was sent.
Source: Unicode Standard Annex 15 (compatibility characters), Technical Report 36 (invisible characters).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import msgspec

# Invisible in every script: soft hyphen, zero-width characters, direction marks, variation selectors, tags.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f"

# The planes from here on have ideographs, tags and private characters. Every process goes through the others when it starts.
_BEHIND_LOOK_ALIKES = 0x20000


def _look_alikes() -> dict[int, str]:
    """Every character that stands for one of ASCII: digits of any script, full-width forms, odd spaces and dashes."""
    table: dict[int, str] = {}
    for code in range(0x80, _BEHIND_LOOK_ALIKES):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            table[code] = str(unicodedata.digit(character))
        elif category == "Zs":
            table[code] = " "
        elif category == "Pd":
            table[code] = "-"
        elif 0xFF01 <= code <= 0xFF5E:
            table[code] = chr(code - 0xFEE0)
    return table | {0x2024: ".", 0x3002: ".", 0xFE52: ".", 0xFF61: ".", 0xFE6B: "@", 0x2212: "-"}


_TABLE = _look_alikes()
_INVISIBLE_ANY = re.compile(f"[{_INVISIBLE}]")
_VISIBLE_RUN = re.compile(f"[^{_INVISIBLE}]+")
_ASCII = bytes(range(0x80))
_FOLDABLE = re.compile("[" + "".join(map(re.escape, map(chr, _TABLE))) + _INVISIBLE + "]")


class Folded(msgspec.Struct, frozen=True):
    """``offsets[i]`` is where the folded character i stood; one more tells the end. None: each where it was."""

    text: str
    offsets: Sequence[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where the folded characters ``start`` to ``end`` (excluded) stood."""
        if self.offsets is None:
            return start, end
        # Up to behind the last character, not to the next one: what is invisible between them stays with the next.
        return self.offsets[start], self.offsets[end - 1] + 1


def fold(text: str) -> Folded:
    """The text as it reads. ASCII, and text without anything to fold, comes back as the same object."""
    if text.isascii() or _FOLDABLE.search(_beyond_ascii(text)) is None:
        return Folded(text)
    if _INVISIBLE_ANY.search(text) is None:
        return Folded(text.translate(_TABLE))
    offsets: list[int] = []
    parts: list[str] = []
    for run in _VISIBLE_RUN.finditer(text):
        offsets.extend(range(run.start(), run.end()))
        parts.append(run[0])
    offsets.append(len(text))
    return Folded("".join(parts).translate(_TABLE), offsets)


def _beyond_ascii(text: str) -> str:
    """The characters that are not ASCII: few in most texts, and the only ones that can be folded."""
    return text.encode(errors="surrogatepass").translate(None, _ASCII).decode(errors="surrogatepass")


def readings(text: str) -> Sequence[Folded]:
    """The text as it reads, and once more with line breaks for what is invisible: it may part two values as well as cut one."""
    folded = fold(text)
    if folded.offsets is None:
        return (folded,)
    return folded, Folded(_INVISIBLE_ANY.sub("\n", text).translate(_TABLE))
