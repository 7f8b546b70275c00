"""What PostgreSQL says of a user's statement, for that user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from storage.postgres.error import describe
from storage.sql import SqlFailure
from tracedata import RetryableError

# Classes of SQLSTATE in which the statement is at fault: data, cardinality, syntax and access, what is not supported,
# limits of the program. https://www.postgresql.org/docs/current/errcodes-appendix.html
_STATEMENT_CLASSES = ("0A", "20", "21", "22", "2F", "34", "39", "42", "54")
_DENIED = "this may not be read or called"


@contextmanager
def failure_of(*, ended: Callable[[], str], offset: int) -> Iterator[None]:
    """Turns errors of a user's statement into ours.

    The server's own sentences are passed on where they speak of the statement: whoever sees them may see what they
    quote. They belong in an answer, never in a log. ``offset`` is how many characters stand before the statement, and ``ended`` says why
    it was ended when it was.

    Raises:
        SqlFailure: the statement is at fault.
        RetryableError: the database is.
    """
    try:
        yield
    except (errors.QueryCanceled, errors.AdminShutdown, errors.TransactionTimeout) as exc:
        raise SqlFailure(ended()) from exc
    except errors.LockNotAvailable as exc:
        raise RetryableError("SQL: what is asked for is being changed; try again") from exc
    except errors.ConfigurationLimitExceeded as exc:
        raise SqlFailure("the query needs more temporary disk space than it may have: ask for less") from exc
    except errors.InsufficientPrivilege as exc:
        raise SqlFailure(_DENIED, position=_position(exc, offset)) from exc
    except psycopg.Error as exc:
        if (exc.sqlstate or "")[:2] in _STATEMENT_CLASSES:
            raise SqlFailure(
                exc.diag.message_primary or describe(exc),
                position=_position(exc, offset),
                hint=exc.diag.message_hint or "",
            ) from exc
        if isinstance(exc, psycopg.DataError | psycopg.ProgrammingError):
            # psycopg itself refused a parameter.
            raise SqlFailure("a parameter has a value that cannot be sent") from exc
        raise RetryableError(f"SQL: {describe(exc)}") from exc


def _position(error: psycopg.Error, offset: int) -> int | None:
    position = int(error.diag.statement_position or 0) - 1 - offset
    return position if position >= 0 else None
