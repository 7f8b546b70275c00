"""Statements that the guard lets through, made up from a seed: over every view and column, in every shape that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from query.guard.allowed import KEYED_VIEWS
from storage.sql import View
from tests.support.sql_database import CANARY, SHARED_TRACE

_T = TypeVar("_T")
_NUMBERS = frozenset(("float8", "int8", "int4", "int2", "numeric"))
_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")
_JOINS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


class Grammar:
    """Makes statements, always the same ones of a seed."""

    def __init__(self, views: Sequence[View], *, seed: int) -> None:
        self._random = Random(seed)
        self._columns = {view.name: {column.name: column.type for column in view.columns} for view in views}
        self._aliases = 0

    def statement(self) -> str:
        """One SELECT."""
        return self._pick(self._SHAPES)(self)

    def _plain(self) -> str:
        view, alias = self._source()
        return (
            f"SELECT {self._pick(['', 'DISTINCT '])}{self._targets(view, alias)} FROM {view} AS {alias}"
            f"{self._where(view, alias)} {self._pick(['', 'ORDER BY 1', 'ORDER BY 1 DESC', 'LIMIT 3 OFFSET 1'])}"
        )

    def _everything(self) -> str:
        view, alias = self._source()
        row = self._pick([f"{alias}.*", alias, f"to_jsonb({alias})", f"jsonb_agg({alias})", f"array_agg({alias})"])
        return f"SELECT {row} FROM {self._pick(['', 'telemetry.'])}{view} AS {alias}{self._where(view, alias)}"

    def _aggregate(self) -> str:
        view, alias = self._source()
        column = self._column(view, alias)
        wanted = self._pick(
            [
                "count(*)",
                f"max({column}::text)",
                f"string_agg({column}::text, ',')",
                f"jsonb_agg(DISTINCT {column}::text)",
                f"{self._pick(['sum', 'max', 'avg', 'min'])}({self._number(view, alias)})",
                f"percentile_cont(0.9) WITHIN GROUP (ORDER BY {self._number(view, alias)}::float8)",
                f"count(*) FILTER (WHERE {self._condition(view, alias)})",
            ]
        )
        group = self._column(view, alias)
        grouping = self._pick(["", f" GROUP BY {group}", f" GROUP BY ROLLUP ({group})"])
        return f"SELECT {wanted} FROM {view} AS {alias}{self._where(view, alias)}{grouping}"

    def _join(self) -> str:
        (one, a), (other, b) = self._source(), self._source()
        condition = self._pick(
            [
                f"{self._column(one, a)}::text = {self._column(other, b)}::text",
                f"{self._condition(one, a)} AND {self._condition(other, b)}",
                "true",
                *([f"{a}.trace_id = {b}.trace_id"] if {one, other} <= KEYED_VIEWS else []),
            ]
        )
        return (
            f"SELECT {self._targets(one, a)}, {self._targets(other, b)} FROM {one} AS {a} "
            f"{self._pick(_JOINS)} {other} AS {b} ON {condition} {self._pick(['', 'LIMIT 50'])}"
        ).replace("FULL JOIN", "FULL JOIN" if condition == "true" else "LEFT JOIN")

    def _nested(self) -> str:
        (view, alias), (other, b) = self._source(), self._source()
        here = self._column(view, alias)
        there = f"SELECT b.n FROM (SELECT {self._column(other, b)}::text AS n FROM {other} AS {b}) AS b"
        return self._pick(
            [
                f"SELECT x.* FROM ({self._plain()}) AS x",
                f"WITH w AS ({self._plain()}) SELECT * FROM w UNION ALL SELECT * FROM w",
                f"WITH w AS MATERIALIZED (SELECT {b}.* FROM {other} AS {b}) SELECT count(*), max(w::text) FROM w",
                f"SELECT ({self._scalar()}), {self._column(view, alias)} FROM {view} AS {alias}",
                f"SELECT 1 FROM {view} AS {alias} WHERE EXISTS ({self._plain()}) OR {self._condition(view, alias)}",
                f"SELECT {self._column(view, alias)} FROM {view} AS {alias} WHERE {here}::text IN ({there})",
                f"SELECT x.n FROM {view} AS {alias} CROSS JOIN LATERAL ({there} WHERE b.n::text = {here}::text) AS x",
                f"({self._scalar()}) UNION ({self._scalar()})",
                f"({self._scalar()}) EXCEPT ({self._scalar()})",
            ]
        )

    def _window(self) -> str:
        view, alias = self._source()
        function = self._pick(["lag", "lead", "first_value", "last_value", "max", "min"])
        return (
            f"SELECT {function}({self._column(view, alias)}::text) OVER (PARTITION BY {self._column(view, alias)} "
            f"ORDER BY {self._number(view, alias)}), row_number() OVER () FROM {view} AS {alias}"
        )

    def _json(self) -> str:
        view, alias, column = self._pick(
            [
                ("spans", "j", "attributes"), ("spans", "j", "resource"), ("log_records", "j", "resource"),
                ("traces", "j", "root_attributes"), ("log_records", "j", "attributes"),
                ("decisions", "j", "input"), ("decisions", "j", "output"), ("decision_traces", "j", "final_outcome"),
            ]
        )  # fmt: skip
        return self._pick(
            [
                f"SELECT e.key, e.value FROM {view} AS {alias}, jsonb_each_text({alias}.{column}) AS e",
                f"SELECT {alias}.{column} ->> 'http.route' FROM {view} AS {alias} WHERE {alias}.{column} ? 'n'",
                f"SELECT jsonb_path_query({alias}.{column}, '$.*') FROM {view} AS {alias}",
                f"SELECT jsonb_pretty({alias}.{column}) FROM {view} AS {alias} WHERE {alias}.{column} @> '{{}}'",
            ]
        )

    _SHAPES: Sequence[Callable[[Grammar], str]] = (
        _plain,
        _plain,
        _everything,
        _aggregate,
        _join,
        _nested,
        _window,
        _json,
    )

    def _scalar(self) -> str:
        view, alias = self._source()
        return f"SELECT {self._pick(['max', 'min'])}({self._column(view, alias)}::text) FROM {view} AS {alias}"

    def _targets(self, view: str, alias: str) -> str:
        return ", ".join(self._value(view, alias) for _ in range(self._random.randint(1, 3)))

    def _value(self, view: str, alias: str) -> str:
        column = self._column(view, alias)
        return self._pick(
            [
                column,
                f"{column}::text",
                f"upper({column}::text)",
                f"coalesce({column}::text, '-')",
                f"CASE WHEN {self._condition(view, alias)} THEN {column}::text END",
                f"{self._number(view, alias)} * 2",
                f"substring({column}::text FROM 1 FOR 20)",
                # An error in a value must tell nothing either.
                f"1 / (CASE WHEN {column}::text LIKE '%{CANARY}%' THEN 0 ELSE 1 END)",
            ]
        )

    def _where(self, view: str, alias: str) -> str:
        if self._random.random() < 0.4:
            return ""
        conditions = [self._condition(view, alias) for _ in range(self._random.randint(1, 3))]
        return " WHERE " + self._pick([" AND ", " OR "]).join(conditions)

    def _condition(self, view: str, alias: str) -> str:
        column = self._column(view, alias)
        key = next(name for name in ("trace_id", "service_name", "source") if name in self._columns[view])
        trace = f"{alias}.{key} = '{SHARED_TRACE.hex()}'"
        return self._pick(
            [
                "true",
                "NOT false",
                trace,
                f"{column}::text LIKE '%{CANARY}%'",
                f"{column}::text ~* '{CANARY}|own'",
                f"{column} IS {self._pick(['', 'NOT '])}NULL",
                f"{self._number(view, alias)} {self._pick(_COMPARISONS)} {self._random.randint(0, 90_000)}",
                f"{column}::text = ANY (ARRAY['{CANARY} 1', 'own 1', '{CANARY}-service'])",
                f"{alias}::text LIKE '%{CANARY}%'",
            ]
        )

    def _source(self) -> tuple[str, str]:
        self._aliases += 1
        return self._pick(list(self._columns)), f"t{self._aliases}"

    def _column(self, view: str, alias: str) -> str:
        return f"{alias}.{self._pick(list(self._columns[view]))}"

    def _number(self, view: str, alias: str) -> str:
        numbers = [name for name, kind in self._columns[view].items() if kind in _NUMBERS]
        return f"{alias}.{self._pick(numbers)}"

    def _pick(self, options: Sequence[_T]) -> _T:
        return self._random.choice(options)
