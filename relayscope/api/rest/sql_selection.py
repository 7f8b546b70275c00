"""Decisions that a query of a user names: through the guard, and by the role of the workspace, as any other query."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from query.guard.guard import check_sql
from relayscope.api.rest.sql import SqlAccess, refusal_of
from storage.replay import DecisionKey
from storage.sql import Cell, SqlColumn, SqlFailure, SqlStatement
from tracedata import CallerError

_DECISION_ID, _TRACE_ID = "decision_id", "trace_id"


async def select_decisions(access: SqlAccess, workspace_id: int, sql: str) -> Collection[DecisionKey]:
    """The decisions whose ids the query returns, each once.

    Raises:
        CallerError: the query is refused, fails, names no decisions, or more than ``access`` allows.
        RetryableError: the database cannot be reached, or is busy.
    """
    guarded = check_sql(sql)
    statement = SqlStatement(text=guarded.text, max_rows=access.max_rows, max_bytes=access.max_bytes)
    try:
        async with access.store.run(workspace_id, statement) as rows:
            places = _places(rows.columns)
            keys = {_key(row, places) async for chunk in rows.chunks() for row in chunk}
            is_cut = rows.is_cut
    except SqlFailure as exc:
        raise refusal_of(exc, guarded) from exc
    if is_cut:
        raise CallerError(f"sql: the query names more than {access.max_rows:,} decisions, or too many bytes; narrow it")
    return keys


def _places(columns: Sequence[SqlColumn]) -> tuple[int, int | None]:
    """Where the ids of decisions and of traces are in a row."""
    names = [column.name for column in columns]
    if names.count(_DECISION_ID) != 1 or names.count(_TRACE_ID) > 1:
        raise CallerError(
            f"sql: the query must return one column {_DECISION_ID}, and may return one column {_TRACE_ID}"
        )
    wrong = [column for column in columns if column.name in {_DECISION_ID, _TRACE_ID} and column.type != "text"]
    if wrong:
        raise CallerError(f"sql: {wrong[0].name} is of the type {wrong[0].type}; it must be as the view has it")
    return names.index(_DECISION_ID), names.index(_TRACE_ID) if _TRACE_ID in names else None


def _key(row: Sequence[Cell], places: tuple[int, int | None]) -> DecisionKey:
    decision, trace = places
    decision_id = (row[decision] or b"").decode()
    if trace is None:
        return DecisionKey(decision_id)
    try:
        return DecisionKey(decision_id, bytes.fromhex((row[trace] or b"").decode()))
    except ValueError as exc:
        raise CallerError(f"sql: {_TRACE_ID} is not always a trace id") from exc
