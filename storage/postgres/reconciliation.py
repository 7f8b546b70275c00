"""A sender's account of its spans beside what is stored: the sum that the soak and its tests rest on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from psycopg.rows import dict_row

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("reconciliation.sql")
_COPY = "COPY account (trace_id, span_id, outcome) FROM STDIN (FORMAT BINARY)"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_RECORD_BYTES = 25
_CHUNK_ROWS = 10_000


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of spans.

    ``lost``: acknowledged and not stored. ``duplicated``: stored more often than once, the first not counted.
    ``unacknowledged``: stored, although their sender never heard so. ``unaccounted``: stored, and never sent.
    """

    stored: int
    acknowledged: int
    lost: int
    duplicated: int
    unacknowledged: int
    unaccounted: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost, nothing is there twice, and everything stored is explained."""
        explained = self.acknowledged + self.unacknowledged
        return not (self.lost or self.duplicated or self.unaccounted) and self.stored == explained


async def reconcile(dsn: str, account: bytes, *, acknowledged: int) -> Reconciliation:
    """Compares; the database holds nothing but the spans of the account.

    Args:
        dsn: the database.
        account: records of 25 bytes: trace id, span id, outcome. No span stands twice.
        acknowledged: the outcome that means so.

    Raises:
        RetryableError: the database cannot be asked.
    """
    with translated("reconcile"):
        async with await connect(dsn) as connection:
            await connection.execute(_STATEMENTS["make_account"])
            async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                await copy.write(_HEADER)
                for chunk in _chunks(account):
                    await copy.write(chunk)
                await copy.write(_TRAILER)
            await connection.execute(_STATEMENTS["know_account"])
            counting = connection.cursor(row_factory=dict_row)
            row = await (await counting.execute(_STATEMENTS["compare"], {"acknowledged": acknowledged})).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY has one row
    return Reconciliation(**row)


def _chunks(account: bytes) -> Iterable[bytes]:
    step = _RECORD_BYTES * _CHUNK_ROWS
    for start in range(0, len(account), step):
        chunk = account[start : start + step]
        yield b"".join(_row(chunk, offset) for offset in range(0, len(chunk), _RECORD_BYTES))


def _row(account: bytes, offset: int) -> bytes:
    # Three columns, each after its length: trace id, span id, outcome.
    return (
        b"\0\3\0\0\0\x10"
        + account[offset : offset + 16]
        + b"\0\0\0\x08"
        + account[offset + 16 : offset + 24]
        + b"\0\0\0\2\0"
        + account[offset + 24 : offset + 25]
    )
