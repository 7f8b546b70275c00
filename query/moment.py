"""Moments as people write them: ISO-8601, relative to now (``-1h``, ``now-15m``), or Unix time as an integer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from query.duration import parse_duration
from tracedata import CallerError

# OTLP counts nanoseconds in an unsigned 64-bit integer, so no stored span lies outside 0..MAX_MOMENT_US.
MAX_MOMENT_US = (2**64 - 1) // 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_INTEGER = re.compile(r"\d{1,20}", re.ASCII)
_RELATIVE = re.compile(r"(?:now)?([+-])(?:(\d{1,6})d)?(.*)", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(?:([Zz])|([+\- ])(\d\d):?(\d\d))?)?", re.ASCII
)
# The upper ends of seconds, milliseconds and microseconds: 10^11 s is the year 5138, 10^11 ms is March 1973.
_MAGNITUDES = ((10**11, 1_000_000), (10**14, 1_000), (10**17, 1))
_EXPECTED = "expected ISO-8601 (2025-01-31T12:00:00Z), a relative time (-1h, -7d, now) or Unix time as an integer"


def parse_moment(text: str, now_us: int) -> int:
    """Unix microseconds, cut towards the past and limited to what OTLP can express.

    ``now_us`` is the moment that relative times count from. ISO-8601 takes ``Z`` or an offset and up to nine
    fraction digits; without an offset it means UTC. An integer is read as seconds, milliseconds, microseconds or
    nanoseconds, by its magnitude.

    Raises:
        CallerError: the text is none of these.
    """
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return _bounded(_scaled(int(text)))
    if text == "now":
        return _bounded(now_us)
    if text.startswith(("now", "+", "-")):
        return _bounded(now_us + _offset_us(text))
    return _bounded(_iso_us(text))


def parse_instant_ns(text: str) -> int:
    """Unix nanoseconds of a moment in ISO-8601, with up to nine fraction digits; without an offset it means UTC.

    Raises:
        CallerError: the text is none.
    """
    moment_us = _iso_us(text)
    fraction = _ISO.fullmatch(text)
    return moment_us * 1_000 + int(((fraction and fraction[3]) or "").ljust(9, "0")[6:])


def _bounded(moment_us: int) -> int:
    return min(max(moment_us, 0), MAX_MOMENT_US)


def _scaled(number: int) -> int:
    for end, factor in _MAGNITUDES:
        if number < end:
            return number * factor
    return number // 1_000


def _offset_us(text: str) -> int:
    parts = _RELATIVE.fullmatch(text)
    if parts is None or not (parts[2] or parts[3]) or parts[3][:1] in ("+", "-"):
        raise CallerError(_EXPECTED)
    try:
        rest_us = parse_duration(parts[3]) // 1_000 if parts[3] else 0
    except CallerError as exc:
        raise CallerError(_EXPECTED) from exc
    length_us = int(parts[2] or 0) * _DAY_US + rest_us
    return -length_us if parts[1] == "-" else length_us


def _iso_us(text: str) -> int:
    parts = _ISO.fullmatch(text)
    if parts is None:
        raise CallerError(_EXPECTED)
    day, clock, fraction, _, sign, hours, minutes = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}").replace(tzinfo=_zone(sign, hours, minutes))
    except ValueError as exc:
        raise CallerError(_EXPECTED) from exc
    return (moment - _EPOCH) // _MICROSECOND + int((fraction or "").ljust(6, "0")[:6])


def _zone(sign: str | None, hours: str | None, minutes: str | None) -> timezone:
    if sign is None:
        return UTC
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    # A plus sign that was not percent-encoded arrives as a space.
    return timezone(-offset if sign == "-" else offset)
