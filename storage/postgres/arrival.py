"""Traces whose interactions have to be settled: noted with what makes it necessary, in the same transaction. See ADR 0010."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from psycopg import AsyncConnection

from storage.postgres.statement import load_statements
from storage.postgres.table import Table

_STATEMENTS = load_statements("arrival.sql")
_ROW = struct.Struct("!hiii16s")
_ID_BYTES = 16

ARRIVAL_COLUMNS = ("workspace_id", "trace_id")
ARRIVAL_TABLE = Table("ai_arrivals", ARRIVAL_COLUMNS)


def encode_arrivals(trace_ids: Iterable[bytes], *, workspace_id: int) -> list[bytes]:
    """A row a trace, in the order of ``ARRIVAL_COLUMNS``."""
    count = len(ARRIVAL_COLUMNS)
    return [_ROW.pack(count, 4, workspace_id, 16, trace_id) for trace_id in trace_ids]


async def wake_waiting(connection: AsyncConnection, traces: Mapping[int, AbstractSet[bytes]]) -> None:
    """Notes an arrival for each of the traces, given by workspace, of which something was missing so far.

    Belongs into the transaction that stores what came. Most of the time no trace waits, and this is one short question.
    """
    if not traces or await (await connection.execute(_STATEMENTS["any_waiting"])).fetchone() is None:
        return
    for workspace_id, trace_ids in traces.items():
        joined = b"".join(trace_ids)
        parameters = {"workspace_id": workspace_id, "trace_ids": joined, "count": len(joined) // _ID_BYTES}
        await connection.execute(_STATEMENTS["wake"], parameters)
