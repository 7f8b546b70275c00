"""A row, read back field by field as PostgreSQL reads it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import msgspec
import pytest
from msgspec.structs import replace

from storage.postgres.row import (
    MAX_SERVICE_NAME_CHARS,
    PG_EPOCH_US,
    SPAN_COLUMNS,
    encode_row,
    origin_of,
    resource_id_of,
    scope_id_of,
)
from storage.postgres.table import COPY_HEADER, COPY_TRAILER
from tests.support.factory import (
    BASE_US,
    MAX_UINT64,
    SpanFields,
    full_resource,
    full_scope,
    full_span,
    resent,
    resource,
    span,
)
from tracedata import Attributes, Event, Link, Resource, Scope, Span, SpanKind

_ALWAYS = {
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
    "service_name",
    "name",
}
CHANGES: Mapping[str, SpanFields] = {
    "trace id": {"trace_id": b"\x0f" * 16},
    "span id": {"span_id": b"\x0f" * 8},
    "parent": {"parent_span_id": b""},
    "trace state": {"trace_state": "x=1"},
    "flags": {"flags": 1},
    "name": {"name": "another"},
    "kind": {"kind": SpanKind.CLIENT},
    "start": {"start_time_unix_nano": BASE_US * 1_000 + 124, "end_time_unix_nano": BASE_US * 1_000 + 123_456_790},
    "duration": {"end_time_unix_nano": BASE_US * 1_000 + 1},
    "attribute value": {"attributes": {"http.status_code": 201}},
    "attribute type": {"attributes": {"http.status_code": 200.0}},
    "no attributes": {"attributes": {}},
    "events": {"events": ()},
    "links": {"links": ()},
    "status": {"status_code": 1},
    "status message": {"status_message": ""},
    "dropped attributes": {"dropped_attributes_count": 0},
    "dropped events": {"dropped_events_count": 0},
    "dropped links": {"dropped_links_count": 0},
    "resource": {"resource": resource("another")},
    "resource's dropped count": {"resource": replace(full_resource(), dropped_attributes_count=7)},
    "resource's schema": {"resource": replace(full_resource(), schema_url="")},
    "scope": {"scope": replace(full_scope(), version="2")},
}


def _row(one: Span, workspace_id: int = 1) -> bytes:
    return encode_row(one, origin_of(one.resource, one.scope, workspace_id=workspace_id))


def _fields(row: bytes) -> Iterator[bytes | None]:
    (count,) = struct.unpack_from("!h", row)
    assert count == len(SPAN_COLUMNS)
    position = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, position)
        position += 4
        yield None if length < 0 else row[position : position + length]
        position += max(length, 0)
    assert position == len(row), "nothing follows the last field"


def _columns(row: bytes) -> dict[str, bytes | None]:
    return dict(zip(SPAN_COLUMNS, _fields(row), strict=True))


def _int(data: bytes | None) -> int:
    assert data is not None
    return int.from_bytes(data, "big", signed=True)


def _jsonb(data: bytes | None) -> object:
    assert data is not None
    assert data[:1] == b"\x01"
    found: object = msgspec.json.decode(data[1:])
    return found


def test_the_order_of_keys_makes_no_other_span() -> None:
    first = full_span()

    def sent(attributes: Attributes) -> Span:
        return replace(
            first,
            attributes=attributes,
            events=[Event(attributes=attributes)],
            links=[Link(attributes=attributes)],
            resource=Resource(attributes=attributes),
            scope=Scope(attributes=attributes),
        )

    one: Attributes = {"bb": 1.5e300, "a": {"y": b"", "x": [{"d": 1, "c": None}]}, "": "é"}
    other: Attributes = {"": "é", "a": {"x": [{"c": None, "d": 1}], "y": b""}, "bb": 1.5e300}
    assert _row(sent(one)) == _row(sent(other))


def test_every_field_stands_in_its_column() -> None:
    sent = full_span(
        events=[Event(time_unix_nano=MAX_UINT64, name="e", attributes={"a": b"\x01"}, dropped_attributes_count=4)],
        links=[Link(trace_id=b"\x02" * 16, span_id=b"\x03", trace_state="l=1", flags=1)],
    )
    found = _columns(_row(sent, workspace_id=7))
    assert {name: _int(found[name]) for name in found if name.endswith(("_id", "_count", "_ns")) or name == "flags"} | {
        "trace_id": found["trace_id"],
        "span_id": found["span_id"],
        "parent_span_id": found["parent_span_id"],
    } == {
        "workspace_id": 7,
        "trace_id": sent.trace_id,
        "span_id": sent.span_id,
        "parent_span_id": sent.parent_span_id,
        "resource_id": resource_id_of(sent.resource),
        "scope_id": scope_id_of(sent.scope),
        "start_time_ns": sent.start_time_unix_nano % 1_000,
        "duration_ns": sent.duration_ns,
        "flags": sent.flags,
        "dropped_attributes_count": 1,
        "dropped_events_count": 2,
        "dropped_links_count": 3,
    }
    assert _int(found["start_time"]) + PG_EPOCH_US == sent.start_time_unix_nano // 1_000
    assert (_int(found["kind"]), _int(found["status_code"])) == (sent.kind, sent.status_code)
    texts = {name: found[name] for name in ("service_name", "name", "trace_state", "status_message")}
    assert texts == {
        "service_name": b"checkout",
        "name": b"GET /cart",
        "trace_state": b"vendor=1,other=2",
        "status_message": b"card refused",
    }
    assert _jsonb(found["attributes"]) == {"http.status_code": 200}
    assert _jsonb(found["events"]) == [
        {
            "timeUnixNano": MAX_UINT64,
            "name": "e",
            "attributes": {"a": {"$bytes": "AQ=="}},
            "droppedAttributesCount": 4,
        }
    ]
    assert _jsonb(found["links"]) == [{"traceId": "02" * 16, "spanId": "03", "traceState": "l=1", "flags": 1}]
    assert _jsonb(found["redactions"]) == {
        "entities": {"EMAIL_ADDRESS": 2, "PHONE_NUMBER": 1},
        "keys": {"user.email": {"EMAIL_ADDRESS": 2}, "name": {"PHONE_NUMBER": 1}},
        "policy": "0123456789abcdef/1",
    }


def test_defaults_are_null() -> None:
    bare = _columns(_row(span(resource=Resource(), scope=Scope(), name="")))
    assert {name for name, data in bare.items() if data is not None} == _ALWAYS
    assert (bare["service_name"], bare["name"]) == (b"", b"")


@pytest.mark.parametrize(
    ("column", "width"),
    [("workspace_id", 4), ("start_time", 8), ("start_time_ns", 2), ("duration_ns", 8), ("kind", 2), ("status_code", 2)]
    + [(name, 8) for name in ("fingerprint", "resource_id", "scope_id", "flags")]
    + [(f"dropped_{name}_count", 8) for name in ("attributes", "events", "links")],
)
def test_numbers_have_the_width_of_their_column(column: str, width: int) -> None:
    data = _columns(_row(full_span()))[column]
    assert data is not None
    assert len(data) == width


@pytest.mark.parametrize("time", [0, 1, 999, 1_000, BASE_US * 1_000 + 999, MAX_UINT64])
def test_the_start_keeps_its_nanoseconds(time: int) -> None:
    found = _columns(_row(span(start_time_unix_nano=time, end_time_unix_nano=time)))
    assert (_int(found["start_time"]) + PG_EPOCH_US) * 1_000 + _int(found["start_time_ns"]) == time


def test_a_long_service_name_is_cut_in_its_column_only() -> None:
    found = _columns(_row(span(service="ü" * 400)))
    assert found["service_name"] == ("ü" * MAX_SERVICE_NAME_CHARS).encode()
    assert resource_id_of(resource("ü" * 400)) != resource_id_of(resource("ü" * 401))


def test_equal_content_has_an_equal_row() -> None:
    sent = full_span()
    assert _row(sent) == _row(resent(sent))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_other_content_has_another_fingerprint(change: SpanFields) -> None:
    sent = full_span()
    changed = replace(sent, **change)
    assert _columns(_row(sent))["fingerprint"] != _columns(_row(changed))["fingerprint"]


def test_another_workspace_has_another_fingerprint() -> None:
    sent = full_span()
    assert _columns(_row(sent, 1))["fingerprint"] != _columns(_row(sent, 2))["fingerprint"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Scope(name="ab", version="c"), Scope(name="a", version="bc")),
        (Scope(name="a"), Scope(version="a")),
        (Scope(schema_url="a"), Scope(name="a")),
        (Scope(attributes={"a": 1}), Scope(attributes={"a": 1.0})),
        (Scope(dropped_attributes_count=1), Scope()),
    ],
    ids=["moved boundary", "name or version", "schema or name", "type", "dropped count"],
)
def test_different_scopes_have_different_ids(one: Scope, other: Scope) -> None:
    assert scope_id_of(one) != scope_id_of(other)


def test_the_frame_of_a_copy() -> None:
    assert COPY_HEADER[:11] == b"PGCOPY\n\xff\r\n\0"
    assert len(COPY_HEADER) == 19
    assert struct.unpack("!h", COPY_TRAILER) == (-1,)
