"""Spans as rows of PostgreSQL's binary COPY format. The hot path: measured by ``make bench``.

``SPAN_COLUMNS`` is the single source for the order of columns. ``storage.postgres.table`` says where rows go.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

import msgspec

from storage.postgres.jsonb import encode_events, encode_links
from tracedata import LogRecord, Resource, Scope, Span
from tracedata.typed_json import encode_attributes

SPAN_COLUMNS = (
    "workspace_id",
    "trace_id",
    "span_id",
    "fingerprint",
    "start_time",
    "start_time_ns",
    "duration_ns",
    "kind",
    "status_code",
    "resource_id",
    "scope_id",
    "parent_span_id",
    "service_name",
    "name",
    "attributes",
    "flags",
    "trace_state",
    "status_message",
    "events",
    "links",
    "dropped_attributes_count",
    "dropped_events_count",
    "dropped_links_count",
    "redactions",
    "chunk",
)
# PostgreSQL counts microseconds from 2000-01-01.
PG_EPOCH_US = 946_684_800_000_000
# Long names may not exceed an index entry (2,704 bytes); the resource keeps the whole one.
MAX_SERVICE_NAME_CHARS = 255

_IDENTITY = struct.Struct("!hiii16si8si")
_MEASURES = struct.Struct("!iqihiqihihiqiq")
_LENGTH = struct.Struct("!i")
_BIGINT = struct.Struct("!iq")
_INTEGER = struct.Struct("!ii")
NULL = b"\xff\xff\xff\xff"
_NULLS_8 = NULL * 8
_JSONB = b"\x01"
_COLUMN_COUNT = len(SPAN_COLUMNS)

_pack_length = _LENGTH.pack
_pack_measures = _MEASURES.pack
_encode_json = msgspec.json.Encoder().encode


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What all rows of one resource and scope in a batch share: the dictionary ids and the encoded service name."""

    workspace_id: int
    resource_id: int
    scope_id: int
    service_name: str
    service_field: bytes


def origin_of(resource: Resource, scope: Scope, *, workspace_id: int) -> Origin:
    """The shared part of the rows of one resource and scope."""
    service_name = resource.service_name[:MAX_SERVICE_NAME_CHARS]
    return Origin(
        workspace_id=workspace_id,
        resource_id=resource_id_of(resource),
        scope_id=scope_id_of(scope),
        service_name=service_name,
        service_field=text_field(service_name),
    )


def content_id(*parts: bytes) -> int:
    """A signed 64-bit BLAKE2b of the parts and of where each one ends."""
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(_pack_length(len(part)))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big", signed=True)


def resource_id_of(resource: Resource) -> int:
    """The id of a resource in its dictionary."""
    dropped = _BIGINT.pack(8, resource.dropped_attributes_count)
    return content_id(encode_attributes(resource.attributes), resource.schema_url.encode(), dropped)


def scope_id_of(scope: Scope) -> int:
    """The id of a scope in its dictionary."""
    dropped = _BIGINT.pack(8, scope.dropped_attributes_count)
    attributes = encode_attributes(scope.attributes)
    return content_id(scope.name.encode(), scope.version.encode(), scope.schema_url.encode(), attributes, dropped)


def encode_row(span: Span, origin: Origin, *, chunk: bytes = NULL) -> bytes:
    """One row in the order of ``SPAN_COLUMNS``. Its fingerprint covers everything else in the row but the last two columns.

    A span that comes again after the policy has changed is the same one as long as what is stored of it is the same.
    ``chunk`` is a field; a span without is found without the index of attributes.
    """
    start_us, start_ns = divmod(span.start_time_unix_nano, 1000)
    parent = span.parent_span_id
    name = span.name.encode()
    attributes = encode_attributes(span.attributes) if span.attributes else b""
    body = b"".join(
        (
            _pack_measures(
                8,
                start_us - PG_EPOCH_US,
                2,
                start_ns,
                8,
                span.end_time_unix_nano - span.start_time_unix_nano,
                2,
                span.kind,
                2,
                span.status_code,
                8,
                origin.resource_id,
                8,
                origin.scope_id,
            ),
            _pack_length(8) + parent if parent else NULL,
            origin.service_field,
            _pack_length(len(name)),
            name,
            _pack_length(len(attributes) + 1) + _JSONB + attributes if attributes else NULL,
            _rare_fields(span) if _has_rare_fields(span) else _NULLS_8,
        )
    )
    identity = _IDENTITY.pack(_COLUMN_COUNT, 4, origin.workspace_id, 16, span.trace_id, 8, span.span_id, 8)
    digest = blake2b(identity, digest_size=8)
    digest.update(body)
    return identity + digest.digest() + body + (jsonb_field(encode_receipt(span)) if span.redactions else NULL) + chunk


def _has_rare_fields(span: Span) -> bool:
    return bool(
        span.flags
        or span.events
        or span.status_message
        or span.trace_state
        or span.links
        or span.dropped_attributes_count
        or span.dropped_events_count
        or span.dropped_links_count
    )


def _rare_fields(span: Span) -> bytes:
    return b"".join(
        (
            bigint_field(span.flags) if span.flags else NULL,
            text_field(span.trace_state) if span.trace_state else NULL,
            text_field(span.status_message) if span.status_message else NULL,
            jsonb_field(encode_events(span.events)) if span.events else NULL,
            jsonb_field(encode_links(span.links)) if span.links else NULL,
            bigint_field(span.dropped_attributes_count) if span.dropped_attributes_count else NULL,
            bigint_field(span.dropped_events_count) if span.dropped_events_count else NULL,
            bigint_field(span.dropped_links_count) if span.dropped_links_count else NULL,
        )
    )


def encode_receipt(span: Span | LogRecord) -> bytes:
    """JSON text of what redaction replaced."""
    return _encode_json(
        {"entities": dict(span.redactions), "keys": dict(span.redacted_keys), "policy": span.redaction_policy}
    )


def text_field(value: str) -> bytes:
    """A value of type text with its length."""
    data = value.encode()
    return _pack_length(len(data)) + data


def bigint_field(value: int) -> bytes:
    """A value of type bigint with its length."""
    return _BIGINT.pack(8, value)


def integer_field(value: int) -> bytes:
    """A value of type integer with its length."""
    return _INTEGER.pack(4, value)


def jsonb_field(data: bytes) -> bytes:
    """A value of type jsonb, from its text, with its length."""
    return _pack_length(len(data) + 1) + _JSONB + data
