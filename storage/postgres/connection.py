"""Single connections, with words for what can go wrong before the first statement.

libpq's own sentences are never passed on: they may quote a part of a URL that was written wrongly, such as a password.
"""

from __future__ import annotations

import asyncio

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.postgres.statement import load_statements
from tracedata import CallerError, RetryableError

_STATEMENTS = load_statements("connection.sql")
CONNECT_TIMEOUT_S = 10
_SHOWN = ("host", "port", "dbname", "user")
UNREADABLE = "a URL that is not well formed (is the password escaped, as in %40 for @?)"
_MALFORMED = (
    "the database URL is not well formed; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with what is special "
    "in the password escaped (%40 for @)"
)

_REASONS = (
    ("password authentication failed", "the server does not accept the user or the password"),
    ("no password supplied", "the server wants a password"),
    ("eer authentication failed", "the server lets only its own users in through this socket"),
    ("no pg_hba.conf entry", "the server's pg_hba.conf does not let this user in from here"),
    ("does not exist", "the server has no such database or user"),
    ("permission denied", "this user may not connect"),
    ("could not translate host name", "the host name is not known"),
    ("failed to resolve host", "the host name is not known"),
    ("Connection refused", "nothing listens there"),
    ("No such file or directory", "nothing listens there"),
    ("timeout", "the server does not answer in time"),
    ("timed out", "the server does not answer in time"),
    ("starting up", "the server is starting"),
    ("shutting down", "the server is shutting down"),
    ("too many", "the server has no connection left"),
    ("remaining connection slots", "the server has no connection left"),
    ("SSL", "the two sides do not agree on encryption"),
    ("invalid", "the connection URL has a part that is not valid"),
)

# A host that vanishes says nothing: the operating system alone would wait for it for a quarter of an hour.
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}


def noticing_silence(dsn: str) -> str:
    """The same place, with a connection that breaks within half a minute after its host has vanished.

    What the URL says about it stays; Unix sockets do not need it.
    """
    return make_conninfo("", **{**_KEEPALIVE, **conninfo_to_dict(dsn)})


async def connect(dsn: str, *, autocommit: bool = False, timeout_s: int = CONNECT_TIMEOUT_S) -> AsyncConnection:
    """A connection for the time of an ``async with``.

    Raises:
        CallerError: the URL is malformed. The message leaves it out, since it can hold a password.
        RetryableError: the server does not let us in; the message says where and why, in our words.
    """
    check_url(dsn)
    try:
        connection = await AsyncConnection.connect(
            dsn, autocommit=autocommit, connect_timeout=timeout_s, client_encoding="utf8"
        )
    except psycopg.ProgrammingError as exc:
        raise CallerError(_MALFORMED) from exc
    except psycopg.Error as exc:
        text = str(exc)
        reason = next((reason for fragment, reason in _REASONS if fragment in text), "the connection fails")
        raise RetryableError(f"cannot connect to the database at {describe_url(dsn)}: {reason}") from exc
    try:
        await write_times_plainly(connection)
    except (psycopg.Error, asyncio.CancelledError):
        # Nobody else knows of it yet.
        await connection.close()
        raise
    return connection


def check_url(dsn: str) -> None:
    """Looks at the form only; nothing is connected.

    Raises:
        CallerError: the URL is malformed, or a character of its password that was not escaped ended it too early.
    """
    if describe_url(dsn) == UNREADABLE:
        raise CallerError(_MALFORMED)


def describe_url(dsn: str) -> str:
    """Host, port, database and user of a connection URL, without its password; ``UNREADABLE`` when that is not safe."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return UNREADABLE
    shown = {key: str(parts[key]) for key in _SHOWN if parts.get(key)}
    # A character of the password that was not escaped moves its end into what follows it.
    is_misread = any("@" in shown.get(key, "") for key in ("host", "port", "dbname"))
    if is_misread or not shown.get("port", "0").replace(",", "").isdecimal():
        return UNREADABLE
    return " ".join(f"{key}={value}" for key, value in shown.items())


async def write_times_plainly(connection: AsyncConnection) -> None:
    """Lets a fresh session write times in the one form that is read without doubt."""
    await connection.execute(_STATEMENTS["write_times_plainly"])
    if not connection.autocommit:
        await connection.commit()
