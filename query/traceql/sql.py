"""SQL from templates: each is parsed once, and its placeholders are filled with other trees, never with text."""

from __future__ import annotations

from functools import cache

import sqlglot
from sqlglot import exp

DIALECT = "postgres"
# What can stand beside any operator as it is.
_CLOSED = (exp.Column, exp.Placeholder, exp.Cast, exp.Literal, exp.Boolean, exp.Paren, exp.Subquery, exp.Exists)
_SUBQUERY = (exp.Select, exp.SetOperation)


@cache
def _parsed(template: str) -> exp.Expr:
    tree = sqlglot.parse_one(template, read=DIALECT)
    for node in tree.walk():
        # Where a name stood in the template: of no use, and slow to copy.
        if node.meta_get("line") is not None:
            node.meta.clear()
    return tree


def sql(template: str, **trees: exp.Expr) -> exp.Expr:
    """The template with its placeholders filled; those without a tree stay, as parameters of the statement."""
    tree = _parsed(template).copy()
    for placeholder in list(tree.find_all(exp.Placeholder)):
        if placeholder.name not in trees:
            continue
        filling = _closed(trees[placeholder.name].copy())
        if placeholder is tree:
            return filling
        placeholder.replace(filling)
    return tree


def select(template: str, **trees: exp.Expr) -> exp.Select:
    """The same for a whole SELECT."""
    tree = sql(template, **trees)
    assert isinstance(tree, exp.Select)  # noqa: S101 - narrows the type of a constant
    return tree


def _closed(tree: exp.Expr) -> exp.Expr:
    if isinstance(tree, (*_CLOSED, *_SUBQUERY)) or (isinstance(tree, exp.Func) and not isinstance(tree, exp.Binary)):
        return tree
    return exp.paren(tree, copy=False)


class Binder:
    """Gives values of the query a name, under which the statement has them as parameters."""

    def __init__(self) -> None:
        self.parameters: dict[str, object] = {}

    def bind(self, value: object, type_: str) -> exp.Expr:
        """A parameter of a PostgreSQL type. The same value of the same type is one parameter."""
        names = (name for name, known in self.parameters.items() if type(known) is type(value) and known == value)
        name = next(names, f"v{len(self.parameters)}")
        self.parameters[name] = value
        # jsonpath is a type that sqlglot does not know.
        to = exp.DataType.build(type_, dialect=DIALECT, udt=type_ == "jsonpath")
        return exp.cast(exp.Placeholder(this=name), to)


TRUE = exp.true()
FALSE = exp.false()


def all_of(conditions: list[exp.Expr]) -> exp.Expr:
    """A conjunction; true without conditions."""
    return exp.and_(*conditions) if conditions else TRUE


def any_of(conditions: list[exp.Expr]) -> exp.Expr:
    """A disjunction; false without conditions."""
    return exp.or_(*conditions) if conditions else FALSE
