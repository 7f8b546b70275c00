"""Refusals of a statement, and where its characters went when the text was changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from query.place import Place, PlacedError


class SqlRefusal(PlacedError):  # noqa: N818 - it is no failure of ours
    """A statement that is not run; ``hint`` is what could be done instead."""

    def __init__(self, message: str, *, place: Place | None = None, hint: str = "") -> None:
        where = f"line {place.line}, column {place.column}: " if place else ""
        super().__init__(f"{where}{message}" + (f" ({hint})" if hint else ""), place=place)
        self.hint = hint


class Splice(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` stands in place of the characters from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def character_at(text: bytes, offset: int) -> int:
    """The character that begins at a byte."""
    return len(text[: max(offset, 0)].decode(errors="ignore"))


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text with every splice in it; they do not overlap."""
    parts: list[str] = []
    done = 0
    for splice in sorted(splices, key=lambda one: one.start):
        parts += (text[done : splice.start], splice.text)
        done = splice.end
    return "".join((*parts, text[done:]))


def original_offset(offset: int, splices: Sequence[Splice]) -> int:
    """Where a character of the spliced text stood; one within a splice stood where that begins."""
    shift = 0
    for splice in sorted(splices, key=lambda one: one.start):
        start = splice.start + shift
        if offset < start:
            break
        if offset < start + len(splice.text):
            return splice.start
        shift += len(splice.text) - (splice.end - splice.start)
    return offset - shift
