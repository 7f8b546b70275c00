"""A login role for each workspace: the boundary of what SQL of users can see and do. See docs/adr/0014.

The role owns nothing, inherits nothing, and may read the views of the schema ``telemetry``. They ask with its rights, and
row-level security shows it the rows of its workspace. Its name begins with that of the database, since roles belong to the whole server.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import quote, urlencode

import msgspec
import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict

from storage.postgres.statement import load_statements
from tracedata import RetryableError

_log = logging.getLogger(__name__)
_STATEMENTS = load_statements("workspace_role.sql")
_MAX_NAME_BYTES = 63
_CONNECTIONS = 20
_CONNECT_TIMEOUT_S = 10
_Connection: TypeAlias = AsyncConnection[tuple[object, ...]]
# Of the owner's URL, what the URL of another user has as well.
_KEPT = ("sslmode", "sslrootcert", "sslnegotiation", "channel_binding", "target_session_attrs", "connect_timeout")
# What nobody needs who reads, in a database that is ours alone. A function that waits, locks, writes, signals or runs SQL
# that is hidden in a text.
_DANGEROUS = (
    *("set_config", "pg_sleep%", "pg_advisory_%", "pg_try_advisory_%", "pg_notify", "pg_logical_emit_message"),
    *("pg_terminate_backend", "pg_cancel_backend", "pg_export_snapshot", "pg_current_xact_id", "txid_current"),
    *("lo\\_%", "loread", "lowrite", "query_to_xml%", "table_to_xml%", "schema_to_xml%", "cursor_to_xml%"),
    *("database_to_xml%", "pg_stat_reset%", "pg_create_%", "pg_switch_wal", "ts_stat"),
)


class RoleBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What sessions of the role may use."""

    statement_timeout_s: float
    work_mem_mb: int
    temp_file_mb: int


class WorkspaceRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role that is there, and the URL with its password."""

    name: str
    dsn: str


def role_name(database: str, workspace_id: int) -> str:
    """The name of a workspace's role: ``relayscope_ws_1`` for the first one of the database ``relayscope``."""
    suffix = f"_ws_{workspace_id}"
    if len((database + suffix).encode()) <= _MAX_NAME_BYTES:
        return database + suffix
    return f"relayscope_{hashlib.sha256(database.encode()).hexdigest()[:16]}{suffix}"


class RoleOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which role is wanted. ``key`` is the secret of which passwords are made.

    In a server of our own, what could harm others is taken from everybody but the owner as well.
    """

    workspace_id: int
    owner_dsn: str
    key: bytes
    bounds: RoleBounds
    is_own_server: bool


async def ensure_role(connection: _Connection, order: RoleOrder) -> WorkspaceRole:
    """Makes the role of a workspace, or brings it into shape. ``connection`` is the owner's, in autocommit.

    Raises:
        RetryableError: the role cannot be made or is none that can be trusted; the message says what to do.
    """
    name = role_name(connection.info.dbname, order.workspace_id)
    password = password_of(order.key, name)
    role = WorkspaceRole(name=name, dsn=dsn_of(connection, order.owner_dsn, name=name, password=password))
    try:
        async with connection.transaction():
            await connection.execute(_STATEMENTS["lock"])
            await _make(connection, name, password=password)
            await _reset(connection, name)
            await _grant(connection, name, workspace_id=order.workspace_id)
            if order.is_own_server:
                await _tighten(connection)
    except errors.InsufficientPrivilege as exc:
        raise RetryableError(
            f"SQL is off: the database's user may not make the role {name}; run ALTER ROLE ... CREATEROLE for it as an "
            "administrator, or connect as the owner of the database"
        ) from exc
    if not await _lets_in(role.dsn):
        await _set_password(connection, name, password=password)
    await _bound(connection, name, bounds=order.bounds)
    return role


def password_of(key: bytes, name: str) -> str:
    """The password of a role: nobody has to keep more than the key."""
    return urlsafe_b64encode(hmac.digest(key, name.encode(), "sha256")).decode().rstrip("=")


def dsn_of(connection: _Connection, owner_dsn: str, *, name: str, password: str) -> str:
    """The owner's place as a URL, for another user."""
    given = conninfo_to_dict(owner_dsn)
    place = {"host": given.get("host") or connection.info.host, "port": given.get("port") or connection.info.port}
    kept = {key: str(given[key]) for key in _KEPT if given.get(key)}
    parameters = {key: str(value) for key, value in {**place, **kept}.items() if value}
    database = quote(connection.info.dbname, safe="")
    return f"postgresql://{quote(name, safe='')}:{quote(password, safe='')}@/{database}?{urlencode(parameters)}"


async def _make(connection: _Connection, name: str, *, password: str) -> None:
    found = await (await connection.execute(_STATEMENTS["role"], {"role": name})).fetchone()
    if found is None:
        await connection.execute(
            sql.SQL(
                "CREATE ROLE {} LOGIN NOSUPERUSER NOINHERIT NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
                "CONNECTION LIMIT {} PASSWORD {}"
            ).format(sql.Identifier(name), _CONNECTIONS, _verifier(connection, name, password))
        )
    elif found[0]:
        raise RetryableError(
            f"SQL is off: the role {name} exists already, and may do more than read, or belongs to another role; "
            "drop it, so that it is made anew"
        )
    superuser = await (await connection.execute(_STATEMENTS["is_superuser"])).fetchone()
    if superuser and not superuser[0]:
        await _let_end_sessions(connection, name)


