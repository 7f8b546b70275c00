"""Log records as rows of PostgreSQL's binary COPY format; see ``storage.postgres.row``.

``LOG_RECORD_COLUMNS`` is the single source for the order of columns.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from storage.postgres.row import NULL, PG_EPOCH_US, Origin, bigint_field, encode_receipt, jsonb_field, text_field
from tracedata import LogRecord
from tracedata.typed_json import encode_attributes, encode_value

LOG_RECORD_COLUMNS = (
    "workspace_id",
    "trace_id",
    "span_id",
    "fingerprint",
    "time",
    "time_ns",
    "has_time",
    "severity_number",
    "resource_id",
    "scope_id",
    "observed_time",
    "observed_time_ns",
    "flags",
    "dropped_attributes_count",
    "service_name",
    "event_name",
    "severity_text",
    "body",
    "attributes",
    "redactions",
    "ai_trace_id",
)

_WORKSPACE = struct.Struct("!hii")
_MEASURES = struct.Struct("!iqihi?ihiqiq")
_TIME = struct.Struct("!iqih")
_FINGERPRINT_LENGTH = struct.pack("!i", 8)
_LENGTH = struct.Struct("!i")


def encode_log_row(record: LogRecord, origin: Origin) -> bytes:
    """One row in the order of ``LOG_RECORD_COLUMNS``. Its fingerprint covers everything that the sender sent: all else but the last two."""
    time_us, time_ns = divmod(record.moment_unix_nano, 1000)
    has_time = record.time_unix_nano != 0
    observed = record.observed_time_unix_nano if has_time else 0
    body = b"".join(
        (
            _MEASURES.pack(
                8,
                time_us - PG_EPOCH_US,
                2,
                time_ns,
                1,
                has_time,
                2,
                record.severity_number,
                8,
                origin.resource_id,
                8,
                origin.scope_id,
            ),
            _TIME.pack(8, observed // 1000 - PG_EPOCH_US, 2, observed % 1000) if observed else NULL + NULL,
            bigint_field(record.flags) if record.flags else NULL,
            bigint_field(record.dropped_attributes_count) if record.dropped_attributes_count else NULL,
            origin.service_field,
            text_field(record.name),
            text_field(record.severity_text) if record.severity_text else NULL,
            jsonb_field(encode_value(record.body)) if record.body is not None else NULL,
            jsonb_field(encode_attributes(record.attributes)) if record.attributes else NULL,
        )
    )
    identity = b"".join(
        (
            _WORKSPACE.pack(len(LOG_RECORD_COLUMNS), 4, origin.workspace_id),
            _id_field(record.trace_id),
            _id_field(record.span_id),
            _FINGERPRINT_LENGTH,
        )
    )
    digest = blake2b(identity, digest_size=8)
    digest.update(body)
    receipt = jsonb_field(encode_receipt(record)) if record.redactions else NULL
    place = _id_field(record.ai_trace_id) if record.ai_trace_id else NULL
    return identity + digest.digest() + body + receipt + place


def _id_field(one: bytes) -> bytes:
    return _LENGTH.pack(len(one)) + one
