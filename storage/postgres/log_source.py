"""Log records from rows, for those who ask for the records of some spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from storage.postgres.reader import decode_receipt
from storage.postgres.reading import Row
from tracedata import LogRecord, Resource, Scope, Value
from tracedata.typed_json import decode_attributes, from_json

_decode_json = msgspec.json.Decoder().decode


def decode_log_records(
    rows: Sequence[Row], *, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]
) -> Sequence[LogRecord]:
    """Log records from rows and the dictionary entries that they refer to, in the order of the rows."""
    return [_record(row, resource=resources[row.resource_id], scope=scopes[row.scope_id]) for row in rows]


def _record(row: Row, *, resource: Resource, scope: Scope) -> LogRecord:
    moment = row.time * 1_000 + row.time_ns
    observed = (row.observed_time * 1_000 + (row.observed_time_ns or 0)) if row.observed_time is not None else 0
    receipt = decode_receipt(row.redactions)
    return LogRecord(
        resource=resource,
        scope=scope,
        trace_id=row.trace_id,
        span_id=row.span_id,
        flags=row.flags or 0,
        time_unix_nano=moment if row.has_time else 0,
        observed_time_unix_nano=observed if row.has_time else moment,
        severity_number=row.severity_number,
        severity_text=row.severity_text or "",
        event_name=row.event_name,
        body=_body(row.body),
        attributes=decode_attributes(row.attributes),
        dropped_attributes_count=row.dropped_attributes_count or 0,
        redactions=receipt.entities,
        redacted_keys=receipt.keys,
        redaction_policy=receipt.policy,
    )


def _body(data: bytes | None) -> Value:
    return None if data is None else from_json(_decode_json(data))
