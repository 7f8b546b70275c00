"""Judges the tree of a statement, node by node. A node without a rule is refused, and so is what a rule does not know."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from google.protobuf.message import Message
from postgast import pg_query_pb2 as tree

from query.guard import allowed
from query.guard.position import SqlRefusal, character_at
from query.place import place_at

_ONE_SELECT = "one SELECT is possible, also with WITH or UNION, over the views of the schema telemetry"
# More digits than any measure has; beyond, a few characters make a value of many kilobytes.
_MAX_EXPONENT = 308
_MAX_DIGITS = 400
_FLOAT = re.compile(r"[0-9_.]*(?:[eE]([+-]?[0-9_]+))?")
_CROSSED = "tables side by side need a condition: JOIN ... ON, or WHERE"
# Behind an even number of backslashes, so that the last one is none of a pair.
_BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")
_NO_NAMES: frozenset[str] = frozenset()
_T = TypeVar("_T", bound=Message)


class Verdict(msgspec.Struct, kw_only=True):
    """What was found in a statement that may run."""

    selects: list[tree.SelectStmt] = []
    # The names that WITH had given to queries where a SELECT stands, by its position in ``selects``.
    scopes: list[frozenset[str]] = []


class Judge:
    """Walks over one statement. ``text`` is what was parsed, ``parameter_count`` how many values come with it."""

    def __init__(self, text: str, *, parameter_count: int) -> None:
        self._text = text
        self._bytes = text.encode()
        self._parameter_count = parameter_count
        self._verdict = Verdict()
        self._function_columns: dict[str, frozenset[str]] = {}
        self._location = 0

    def judge(self, statement: Message) -> Verdict:
        """What is in the statement.

        Raises:
            SqlRefusal: it holds something that is on no list.
        """
        if statement.DESCRIPTOR.name != "SelectStmt":
            raise self._refused(statement, f"{_words(statement)} is not possible", hint=_ONE_SELECT)
        self._function_columns = _columns_of_functions(statement)
        self._walk(statement, _NO_NAMES)
        return self._verdict

    def _walk(self, node: Message, names: frozenset[str]) -> None:
        outer, self._location = self._location, _location_of(node, self._location)
        kind = node.DESCRIPTOR.name
        if kind == "SelectStmt":
            self._select(_as(node, tree.SelectStmt), names)
        else:
            rule = _RULES.get(kind)
            if rule is None and kind not in allowed.PLAIN_NODES:
                raise self._refused(node, f"{_words(node)} is not possible", hint=_ONE_SELECT)
            if rule is not None:
                rule(self, node, names)
            self._below(node, names)
        self._location = outer

    def _below(self, node: Message, names: frozenset[str], *, but: str = "") -> None:
        for field, child in _children(node):
            if field != but:
                self._walk(child, names)

    def _select(self, node: tree.SelectStmt, names: frozenset[str]) -> None:
        """A query sees what WITH names, each of them what was named before, or all of them when that is recursive."""
        if node.HasField("with_clause"):
            ctes = [cte.common_table_expr for cte in node.with_clause.ctes]
            seen = names | {cte.ctename for cte in ctes} if node.with_clause.recursive else names
            for cte in ctes:
                self._walk(cte, seen)
                seen |= {cte.ctename}
            names = seen
        self._tables(node)
        self._verdict.selects.append(node)
        self._verdict.scopes.append(names)
        self._below(node, names, but="with_clause")

    def _tables(self, node: tree.SelectStmt) -> None:
        """Tables side by side without any condition are every row with every row: hardly what anybody means."""
        if node.HasField("where_clause"):
            return
        relations = [one for one in node.from_clause if one.HasField("range_var")]
        crossed = [one.join_expr for one in node.from_clause if one.HasField("join_expr") and _is_cross(one.join_expr)]
        if len(relations) > 1 or crossed:
            raise self._refused(opened([*relations[1:], *(join.rarg for join in crossed)][0]), _CROSSED)

    def relation(self, node: Message, names: frozenset[str]) -> None:
        """A view, or what WITH named."""
        relation = _as(node, tree.RangeVar)
        if not relation.catalogname and not relation.schemaname and relation.relname in names:
            return
        is_ours = not relation.catalogname and relation.schemaname in {"", allowed.SCHEMA}
        if is_ours and relation.relname in allowed.VIEWS:
            return
        raise self._refused(
            node,
            f"there is no view of this name: {_shown(relation.relname)}",
            hint=_like(relation.relname, allowed.VIEWS),
        )

    def function(self, node: Message, _names: frozenset[str]) -> None:
        """A function of the list, from the schema that cannot be shadowed."""
        call = _as(node, tree.FuncCall)
        *schema, name = _strings(call.funcname)
        if schema not in ([], ["pg_catalog"]) or name not in allowed.FUNCTIONS:
            called = ".".join((*schema, name))
            raise self._refused(
                node,
                f"this function is not possible: {_shown(called)}",
                hint=_like(name, allowed.FUNCTIONS, only_close=True),
            )

        if name.startswith("regexp_") and len(call.args) > 1:
            self._pattern(call.args[1])

    def _pattern(self, node: tree.Node) -> None:
        """A regular expression. What it refers back to can take time without end."""
        if node.HasField("a_const") and _BACK_REFERENCE.search(node.a_const.sval.sval):
            raise self._refused(node.a_const, "a back reference in a regular expression is not possible")

    def function_in_from(self, node: Message, _names: frozenset[str]) -> None:
        """A function as a table, of which the columns are what it says they are."""
        if _as(node, tree.RangeFunction).coldeflist:
            raise self._refused(node, "a function with a list of column definitions is not possible")

    def expression(self, node: Message, _names: frozenset[str]) -> None:
        """An operator of the list, without a schema."""
        expression = _as(node, tree.A_Expr)
        kind = tree.A_Expr_Kind.Name(expression.kind)
        if _strings(expression.name)[-1:] and "~" in _strings(expression.name)[-1]:
            self._pattern(expression.rexpr)
        operator = ".".join(_strings(expression.name))
        if kind not in allowed.EXPRESSIONS:
            raise self._refused(node, "this comparison is not possible", hint="LIKE, ILIKE and ~ are")
        if kind not in {"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM"}:
            self._operator(node, operator)

    def sub_query(self, node: Message, _names: frozenset[str]) -> None:
        """A query as a value; one that is compared has an operator."""
        link = _as(node, tree.SubLink)
        if link.oper_name:
            self._operator(node, ".".join(_strings(link.oper_name)))

    def sort(self, node: Message, _names: frozenset[str]) -> None:
        """ORDER BY; USING brings an operator."""
        if _as(node, tree.SortBy).use_op:
            raise self._refused(node, "ORDER BY ... USING is not possible", hint="write ASC or DESC")

    def _operator(self, node: Message, operator: str) -> None:
        if operator not in allowed.OPERATORS:
            raise self._refused(node, f"this operator is not possible: {_shown(operator)}")

    def type_name(self, node: Message, _names: frozenset[str]) -> None:
        """A type of the list."""
        found = _as(node, tree.TypeName)
        *schema, name = _strings(found.names) or [""]
        if schema not in ([], ["pg_catalog"]) or name not in allowed.TYPES or found.setof or found.pct_type:
            raise self._refused(
                node, f"this type is not possible: {_shown('.'.join((*schema, name)))}", hint=_like(name, allowed.TYPES)
            )

    def moment(self, node: Message, _names: frozenset[str]) -> None:
        """CURRENT_TIMESTAMP and its like."""
        name = tree.SQLValueFunctionOp.Name(_as(node, tree.SQLValueFunction).op)
        if name not in allowed.TIMES:
            raise self._refused(node, f"{name.removeprefix('SVFOP_')} is not possible")

    def constant(self, node: Message, _names: frozenset[str]) -> None:
        """A constant; of a number, the digits are counted."""
        constant = _as(node, tree.A_Const)
        match = _FLOAT.fullmatch(constant.fval.fval) if constant.HasField("fval") else None
        if match is None:
            return
        exponent = abs(int(match[1] or 0)) if len(match[0]) <= _MAX_DIGITS else _MAX_EXPONENT + 1
        if exponent > _MAX_EXPONENT:
            raise self._refused(node, "a number of so many digits is not possible")

    def parameter(self, node: Message, _names: frozenset[str]) -> None:
        """A parameter for which there is a value."""
        number = _as(node, tree.ParamRef).number
        if not 1 <= number <= self._parameter_count:
            raise self._refused(node, f"there is no value for ${number}; {self._parameter_count} were given")

    def column(self, node: Message, _names: frozenset[str]) -> None:
        """A column. Behind the name of a function in FROM, another name could be a function that is applied to it."""
        fields = [field.string.sval for field in _as(node, tree.ColumnRef).fields]
        if len(fields) < 2 or not fields[-1]:
            return
        columns = self._function_columns.get(fields[-2])
        if columns is not None and fields[-1] not in columns:
            raise self._refused(node, f"the function has no column of this name: {_shown(fields[-1])}")

    def selection(self, node: Message, _names: frozenset[str]) -> None:
        """Elements of arrays, and fields; a field of another name could be a function that is applied."""
        for step in _as(node, tree.A_Indirection).indirection:
            if step.HasField("string") and step.string.sval not in allowed.FIELDS:
                raise self._refused(node, f"this field cannot be selected: {_shown(step.string.sval)}")

    def _refused(self, node: Message, message: str, *, hint: str = "") -> SqlRefusal:
        offset = character_at(self._bytes, _location_of(node, self._location))
        return SqlRefusal(message, place=place_at(self._text, offset), hint=hint)


_Rule: TypeAlias = Callable[[Judge, Message, frozenset[str]], None]
_RULES: Mapping[str, _Rule] = {
    "A_Const": Judge.constant,
    "A_Expr": Judge.expression,
    "A_Indirection": Judge.selection,
    "ColumnRef": Judge.column,
    "FuncCall": Judge.function,
    "ParamRef": Judge.parameter,
    "RangeFunction": Judge.function_in_from,
    "RangeVar": Judge.relation,
    "SQLValueFunction": Judge.moment,
    "SortBy": Judge.sort,
    "SubLink": Judge.sub_query,
    "TypeName": Judge.type_name,
}


def _columns_of_functions(statement: Message) -> dict[str, frozenset[str]]:
    """The columns of each function in FROM by its name there; where a name is used twice, what all of them have."""
    found: dict[str, frozenset[str]] = {}
    for node in descendants(statement, into_queries=True):
        if not isinstance(node, tree.RangeFunction):
            continue
        functions = [_strings(one.list.items[0].func_call.funcname)[-1:] for one in node.functions]
        names = {name for called in functions for name in called}
        alias = node.alias.aliasname
        given = {column.string.sval for column in node.alias.colnames}
        # The value of a single function is called as the function is.
        itself = {alias or next(iter(names), "")} if len(functions) == 1 else names
        columns = frozenset(given or itself) | allowed.FIELDS
        for name in {alias} if alias else names:
            found[name] = found.get(name, columns) & columns
    return found


def descendants(node: Message, *, into_queries: bool = False) -> Iterator[Message]:
    """What is below a node, but not below the queries in it unless that is asked for."""
    for _, child in _children(node):
        yield child
        if into_queries or not isinstance(child, tree.SelectStmt):
            yield from descendants(child, into_queries=into_queries)


def _is_cross(join: tree.JoinExpr) -> bool:
    """Whether a table is joined with another one by nothing."""
    if join.larg.HasField("join_expr") and _is_cross(join.larg.join_expr):
        return True
    has_condition = join.HasField("quals") or join.using_clause or join.is_natural
    return not has_condition and join.rarg.HasField("range_var")


def _children(node: Message) -> Iterator[tuple[str, Message]]:
    """The messages below a node, without the envelope that can hold any of them."""
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        for child in [value] if isinstance(value, Message) else value:
            yield field.name, opened(child)


def opened(node: Message) -> Message:
    """What is in the envelope; an empty one, which stands for DISTINCT without ON, is itself."""
    while node.DESCRIPTOR.name == "Node" and (fields := node.ListFields()):
        node = fields[0][1]
    return node


def _as(node: Message, kind: type[_T]) -> _T:
    """The node of a rule, which is chosen by its kind."""
    if not isinstance(node, kind):
        raise TypeError(f"{node.DESCRIPTOR.name} has the rule of another node")
    return node


def _strings(nodes: Iterable[tree.Node]) -> list[str]:
    return [node.string.sval for node in nodes]


def _location_of(node: Message, otherwise: int) -> int:
    """The byte where a node begins. Nodes without a place of their own stand in one that has."""
    if isinstance(node, tree.IntoClause):
        node = node.rel
    if "location" not in node.DESCRIPTOR.fields_by_name:
        return otherwise
    # Most messages have one; their type is known by name only.
    location = int(getattr(node, "location"))  # noqa: B009 - as above
    return location if location > 0 else otherwise


def _words(node: Message) -> str:
    name = node.DESCRIPTOR.name
    if name in allowed.WORDS:
        return allowed.WORDS[name]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Stmt")).upper()


def _shown(name: str) -> str:
    return name if len(name) <= 64 else f"{name[:64]}..."


def _like(name: str, known: Iterable[str], *, only_close: bool = False) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "" if only_close else f"there are {', '.join(names)}"
