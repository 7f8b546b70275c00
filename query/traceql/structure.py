"""How sets of spans are combined, in SQL: by logic, and by where their spans are in the tree of their trace.

``left_set`` and ``right_set`` stand for the operands, ``reach`` for the relation that a recursive one adds, ``w`` for all spans
that the query can match: the way from an ancestor to a descendant goes through those, whatever they are.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from query.traceql.sql import select, sql

_IN_EITHER = (
    "SELECT s.* FROM w AS s WHERE (s.trace_id, s.span_id, s.start_time, s.fingerprint) IN ("
    "SELECT l.trace_id, l.span_id, l.start_time, l.fingerprint FROM left_set AS l "
    "UNION SELECT r.trace_id, r.span_id, r.start_time, r.fingerprint FROM right_set AS r)"
)
_IN_BOTH = (
    "s.trace_id IN (SELECT l.trace_id FROM left_set AS l) AND s.trace_id IN (SELECT r.trace_id FROM right_set AS r)"
)
COMBINATIONS = frozenset({"&&", "||"})
INVERSES: Mapping[str, str] = {">": "<", "<": ">", ">>": "<<", "<<": ">>", "~": "~"}
# ``s`` is of the right set. Roots have no parent, so they are nobody's siblings.
_RELATED: Mapping[str, str] = {
    ">": "SELECT 1 FROM left_set AS l WHERE l.trace_id = s.trace_id AND l.span_id = s.parent_span_id",
    "<": "SELECT 1 FROM left_set AS l WHERE l.trace_id = s.trace_id AND l.parent_span_id = s.span_id",
    "~": "SELECT 1 FROM left_set AS l WHERE l.trace_id = s.trace_id AND l.parent_span_id = s.parent_span_id "
    "AND (l.span_id, l.start_time, l.fingerprint) <> (s.span_id, s.start_time, s.fingerprint)",
    ">>": "SELECT 1 FROM reach AS d WHERE d.trace_id = s.trace_id AND d.span_id = s.parent_span_id",
    "<<": "SELECT 1 FROM reach AS d WHERE d.trace_id = s.trace_id AND d.span_id = s.span_id",
}
_HAVING = "SELECT s.* FROM right_set AS s WHERE EXISTS (%(relatives)s)"
_LACKING = "SELECT s.* FROM right_set AS s WHERE NOT EXISTS (%(relatives)s)"
# Ids of the left set and of all below, or of all above. A span is below by its parent, not by its own id, since different spans
# can share one. UNION leaves out what was reached already, so a circle of parents ends.
_REACHES: Mapping[str, str] = {
    ">>": "SELECT l.trace_id, l.span_id FROM left_set AS l "
    "UNION SELECT k.trace_id, k.span_id FROM w AS k JOIN reach AS d "
    "ON k.trace_id = d.trace_id AND k.parent_span_id = d.span_id",
    "<<": "SELECT l.trace_id, l.parent_span_id AS span_id FROM left_set AS l WHERE NOT l.parent_span_id IS NULL "
    "UNION SELECT k.trace_id, k.parent_span_id FROM w AS k JOIN reach AS d "
    "ON k.trace_id = d.trace_id AND k.span_id = d.span_id WHERE NOT k.parent_span_id IS NULL",
}


def combined(op: str, *, left: str, right: str) -> exp.Expr:
    """The spans of ``left && right`` or ``left || right``, each once."""
    tree = select(_IN_EITHER)
    if op == "&&":
        tree = tree.where(sql(_IN_BOTH), copy=False)
    return _renamed(tree, left_set=left, right_set=right)


def reached(op: str, *, left: str, name: str) -> exp.Expr | None:
    """The relation ``name`` of all below or above ``left``; None when the operator needs none."""
    return _renamed(sql(_REACHES[op]), left_set=left, reach=name) if op in _REACHES else None


def related(op: str, *, left: str, right: str, reach: str, is_negated: bool = False) -> exp.Expr:
    """The spans of ``right`` that have one of ``left`` as the operator says, or have none."""
    template = _LACKING if is_negated else _HAVING
    tree = sql(template, relatives=sql(_RELATED[op]))
    return _renamed(tree, left_set=left, right_set=right, reach=reach)


def _renamed(tree: exp.Expr, **names: str) -> exp.Expr:
    for table in tree.find_all(exp.Table):
        if table.name in names:
            table.set("this", exp.to_identifier(names[table.name]))
    return tree
