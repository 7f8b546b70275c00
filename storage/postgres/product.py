"""What is derived of traces, as rows: one description of each kind, and what is done with all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, LiteralString, TypeAlias, TypeVar, cast

import msgspec
from psycopg import AsyncConnection, sql

from storage.derivation import Derived
from storage.postgres import decision_row, interaction_row
from storage.postgres.parcel import DECISION_TABLE, INTERACTION_TABLE
from storage.postgres.partition import AI_INTERACTIONS, DECISIONS, NS_PER_HOUR, Signal
from storage.postgres.statement import load_statements
from storage.postgres.table import Table
from tracedata import Interaction
from tracedata.decision import Decision

_STATEMENTS = load_statements("settlement.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_canonical = msgspec.json.Encoder(order="sorted").encode

Connection = AsyncConnection[Any]
Item = TypeVar("Item", Interaction, Decision)
# Trace id, what tells rows of a trace apart, and the moment in Unix microseconds.
Identity: TypeAlias = tuple[bytes, bytes | str, int]


class Product(msgspec.Struct, Generic[Item], frozen=True, kw_only=True, eq=False):
    """A kind of rows. ``key`` tells items of a trace apart, ``moment_ns`` is what they are partitioned by."""

    signal: Signal
    table: Table
    remove: LiteralString
    of: Callable[[Derived], Sequence[Item]]
    key: Callable[[Item], bytes | str]
    moment_ns: Callable[[Item], int]
    encode: Callable[..., bytes]
    decode: Callable[[Any], Item]
    as_stored: Callable[[Item], Item]

    async def read(self, connection: Connection, workspace_id: int, trace_ids: Sequence[bytes]) -> Sequence[Any]:
        """The rows of some traces. Needs ``configure_reading``, and rows that are named tuples."""
        query = _ROWS.format(
            columns=sql.SQL(", ").join(map(sql.Identifier, self.table.columns)),
            table=sql.Identifier("relayscope", self.table.name),
        )
        cursor = connection.cursor(binary=True)
        await cursor.execute(query, {"workspace_id": workspace_id, "trace_ids": list(trace_ids)})
        return await cursor.fetchall()

    def by_trace(self, rows: Iterable[Any]) -> dict[bytes, list[Item]]:
        """What such rows hold."""
        found: dict[bytes, list[Item]] = {}
        for row in rows:
            found.setdefault(row.trace_id, []).append(self.decode(row))
        return found

    def storable(self, made: Iterable[Item]) -> list[Item]:
        """Items as they are stored, each identity once; raises what no row can hold."""
        found = {self.identity(one): one for one in map(self.as_stored, made)}
        for one in found.values():
            self.encode(one, workspace_id=0)
        return list(found.values())

    def identity(self, one: Item) -> Identity:
        return one.trace_id, self.key(one), self.moment_ns(one) // 1_000

    def difference(self, before: Derived, after: Derived) -> Difference[Item]:
        """What makes of the rows ``before`` those of ``after``, both as they are stored."""
        old = {self.identity(one): one for one in self.of(before)}
        new = {self.identity(one): one for one in self.of(after)}
        return Difference(
            product=self,
            added=[new[identity] for identity in new.keys() - old.keys()],
            removed=[old[identity] for identity in old.keys() - new.keys()],
            changed=[(old[one], new[one]) for one in new.keys() & old.keys() if not same(old[one], new[one])],
        )


_ROWS = sql.SQL("SELECT {columns} FROM {table} WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s)")


class Difference(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """What has to happen to the rows of some traces. ``changed`` has the old and the new one of each."""

    product: Product[Item]
    added: Sequence[Item] = ()
    removed: Sequence[Item] = ()
    changed: Sequence[tuple[Item, Item]] = ()

    @property
    def rows(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)

    @property
    def come(self) -> list[Item]:
        """The rows that are stored by it."""
        return list(self.added) + [new for _, new in self.changed]

    @property
    def gone(self) -> list[Item]:
        """The rows that are removed by it."""
        return list(self.removed) + [old for old, _ in self.changed]

    @property
    def hours(self) -> set[int]:
        """The hours since the epoch to which rows go."""
        return {self.product.moment_ns(one) // NS_PER_HOUR for one in self.come}

    def within(self, trace_ids: set[bytes]) -> Difference[Item]:
        """The part of it that is of some traces."""
        return Difference(
            product=self.product,
            added=[one for one in self.added if one.trace_id in trace_ids],
            removed=[one for one in self.removed if one.trace_id in trace_ids],
            changed=[(old, new) for old, new in self.changed if new.trace_id in trace_ids],
        )

    def fields(self) -> list[str]:
        """The names of the fields in which changed items differ, once for each."""
        return [
            name
            for old, new in self.changed
            for name in new.__struct_fields__
            if getattr(old, name) != getattr(new, name)
        ]

    async def replace(self, connection: Connection, workspace_id: int) -> None:
        """Brings the stored rows to what they should be, in the transaction of the caller.

        Raises:
            psycopg.errors.UniqueViolation: a row was stored meanwhile; begin anew.
        """
        product = self.product
        gone = [product.identity(one) for one in self.gone]
        if gone:
            trace_ids, keys, moments = zip(*gone, strict=True)
            parameters = {
                "workspace_id": workspace_id,
                "trace_ids": list(trace_ids),
                "keys": list(keys),
                "moments": [_EPOCH + timedelta(microseconds=us) for us in moments],
            }
            await connection.execute(product.remove, parameters)
        if self.come:
            rows = [product.encode(one, workspace_id=workspace_id) for one in sorted(self.come, key=product.identity)]
            # Any: a table does not care what rows a connection gives.
            await product.table.copy(cast("AsyncConnection", connection), rows)


def same(one: Item, other: Item) -> bool:
    """Whether two say the same. Not a number is, for once, the same as itself."""
    return one == other or _canonical(one) == _canonical(other)


INTERACTIONS = Product[Interaction](
    signal=AI_INTERACTIONS,
    table=INTERACTION_TABLE,
    remove=_STATEMENTS["remove_interactions"],
    of=lambda derived: derived.interactions,
    key=lambda one: one.span_id,
    moment_ns=lambda one: one.start_time_unix_nano,
    encode=interaction_row.encode_interaction,
    decode=interaction_row.interaction_of,
    as_stored=interaction_row.as_stored,
)
DECIDED = Product[Decision](
    signal=DECISIONS,
    table=DECISION_TABLE,
    remove=_STATEMENTS["remove_decisions"],
    of=lambda derived: derived.decisions,
    key=lambda one: one.id,
    moment_ns=lambda one: one.time_unix_nano,
    encode=decision_row.encode_decision,
    decode=decision_row.decision_of,
    as_stored=decision_row.as_stored,
)
AnyProduct: TypeAlias = Product[Interaction] | Product[Decision]
AnyDifference: TypeAlias = Difference[Interaction] | Difference[Decision]
# In the order in which their rows are written.
PRODUCTS: Sequence[AnyProduct] = (INTERACTIONS, DECIDED)


def storable(derived: Derived) -> Derived:
    """What was derived as it is stored, each identity once; raises what no row can hold."""
    return Derived(
        interactions=INTERACTIONS.storable(derived.interactions),
        decisions=DECIDED.storable(derived.decisions),
    )


def joined(parts: Iterable[Derived]) -> Derived:
    """All of it together."""
    parts = list(parts)
    return Derived(
        interactions=[one for part in parts for one in part.interactions],
        decisions=[one for part in parts for one in part.decisions],
    )


def differences(before: Derived, after: Derived) -> Sequence[AnyDifference]:
    """One of each product."""
    return [product.difference(before, after) for product in PRODUCTS]
