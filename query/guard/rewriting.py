r"""Lets conditions on a hexadecimal trace id use the index, which holds bytes.

``trace_id = '5b8e...'`` becomes ``trace_key = '\x5b8e...'``. Only what certainly means the same is changed: the column is
one of a view in FROM of the same SELECT, and it is compared with 32 lower-case digits, or with the trace id of another view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from postgast import pg_query_pb2 as tree
from postgast import scan

from query.guard import allowed
from query.guard.position import Splice, character_at
from query.guard.verdict import Verdict, descendants

_HEX = re.compile(r"[0-9a-f]{32}")


def rewritten(text: str, verdict: Verdict, parameters: Sequence[object]) -> Sequence[Splice]:
    """What to put in place of what."""
    rewriting = _Rewriting(text, parameters)
    for select, names in zip(verdict.selects, verdict.scopes, strict=True):
        rewriting.select(select, names)
    return rewriting.splices


class _Rewriting:
    def __init__(self, text: str, parameters: Sequence[object]) -> None:
        self._bytes = text.encode()
        self._parameters = parameters
        self._ends: dict[int, int] | None = None
        self.splices: list[Splice] = []

    def select(self, select: tree.SelectStmt, names: frozenset[str]) -> None:
        sources = _sources(select, names)
        if not any(sources.values()):
            return
        for node in descendants(select):
            if isinstance(node, tree.A_Expr):
                self._comparison(node, sources)

    def _comparison(self, node: tree.A_Expr, sources: Mapping[str, str]) -> None:
        if [one.string.sval for one in node.name] != ["="]:
            return
        left, right = node.lexpr, node.rexpr
        if node.kind == tree.AEXPR_IN and _view(left, sources):
            values = [self._value(item) for item in right.list.items]
            if values and all(values):
                self._swap(left.column_ref)
                self.splices += [one for one in values if one is not None]
        elif node.kind == tree.AEXPR_OP:
            self._equality(left, right, sources)

    def _equality(self, left: tree.Node, right: tree.Node, sources: Mapping[str, str]) -> None:
        views = (_view(left, sources), _view(right, sources))
        if all(views):
            if not allowed.SOMETIMES_UNTRACED.issuperset(views):
                self._swap(left.column_ref)
                self._swap(right.column_ref)
            return
        if not any(views):
            return
        column, other = (left, right) if views[0] else (right, left)
        value = self._value(other)
        if value is not None:
            self._swap(column.column_ref)
            self.splices.append(value)

    def _value(self, node: tree.Node) -> Splice | None:
        """The bytes in place of a constant or a parameter."""
        if node.HasField("a_const") and _HEX.fullmatch(node.a_const.sval.sval):
            return self._splice(node.a_const.location, f"'\\x{node.a_const.sval.sval}'::bytea")
        if node.HasField("param_ref"):
            number = node.param_ref.number
            given = self._parameters[number - 1]
            if isinstance(given, str) and _HEX.fullmatch(given):
                return self._splice(node.param_ref.location, f"decode(${number}, 'hex')")
        return None

    def _swap(self, column: tree.ColumnRef) -> None:
        """Puts the key in place of the id."""
        ends = self._tokens()
        start = column.location
        for _ in column.fields[1:]:
            # The name before the dot, the dot, and then what comes next.
            start = _next(ends, _next(ends, start))
        self.splices.append(self._splice(start, allowed.TRACE_KEY))

    def _splice(self, start: int, text: str) -> Splice:
        end = self._tokens()[start]
        return Splice(start=character_at(self._bytes, start), end=character_at(self._bytes, end), text=text)

    def _tokens(self) -> dict[int, int]:
        """Where each token ends, by where it begins."""
        if self._ends is None:
            tokens = scan(self._bytes.decode()).tokens
            comments = {tree.SQL_COMMENT, tree.C_COMMENT}
            self._ends = {token.start: token.end for token in tokens if token.token not in comments}
        return self._ends


def _next(ends: Mapping[int, int], start: int) -> int:
    return min(one for one in ends if one > start)


def _sources(select: tree.SelectStmt, names: frozenset[str]) -> Mapping[str, str]:
    """What FROM names, and the view that it is, if it is one with a key. With the empty name when it is the only one."""
    found: dict[str, str] = {}
    for node in select.from_clause:
        for alias, view in _named(node, names):
            found[alias] = "" if alias in found else view
    if len(found) == 1:
        found[""] = next(iter(found.values()))
    return found


def _named(node: tree.Node, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    if node.HasField("join_expr"):
        yield from _named(node.join_expr.larg, names)
        yield from _named(node.join_expr.rarg, names)
        if node.join_expr.HasField("alias"):
            yield node.join_expr.alias.aliasname, ""
    elif node.HasField("range_var"):
        relation = node.range_var
        is_view = relation.relname in allowed.KEYED_VIEWS and (relation.schemaname or relation.relname not in names)
        # Renamed columns are others.
        is_view = is_view and not relation.alias.colnames
        yield relation.alias.aliasname or relation.relname, relation.relname if is_view else ""
    else:
        # Whatever else it is, it is not the only one any more.
        yield f"\0{id(node)}", ""


def _view(node: tree.Node, sources: Mapping[str, str]) -> str:
    """The view of which this is the trace id; nothing when it is none."""
    if not node.HasField("column_ref"):
        return ""
    fields = [field.string.sval for field in node.column_ref.fields]
    if fields[-1] != allowed.TRACE_ID or len(fields) > 2:
        return ""
    return sources.get(fields[0] if len(fields) == 2 else "", "")
