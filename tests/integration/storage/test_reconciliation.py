"""The sum of the soak finds what it is there to find."""

from __future__ import annotations

from collections.abc import Sequence

from storage.postgres.reconciliation import Reconciliation, reconcile
from tests.support.database import rows
from tests.support.factory import span
from tests.support.store import Store
from tracedata import Span

_ACKNOWLEDGED, _UNKNOWN = 2, 0


def _account(spans: Sequence[Span], outcome: int) -> bytes:
    return b"".join(one.trace_id + one.span_id + bytes([outcome]) for one in spans)


async def test_everything_is_where_it_should_be(postgres_store: Store, shared_postgres_dsn: str) -> None:
    acknowledged, unheard, gone = [[span() for _ in range(count)] for count in (5, 2, 3)]
    await postgres_store.put(*acknowledged, *unheard)
    account = _account(acknowledged, _ACKNOWLEDGED) + _account([*unheard, *gone], _UNKNOWN)

    found = await reconcile(shared_postgres_dsn, account, acknowledged=_ACKNOWLEDGED)

    assert found == Reconciliation(stored=7, acknowledged=5, lost=0, duplicated=0, unacknowledged=2, unaccounted=0)
    assert found.is_exact


async def test_nothing_is_where_it_should_be(postgres_store: Store, shared_postgres_dsn: str) -> None:
    twice, lost, stranger = span(), span(), span()
    await postgres_store.put(twice, stranger)
    # Not as redelivery would do it, which the unique index forbids.
    await rows(
        shared_postgres_dsn,
        "INSERT INTO relayscope.spans (start_time, duration_ns, fingerprint, resource_id, scope_id, workspace_id, "
        "start_time_ns, kind, status_code, trace_id, span_id, service_name, name) "
        "SELECT start_time, duration_ns, fingerprint + 1, resource_id, scope_id, workspace_id, "
        "start_time_ns, kind, status_code, trace_id, span_id, service_name, name "
        "FROM relayscope.spans WHERE span_id = %(id)s",
        {"id": twice.span_id},
    )

    found = await reconcile(shared_postgres_dsn, _account([twice, lost], _ACKNOWLEDGED), acknowledged=_ACKNOWLEDGED)

    assert found == Reconciliation(stored=3, acknowledged=2, lost=1, duplicated=1, unacknowledged=0, unaccounted=1)
    assert not found.is_exact
