"""Predicates on what stands inside values, as text: ``input.plan=enterprise``, ``output.allow=false``, ``input.tokens>=1000``."""

from __future__ import annotations

import re
from typing import cast

from storage.decision_reader import PathOperator, PathPredicate, PathRoot
from tracedata import CallerError

_KEY = r'(?:"(?:[^"\\]|\\.)*"|[^."=!<>~\s]+)'
_PREDICATE = re.compile(
    rf"\s*(?P<root>input|output|attributes)(?P<keys>(?:\.{_KEY})*)\s*(?P<operator>!=|<=|>=|=|<|>|~)\s*(?P<text>.*)",
    re.DOTALL,
)
_KEYS = re.compile(rf"\.({_KEY})")
_ESCAPED = re.compile(r"\\(.)")
# What PostgreSQL's numeric reads, no larger than is sensible.
_NUMBER = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_ORDERS = frozenset({"<", "<=", ">", ">="})
_EXPECTED = (
    "expected a place, an operator (=, !=, <, <=, >, >=, ~) and a value, such as input.plan=enterprise, output.allow=false "
    "or input.prompt_tokens>=1000; keys with dots stand in double quotes"
)


def parse_path_predicate(text: str) -> PathPredicate:
    """One predicate. A value in double quotes is text, also where it looks like a number.

    Raises:
        CallerError: it is none.
    """
    found = _PREDICATE.fullmatch(text)
    if found is None:
        raise CallerError(_EXPECTED)
    # cast: the pattern allows nothing else.
    operator = cast("PathOperator", found["operator"])
    value = found["text"].strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    number = value if not is_quoted and _NUMBER.fullmatch(value) else None
    if operator in _ORDERS and number is None:
        raise CallerError(f"{operator} compares numbers, such as input.prompt_tokens{operator}1000")
    return PathPredicate(
        root=cast("PathRoot", found["root"]),
        path=[_plain(key) for key in _KEYS.findall(found["keys"])],
        operator=operator,
        text=_plain(value) if is_quoted else value,
        number=number,
    )


def _plain(text: str) -> str:
    """Without the quotes, if it stands in such."""
    return _ESCAPED.sub(r"\1", text[1:-1]) if text[:1] == text[-1:] == '"' and len(text) > 1 else text
