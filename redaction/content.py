"""Which parts of message content somebody has written, and pieces of them that a model can be given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from redaction.detector import DetectionError
from redaction.json_layer import json_layers, may_have_json, segments
from redaction.key_verdict import KeyVerdict

# Makes another text of what was written, for which the given entities are not looked for.
Leaf = Callable[[str, frozenset[str]], str]

_MAX_DEPTH = 5
_WORD = re.compile(r"[^\W\d_]{2}")
# What messages say about themselves, in every convention: nobody writes these.
_STRUCTURE = frozenset("role type id call_id tool_call_id finish_reason mime_type modality model object".split())


def is_structure(key: str) -> bool:
    """Whether the value below a key, or below the name of a member of JSON, is a role, a type, an id, or the like."""
    return key.rpartition(".")[2] in _STRUCTURE


class ContentWalk:
    """Goes through texts, and through JSON in them, to what was written there; ``leaf`` says what becomes of it."""

    def __init__(self, verdict_of: Callable[[str], KeyVerdict], leaf: Leaf) -> None:
        self._verdict_of = verdict_of
        self._leaf = leaf

    def value(self, text: str, key: str) -> str:
        """The value of an attribute. JSON in it keeps its form."""
        verdict = self._verdict_of(key)
        return text if verdict.is_free else self._text(text, verdict.exempt, 1)

    def document(self, text: str, is_content: Callable[[str], bool]) -> str:
        """JSON that has attributes in it, of which only those are looked into whose keys are ``is_content``."""
        parts: list[str] = []
        position = 0
        for start, end in _members(text, is_content):
            parts += [text[position:start], self._json(text[start:end], frozenset(), 1)]
            position = end
        return "".join([*parts, text[position:]])

    def _text(self, text: str, exempt: frozenset[str], depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise DetectionError("encodings are nested too deeply")
        if not may_have_json(text):
            return self._prose(text, exempt)
        pieces = [(text[part.start : part.end], part.is_structure) for part in segments(text)]
        return "".join(
            self._json(piece, exempt, depth) if is_json else self._prose(piece, exempt) for piece, is_json in pieces
        )

    def _prose(self, text: str, exempt: frozenset[str]) -> str:
        return self._leaf(text, exempt) if _WORD.search(text) else text

    def _json(self, text: str, exempt: frozenset[str], depth: int) -> str:
        parts: list[str] = []
        position = 0
        for layer in json_layers(text):
            verdict = self._verdict_of(layer.key)
            if layer.is_name or verdict.is_free or is_structure(layer.key):
                continue
            after = self._text(layer.text, exempt | verdict.exempt, depth + 1)
            if after != layer.text:
                parts += [text[position : layer.start], layer.encode(after)]
                position = layer.end
        return "".join([*parts, text[position:]]) if parts else text


_COLON = re.compile(r'"\s*:\s*')
_decoder = json.JSONDecoder(strict=False)


def _members(text: str, is_wanted: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Where the outermost values are whose names are wanted."""
    position = 0
    for layer in json_layers(text):
        colon = _COLON.match(text, layer.end) if layer.is_name and layer.start >= position else None
        if colon is None or not is_wanted(layer.text):
            continue
        try:
            _, position = _decoder.raw_decode(text, colon.end())
        except (ValueError, RecursionError):
            return
        yield colon.end(), position


_MAX_CHARS = 2_000
# Images and files in base64, in which nobody is named.
_BLOB = re.compile(r"[A-Za-z0-9+/=_\-]{200,}")
# Where a long text is best cut: behind a paragraph, a line, a sentence, a word, or a sentence without spaces.
_CUTS = tuple(map(re.compile, (r"\n[ \t\r]*\n", r"\n", r"[.!?](?=\s)", r"\s", r"[.!?]")))


def chunks(text: str) -> Sequence[tuple[int, int]]:
    """The parts of a text that a model should see, none of them long, in order. A text without words has none."""
    parts: list[tuple[int, int]] = []
    position = 0
    for blob in _BLOB.finditer(text):
        parts += _cut(text, position, blob.start())
        position = blob.end()
    parts += _cut(text, position, len(text))
    return [(start, end) for start, end in parts if _WORD.search(text, start, end)]


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _MAX_CHARS:
        until = _last_cut(text, start + _MAX_CHARS // 2, start + _MAX_CHARS)
        yield start, until
        start = until
    yield start, end


def _last_cut(text: str, start: int, end: int) -> int:
    for cut in _CUTS:
        ends = [match.end() for match in cut.finditer(text, start, end)]
        if ends:
            return ends[-1]
    return end