async def _reset(connection: _Connection, name: str) -> None:
    """Undoes what the role has set for itself: libraries that are not there would keep its sessions from beginning."""
    role, database = sql.Identifier(name), sql.Identifier(connection.info.dbname)
    await connection.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(role))
    await connection.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} RESET ALL").format(role, database))


async def _let_end_sessions(connection: _Connection, name: str) -> None:
    """Lets us end what the role runs, as superusers may anyway."""
    may = await (await connection.execute(_STATEMENTS["own_workspace_role"], {"role": name})).fetchone()
    if may and not may[0]:
        await connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)))


async def _set_password(connection: _Connection, name: str, *, password: str) -> None:
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), _verifier(connection, name, password))
    await connection.execute(statement)


def _verifier(connection: _Connection, name: str, password: str) -> sql.Literal:
    """What the server keeps in place of the password, which so never comes into one of its logs."""
    return sql.Literal(connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode())


async def _grant(connection: _Connection, name: str, *, workspace_id: int) -> None:
    role = sql.Identifier(name)
    await connection.execute(_STATEMENTS["workspace"], {"role": name, "workspace_id": workspace_id})
    await connection.execute(sql.SQL("GRANT USAGE ON SCHEMA telemetry TO {}").format(role))
    await connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION telemetry.fits(integer, integer) TO {}").format(role))
    for view in await _names(connection, "bounded_views"):
        await connection.execute(sql.SQL("GRANT SELECT ON telemetry.{} TO {}").format(sql.Identifier(view), role))
    # The views ask with the role's own rights. Without the right to use the schema, it cannot name what is in it.
    for table in await _names(connection, "bounded_tables"):
        await connection.execute(sql.SQL("GRANT SELECT ON relayscope.{} TO {}").format(sql.Identifier(table), role))
    for view in await _names(connection, "unbounded_views"):
        await connection.execute(
            sql.SQL("REVOKE ALL ON telemetry.{} FROM {}, PUBLIC").format(sql.Identifier(view), role)
        )
    reaches = await (await connection.execute(_STATEMENTS["reaches_tables"], {"role": name})).fetchone()
    if reaches and reaches[0]:
        raise RetryableError(
            f"SQL is off: the role {name} can read tables of the schema relayscope; take back what PUBLIC was granted "
            "there: REVOKE ALL ON SCHEMA relayscope FROM PUBLIC"
        )


async def _names(connection: _Connection, statement: str) -> Sequence[str]:
    return [str(row[0]) for row in await (await connection.execute(_STATEMENTS[statement])).fetchall()]


async def _tighten(connection: _Connection) -> None:
    """Takes from everybody what a reader could harm others with. The owner of our own server is above that."""
    found = await connection.execute(_STATEMENTS["loose_functions"], {"names": list(_DANGEROUS)})
    for (signature,) in await found.fetchall():
        # The catalogue writes it quoted as it has to be.
        await connection.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC".encode())
    database = sql.Identifier(connection.info.dbname)
    await connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))


async def _bound(connection: _Connection, name: str, *, bounds: RoleBounds) -> None:
    """Defaults of the role's sessions. Those that a session may change are kept by ``SqlRunner`` besides."""
    for setting, value in _settings(bounds).items():
        statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
            sql.Identifier(name), sql.Identifier(connection.info.dbname), sql.Identifier(setting), sql.Literal(value)
        )
        try:
            await connection.execute(statement)
        except (errors.InsufficientPrivilege, errors.UndefinedObject, errors.InvalidParameterValue) as exc:
            # Not every server has each of them, and some are for superusers only.
            _log.info("the role %s goes without %s (%s)", name, setting, exc.sqlstate)


def _settings(bounds: RoleBounds) -> dict[str, str]:
    timeout_ms = int(bounds.statement_timeout_s * 1000)
    return {
        "default_transaction_read_only": "on",
        "search_path": "telemetry",
        "statement_timeout": f"{timeout_ms}",
        "transaction_timeout": f"{timeout_ms * 4}",
        "idle_in_transaction_session_timeout": f"{timeout_ms * 2}",
        "idle_session_timeout": "1h",
        "lock_timeout": "5s",
        "client_connection_check_interval": "2s",
        "work_mem": f"{bounds.work_mem_mb}MB",
        "temp_file_limit": f"{bounds.temp_file_mb}MB",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
    }


async def _lets_in(dsn: str) -> bool:
    """Whether the server takes the password. Where it cannot be reached with one at all, setting it again is harmless."""
    try:
        connection = await AsyncConnection.connect(dsn, connect_timeout=_CONNECT_TIMEOUT_S)
    except psycopg.OperationalError:
        return False
    await connection.close()
    return True
