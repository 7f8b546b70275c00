"""psycopg's errors in our words: the one place where they are translated."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from tracedata import CallerError, RetryableError

# What PostgreSQL refuses because of the row itself: sending it again cannot help.
ROW_ERRORS = (
    psycopg.DataError,
    psycopg.NotSupportedError,
    errors.ProgramLimitExceeded,
    errors.NotNullViolation,
)
# Two sessions got into each other's way: the same transaction can succeed at once. The tables have no CHECK: its
# violation means that a partition was made while rows on their way to the default one belong to it.
CONFLICT_ERRORS = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
    errors.CheckViolation,
)


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turns database errors into ours; messages name the action and the class, never data.

    Raises:
        CallerError: a parameter is none that PostgreSQL can hold, such as text with a NUL or a lone surrogate.
        RetryableError: everything else.
    """
    try:
        yield
    except (psycopg.DataError, UnicodeEncodeError) as exc:
        raise CallerError(f"{action}: a parameter has a value that cannot be stored or compared") from exc
    except (PoolTimeout, TooManyRequests) as exc:
        raise RetryableError(f"{action}: the database does not answer") from exc
    except psycopg.Error as exc:
        raise RetryableError(f"{action}: {describe(exc)}") from exc


def place_of(error: Exception) -> str:
    """The type of an error that nobody foresaw, and the way through our code. Its text, which can quote data, is not."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


def describe(error: psycopg.Error) -> str:
    """What went wrong, without the server's message, which can quote data."""
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    return f"database error {type(error).__name__}{state}"
