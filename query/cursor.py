"""Cursors as opaque text: the place in a list after which the next page begins.

A cursor names the last row of a page by its sort key, so rows that arrive between two requests neither repeat nor
hide others. The text is url-safe base64 without padding; its first byte says which list it belongs to.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Any

import msgspec

from query.moment import MAX_MOMENT_US
from storage.api import SearchCursor, SpanCursor
from storage.decision_reader import DecisionTraceCursor
from storage.interaction_reader import HitCursor, InteractionCursor, SessionCursor
from storage.log_record import LogCursor
from tracedata import CallerError

_SEARCH = struct.Struct(">cQ16s")
_SPAN = struct.Struct(">cQ8sq")
_INTERACTION = struct.Struct(">cQ16s8s")
_HIT = struct.Struct(">cdQ16s8s")
_SESSION_HEAD = struct.Struct(">cQ")
_LOG = struct.Struct(">cQq")
_MALFORMED = "malformed cursor: use the nextCursor of the previous page as it came"
_MAX_CHARS = 8_192


class NameCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a name in a sorted list; ``number`` orders equal names."""

    name: str
    number: int = 0


def encode_search_cursor(cursor: SearchCursor) -> str:
    return _text(_SEARCH.pack(b"T", cursor.start_us, cursor.trace_id))


def decode_search_cursor(text: str) -> SearchCursor:
    """Reads what ``encode_search_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    start_us, trace_id = _unpack(_SEARCH, text, b"T")
    if start_us > MAX_MOMENT_US:
        raise CallerError(_MALFORMED)
    return SearchCursor(start_us=start_us, trace_id=trace_id)


def encode_decision_cursor(cursor: DecisionTraceCursor) -> str:
    return _text(_SEARCH.pack(b"D", cursor.time_us, cursor.trace_id))


def decode_decision_cursor(text: str) -> DecisionTraceCursor:
    """Reads what ``encode_decision_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    time_us, trace_id = _unpack(_SEARCH, text, b"D")
    if time_us > MAX_MOMENT_US:
        raise CallerError(_MALFORMED)
    return DecisionTraceCursor(time_us=time_us, trace_id=trace_id)


def encode_span_cursor(cursor: SpanCursor) -> str:
    return _text(_SPAN.pack(b"S", cursor.start_time_unix_nano, cursor.span_id, cursor.tie))


def decode_span_cursor(text: str) -> SpanCursor:
    """Reads what ``encode_span_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    start, span_id, tie = _unpack(_SPAN, text, b"S")
    return SpanCursor(start_time_unix_nano=start, span_id=span_id, tie=tie)


def encode_log_cursor(cursor: LogCursor) -> str:
    return _text(_LOG.pack(b"L", cursor.moment_unix_nano, cursor.tie))


def decode_log_cursor(text: str) -> LogCursor:
    """Reads what ``encode_log_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    moment, tie = _unpack(_LOG, text, b"L")
    return LogCursor(moment_unix_nano=moment, tie=tie)


def encode_interaction_cursor(cursor: InteractionCursor) -> str:
    return _text(_INTERACTION.pack(b"I", cursor.start_us, cursor.trace_id, cursor.span_id))


def decode_interaction_cursor(text: str) -> InteractionCursor:
    """Reads what ``encode_interaction_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    start_us, trace_id, span_id = _unpack(_INTERACTION, text, b"I")
    return _place(start_us, trace_id, span_id)


def encode_hit_cursor(cursor: HitCursor) -> str:
    place = cursor.place
    return _text(_HIT.pack(b"H", cursor.rank, place.start_us, place.trace_id, place.span_id))


def decode_hit_cursor(text: str) -> HitCursor:
    """Reads what ``encode_hit_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    rank, start_us, trace_id, span_id = _unpack(_HIT, text, b"H")
    if not math.isfinite(rank):
        raise CallerError(_MALFORMED)
    return HitCursor(rank=rank, place=_place(start_us, trace_id, span_id))


def encode_session_cursor(cursor: SessionCursor) -> str:
    return _text(_SESSION_HEAD.pack(b"Z", cursor.last_start_us) + cursor.session_id.encode())


def decode_session_cursor(text: str) -> SessionCursor:
    """Reads what ``encode_session_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    data = _bytes(text)
    try:
        marker, last_start_us = _SESSION_HEAD.unpack_from(data)
        session_id = data[_SESSION_HEAD.size :].decode()
    except (struct.error, UnicodeDecodeError) as exc:
        raise CallerError(_MALFORMED) from exc
    if marker != b"Z" or last_start_us > MAX_MOMENT_US or "\0" in session_id:
        raise CallerError(_MALFORMED)
    return SessionCursor(last_start_us=last_start_us, session_id=session_id)


def _place(start_us: int, trace_id: bytes, span_id: bytes) -> InteractionCursor:
    if start_us > MAX_MOMENT_US:
        raise CallerError(_MALFORMED)
    return InteractionCursor(start_us=start_us, trace_id=trace_id, span_id=span_id)


def encode_name_cursor(cursor: NameCursor) -> str:
    return _text(b"N" + struct.pack(">i", cursor.number) + cursor.name.encode())


def decode_name_cursor(text: str) -> NameCursor:
    """Reads what ``encode_name_cursor`` wrote.

    Raises:
        CallerError: it did not write this.
    """
    data = _bytes(text)
    try:
        (number,) = struct.unpack_from(">i", data, 1)
        name = data[5:].decode()
    except (struct.error, UnicodeDecodeError) as exc:
        raise CallerError(_MALFORMED) from exc
    if data[:1] != b"N":
        raise CallerError(_MALFORMED)
    return NameCursor(name=name, number=number)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    if len(text) > _MAX_CHARS:
        raise CallerError(_MALFORMED)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise CallerError(_MALFORMED) from exc


# The fields of a layout after its marker; their types are fixed by the layout, which the checker cannot see.
def _unpack(layout: struct.Struct, text: str, marker: bytes) -> list[Any]:
    data = _bytes(text)
    if len(data) != layout.size or data[:1] != marker:
        raise CallerError(_MALFORMED)
    return list(layout.unpack(data)[1:])
