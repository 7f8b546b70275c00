"""Single connections, with words for what can go wrong before the first statement."""

from __future__ import annotations

import psycopg
from psycopg import AsyncConnection

from tracedata import PermanentError, RetryableError

_TIMEOUT_S = 10


async def connect(dsn: str, *, autocommit: bool = False) -> AsyncConnection:
    """A connection for the time of an ``async with``.

    Raises:
        PermanentError: the URL is malformed. The message leaves it out, since it can hold a password.
        RetryableError: the server does not let us in; the message is its own, and names host, port and user.
    """
    try:
        return await AsyncConnection.connect(dsn, autocommit=autocommit, connect_timeout=_TIMEOUT_S)
    except psycopg.ProgrammingError as exc:
        raise PermanentError("the database URL is malformed; expected postgresql://USER@HOST:PORT/DATABASE") from exc
    except psycopg.OperationalError as exc:
        reason = str(exc).partition("\n")[0]
        raise RetryableError(f"cannot connect to the database: {reason}") from exc
