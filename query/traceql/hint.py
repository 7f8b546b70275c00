"""What was most likely meant where a query cannot be read: habits from other languages, and from other tools."""

from __future__ import annotations

import re

from query.traceql.word import WORDS

_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
_ELSEWHERE = frozenset(
    {"topk", "bottomk", "compare", "with", "nestedSetLeft", "nestedSetRight", "event:timeSinceStart", "^"}
)
_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_DURATION = re.compile(r"\d+(\.\d+)?[A-Za-z]+")
_OF_VALUES = re.compile(r"(?<![\w.:])(?:span:)?(status|kind)\s*(?:=|!=)\s*\Z")
_COMPARED = re.compile(r"[=<>~]\s*\Z")
_VALUES = {kind: ", ".join(f"`{word}`" for word, (of, _) in WORDS.items() if of == kind) for kind in ("status", "kind")}


def hint(text: str, at: int, word: str) -> str:
    """A clause about ``word``, which stands at ``at`` and cannot; empty when nothing comes to mind."""
    before = text[:at]
    for wrong, right in (("==", "="), ("~=", "=~")):
        if text.startswith(wrong, at):
            return f"write `{right}` instead of `{wrong}`"
    if word in _ELSEWHERE or word.startswith("parent."):
        return "this is not in the subset of TraceQL that is answered here"
    if "{" not in before and (_KEY.match(word) or word.startswith(".")):
        return "conditions stand in braces, as in `{ status = error }`"
    if word.startswith("'"):
        return 'text stands in "quotes" or `backticks`'
    return _of_word(before, word)


def _of_word(before: str, word: str) -> str:
    if word.lower() in _OPERATORS:
        return f"write `{_OPERATORS[word.lower()]}`"
    if word.lower() in WORDS:
        return f"write `{word.lower()}`"
    if found := _OF_VALUES.search(before):
        return f"a {found[1]} is one of {_VALUES[found[1]]}"
    if _DURATION.fullmatch(word):
        return "the units of durations are `ns us ms s m h d w y`"
    if not _KEY.fullmatch(word) or not _is_operand(before):
        return ""
    if _COMPARED.search(before):
        return f'text stands in quotes, as in `"{word}"`'
    return f"attributes begin with where they stand: `span.{word}`, `resource.{word}`, or `.{word}` for either"


def _is_operand(before: str) -> bool:
    return before.rstrip().endswith(("{", "(", "&&", "||", "!", "=", "<", ">", "~", "+", "-", "*", "/", "%"))
