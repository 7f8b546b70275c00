"""What a trace must have a span of to be found at all: the condition by which candidates are looked for, newest first.

It is weaker than the query, and is asked of single spans. Of several that are all necessary, the one is taken that an index
can serve best, judged by its form: what is known of a query does not change with the data, so neither does the order.
"""

from __future__ import annotations

from query.traceql.syntax import (
    Attribute,
    Combination,
    Comparison,
    Expression,
    Filter,
    Intrinsic,
    Literal,
    Logic,
    Pipeline,
    Stage,
    walk,
)
from query.traceql.word import OF_TRACE

_LATER = OF_TRACE | {"span:childCount"}
_IDS = frozenset({"trace:id", "span:id"})


def driver(stage: Stage) -> Expression | None:
    """The condition; None when every span will do."""
    if isinstance(stage, Filter):
        return _relaxed(stage.condition) if stage.condition is not None else None
    if isinstance(stage, Pipeline):
        return _best([driver(inner) for inner in stage.stages])
    if not isinstance(stage, Combination):
        return None
    left, right = driver(stage.left), driver(stage.right)
    if stage.op == "||":
        return None if left is None or right is None else Logic(op="||", operands=(left, right))
    # Of spans without a relative on the left there need be none.
    return right if stage.op[0] == "!" else _best([left, right])


def _relaxed(node: Expression) -> Expression | None:
    """The condition without what only a whole trace can tell; it holds wherever the condition does."""
    if isinstance(node, Logic):
        relaxed = [_relaxed(operand) for operand in node.operands]
        kept = tuple(operand for operand in relaxed if operand is not None)
        if node.op == "||" and len(kept) < len(relaxed):
            return None
        return Logic(op=node.op, operands=kept) if len(kept) > 1 else next(iter(kept), None)
    asks_later = any(isinstance(part, Intrinsic) and part.name in _LATER for part in walk(node))
    return None if asks_later or node == Literal(at=node.at, type="boolean", value=True) else node


def _best(conditions: list[Expression | None]) -> Expression | None:
    return max(conditions, key=_rank, default=None)


def _rank(node: Expression | None) -> int:
    if node is None:
        return 0
    if isinstance(node, Logic):
        ranks = [_rank(operand) for operand in node.operands]
        return max(ranks) if node.op == "&&" else min(ranks)
    if not isinstance(node, Comparison) or node.op != "=":
        return 1
    names = {part.name for part in walk(node) if isinstance(part, Intrinsic | Attribute)}
    return 4 if names & _IDS else 3 if "service.name" in names else 2
