"""Single connections, with words for what can go wrong before the first statement."""

from __future__ import annotations

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.postgres.statement import load_statements
from tracedata import PermanentError, RetryableError

_STATEMENTS = load_statements("connection.sql")
_TIMEOUT_S = 10
# A host that vanishes says nothing: the operating system alone would wait for it for a quarter of an hour.
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}


def noticing_silence(dsn: str) -> str:
    """The same place, with a connection that breaks within half a minute after its host has vanished.

    What the URL says about it stays; Unix sockets do not need it.
    """
    return make_conninfo("", **{**_KEEPALIVE, **conninfo_to_dict(dsn)})


async def connect(dsn: str, *, autocommit: bool = False) -> AsyncConnection:
    """A connection for the time of an ``async with``.

    Raises:
        PermanentError: the URL is malformed. The message leaves it out, since it can hold a password.
        RetryableError: the server does not let us in; the message is its own, and names host, port and user.
    """
    try:
        connection = await AsyncConnection.connect(
            dsn, autocommit=autocommit, connect_timeout=_TIMEOUT_S, client_encoding="utf8"
        )
    except psycopg.ProgrammingError as exc:
        raise PermanentError("the database URL is malformed; expected postgresql://USER@HOST:PORT/DATABASE") from exc
    except psycopg.OperationalError as exc:
        reason = str(exc).partition("\n")[0]
        raise RetryableError(f"cannot connect to the database: {reason}") from exc
    await write_times_plainly(connection)
    return connection


async def write_times_plainly(connection: AsyncConnection) -> None:
    """Lets a fresh session write times in the one form that is read without doubt."""
    await connection.execute(_STATEMENTS["write_times_plainly"])
    if not connection.autocommit:
        await connection.commit()
