"""What a store offers to those who bring SQL of their own: one statement at a time, in the eyes of one workspace.

The statement is one that ``query.guard`` has let through. A store takes it for hostile all the same: what it may see and
cost is bounded by the role that runs it, not by what it says. See docs/adr/0014.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import msgspec

from tracedata import CallerError

Scalar: TypeAlias = str | int | float | bool | None
Parameter: TypeAlias = Scalar | Sequence[Scalar]
# A value in PostgreSQL's text form; None is NULL.
Cell: TypeAlias = bytes | None


class SqlColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of an answer. ``type`` is PostgreSQL's name of the type, such as ``timestamptz`` or ``text[]``."""

    name: str
    type: str


class SqlStatement(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is one SELECT, with ``$1`` and so on for the parameters. What exceeds a bound is cut off."""

    text: str
    parameters: Sequence[Parameter] = ()
    max_rows: int
    max_bytes: int


class SqlFailure(CallerError):  # noqa: N818 - the families of errors are few, and this is one of CallerError
    """A statement that PostgreSQL refused or gave up. The text quotes nothing but the statement and its own workspace.

    Attributes:
        position: where in the statement, in characters from 0; None when nobody knows.
        hint: what could be meant, if anybody knows.
    """

    def __init__(self, message: str, *, position: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.position = position
        self.hint = hint


class SqlRows(Protocol):
    """An answer while it comes."""

    columns: Sequence[SqlColumn]

    def chunks(self) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        """Some rows after some, until all are there or a bound is met. To be walked once.

        Raises:
            SqlFailure: the statement fails in the middle.
            RetryableError: the database does.
        """
        ...

    @property
    def is_cut(self) -> bool:
        """Whether there was more, once ``chunks`` has ended."""
        ...


class ViewColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a view."""

    name: str
    type: str
    description: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view that can be asked."""

    name: str
    description: str
    columns: Sequence[ViewColumn]


class SqlStore(Protocol):
    """Runs SQL of users."""

    def run(self, workspace_id: int, statement: SqlStatement) -> AbstractAsyncContextManager[SqlRows]:
        """Runs the statement. The first rows are there, or it is known to have none, when the block is entered.

        Leaving the block, or cancelling the task, ends what still runs.

        Raises:
            SqlFailure: the statement fails, or takes too long.
            RetryableError: the database cannot be reached, is busy, or has no role for the workspace; the message says why.
        """
        ...

    async def views(self) -> Sequence[View]:
        """What can be asked, with descriptions."""
        ...

    async def dsn(self, workspace_id: int) -> str:
        """The URL with which other programs read the workspace. It holds a password.

        Raises:
            RetryableError: there is none; the message says why.
        """
        ...
