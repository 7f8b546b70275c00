"""TraceQL as text becomes a tree, or a ``QueryError`` that says where and what is possible there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from query.traceql.check import check
from query.traceql.failure import QueryError
from query.traceql.hint import hint
from query.traceql.reading import read_query
from query.traceql.syntax import Query
from query.traceql.word import terminal_name

MAX_CHARS = 8_192
MAX_DEPTH = 40
_LARK = Lark(
    files("query.traceql").joinpath("grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    propagate_positions=True,
    maybe_placeholders=False,
    cache=False,
)
_PATTERNS = {terminal.name: terminal.pattern.value for terminal in _LARK.terminals}
_MAX_FOUND_CHARS = 40


def parse(text: str) -> Query:
    """The checked tree of a query.

    Raises:
        QueryError: it is none, or outside the subset.
    """
    if len(text) > MAX_CHARS:
        raise QueryError(text, at=MAX_CHARS, reason=f"a query has at most {MAX_CHARS} characters")
    try:
        tree = _LARK.parse(text)
    except UnexpectedInput as exc:
        raise _unexpected(text, exc) from exc
    _check_depth(text, tree)
    query = read_query(text, tree)
    check(query)
    return query


def _unexpected(text: str, exc: UnexpectedInput) -> QueryError:
    if isinstance(exc, UnexpectedToken):
        at = len(text) if exc.token.type == "$END" else exc.token.start_pos or 0
        return _refusal(text, at, word=str(exc.token), expected=_expected(exc.accepts or exc.expected))
    # Lark's declaration of the position says None.
    at = int(getattr(exc, "pos_in_stream", None) or 0)
    names = exc.allowed if isinstance(exc, UnexpectedCharacters) else None
    return _refusal(text, at, word=_word_at(text, at), expected=_expected(names or ()))


def _refusal(text: str, at: int, *, word: str, expected: Sequence[str]) -> QueryError:
    found = _found(word)
    meant = hint(text, at, word)
    reason = f"found {found}; {meant}" if meant else ""
    return QueryError(text, at=at, reason=reason, found=found, expected=expected)


def _word_at(text: str, at: int) -> str:
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] in "_.:"):
        end += 1
    return text[at : max(end, at + 1)]


def _found(word: str) -> str:
    return f"`{word[:_MAX_FOUND_CHARS]}`" if word else "the end"


def _expected(names: Iterable[str]) -> list[str]:
    return sorted({terminal_name(name, _PATTERNS.get(name, name)) for name in names})


def _check_depth(text: str, tree: Tree[Token]) -> None:
    """Bounds what recursion meets below this. Chains of equal operators are flat, so only nesting counts."""
    waiting = [(tree, 1)]
    while waiting:
        current, depth = waiting.pop()
        if depth > MAX_DEPTH:
            at = getattr(current.meta, "start_pos", 0)
            raise QueryError(text, at=at, reason="this is nested too deeply")
        waiting += [(child, depth + 1) for child in current.children if isinstance(child, Tree)]
