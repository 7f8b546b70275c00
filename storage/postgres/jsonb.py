"""Events and links in jsonb and back, in OTLP/JSON's words; their attributes as in ``tracedata.typed_json``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracedata import Attributes, Event, Link
from tracedata.typed_json import decode_attributes, encode_attributes

_encode = msgspec.json.Encoder().encode


class _StoredEvent(msgspec.Struct, omit_defaults=True, rename="camel"):
    """An event as it stands in the column, in OTLP/JSON's words."""

    time_unix_nano: int = 0
    name: str = ""
    attributes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dropped_attributes_count: int = 0


class _StoredLink(msgspec.Struct, omit_defaults=True, rename="camel"):
    """A link as it stands in the column; ids in lowercase hex."""

    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dropped_attributes_count: int = 0
    flags: int = 0


_decode_events = msgspec.json.Decoder(list[_StoredEvent]).decode
_decode_links = msgspec.json.Decoder(list[_StoredLink]).decode


def _raw(attributes: Attributes) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.Raw(encode_attributes(attributes)) if attributes else msgspec.UNSET


def _from_raw(stored: msgspec.Raw | msgspec.UnsetType) -> Attributes:
    return decode_attributes(None if stored is msgspec.UNSET else bytes(stored))


def encode_events(events: Sequence[Event]) -> bytes:
    """JSON text of a span's events, in their order."""
    return _encode(
        [
            _StoredEvent(event.time_unix_nano, event.name, _raw(event.attributes), event.dropped_attributes_count)
            for event in events
        ]
    )


def decode_events(data: bytes | None) -> Sequence[Event]:
    """The inverse of ``encode_events``."""
    if data is None:
        return ()
    return tuple(
        Event(
            time_unix_nano=event.time_unix_nano,
            name=event.name,
            attributes=_from_raw(event.attributes),
            dropped_attributes_count=event.dropped_attributes_count,
        )
        for event in _decode_events(data)
    )


def encode_links(links: Sequence[Link]) -> bytes:
    """JSON text of a span's links, in their order."""
    return _encode(
        [
            _StoredLink(
                link.trace_id.hex(),
                link.span_id.hex(),
                link.trace_state,
                _raw(link.attributes),
                link.dropped_attributes_count,
                link.flags,
            )
            for link in links
        ]
    )


def decode_links(data: bytes | None) -> Sequence[Link]:
    """The inverse of ``encode_links``."""
    if data is None:
        return ()
    return tuple(
        Link(
            trace_id=bytes.fromhex(link.trace_id),
            span_id=bytes.fromhex(link.span_id),
            trace_state=link.trace_state,
            attributes=_from_raw(link.attributes),
            dropped_attributes_count=link.dropped_attributes_count,
            flags=link.flags,
        )
        for link in _decode_links(data)
    )
