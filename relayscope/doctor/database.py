"""The database: can it be reached, is it new enough, durable, and ours to use?"""

from __future__ import annotations

from collections.abc import Sequence

from relayscope.doctor.finding import Finding, failed, ok, size, warning
from storage.inspection import DEFAULT_SPANS_LIMIT, DatabaseState, Inspector
from tracedata import RelayscopeError

_NAME, _SCHEMA, _DURABILITY, _RIGHTS, _PARTITIONS = "database", "schema", "durability", "rights", "partitions"


async def check_database(inspector: Inspector, dsn: str) -> Sequence[Finding]:
    """Connects once and judges what is there."""
    try:
        state = await inspector.database(dsn)
    except RelayscopeError as exc:
        return [failed(_NAME, str(exc), advice=_advice(str(exc)))]
    return [
        check_server(state, place=inspector.describe_url(dsn)),
        check_schema(state),
        check_durability(state),
        check_rights(state),
        check_partitions(state),
    ]


def _advice(reason: str) -> str:
    if reason.endswith("nothing listens there"):
        return "Start that server, or correct host and port in --database-url."
    return "Are user, password and database in --database-url right, and may the user read the schema relayscope?"


def check_nothing_runs() -> Finding:
    return ok(_NAME, "not running; the embedded PostgreSQL starts with `relayscope up`")


def check_server(state: DatabaseState, *, place: str) -> Finding:
    detail = f"PostgreSQL {state.server_version} at {place}, {size(state.size_bytes)}"
    if not state.is_server_supported:
        return failed(_NAME, detail, advice="Upgrade the server: PostgreSQL 15 or newer is needed.")
    return ok(_NAME, detail)


def check_schema(state: DatabaseState) -> Finding:
    found, wanted = state.schema_version, state.program_schema_version
    if found is None:
        advice = "Run `relayscope migrate`; `relayscope up` also does it."
        return warning(_SCHEMA, "not made yet", advice=advice)
    if found < wanted:
        advice = "Run `relayscope migrate`; `relayscope up` also does it."
        return warning(_SCHEMA, f"version {found}, this program needs {wanted}", advice=advice)
    if found > wanted:
        advice = "Upgrade this program: a newer one has changed the schema."
        return failed(_SCHEMA, f"version {found}, this program knows {wanted}", advice=advice)
    return ok(_SCHEMA, f"version {found}")


def check_durability(state: DatabaseState) -> Finding:
    settings = {
        "fsync": state.fsync,
        "full_page_writes": state.full_page_writes,
    }
    off = [name for name, is_on in settings.items() if not is_on]
    if off:
        advice = (
            "Turn them on in postgresql.conf: without them a crash can lose spans that were acknowledged, and `up` starts "
            "only with --allow-data-loss-on-crash."
        )
        return failed(_DURABILITY, f"off: {', '.join(off)}", advice=advice)
    if not state.synchronous_commit:
        return ok(
            _DURABILITY, "fsync, full_page_writes are on; synchronous_commit is off by default, on for our writers"
        )
    return ok(_DURABILITY, f"{', '.join(settings)}, synchronous_commit are on")


def check_rights(state: DatabaseState) -> Finding:
    rights = {
        "create a schema in the database": state.can_create_schema,
        "create tables in the schema relayscope": state.can_create_tables,
        "add partitions to the table of spans": state.owns_tables,
    }
    missing = [right for right, is_given in rights.items() if not is_given]
    if missing:
        advice = "Connect as the owner of the database, or as the user that made the schema."
        return failed(_RIGHTS, f"the user may not {', nor '.join(missing)}", advice=advice)
    return ok(_RIGHTS, "the user may create what is needed")


def check_partitions(state: DatabaseState) -> Finding:
    is_many = state.default_spans >= DEFAULT_SPANS_LIMIT
    outside = f"{state.default_spans:,}{' or more' if is_many else ''}"
    detail = (
        f"{state.partitions} {_noun(state.partitions, 'partition')}, "
        f"{outside} {_noun(state.default_spans, 'span')} with a time outside them"
    )
    if is_many:
        advice = "Senders' clocks are wrong, or they send old data: searches over those times are slow."
        return warning(_PARTITIONS, detail, advice=advice)
    return ok(_PARTITIONS, detail)


def _noun(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
