"""Times of the newer API: RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from query.moment import parse_moment
from relayscope.api.jaeger.parameter import quoted
from tracedata import CallerError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Go takes any number of fraction digits. A plus sign that was not percent-encoded, as Grafana sends it, arrives as a space.
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:[.,](\d+))?([Zz]|[+\- ]\d\d:\d\d)", re.ASCII)
_FRACTION_DIGITS = 9


def parse_rfc3339(text: str) -> int:
    """Unix microseconds, cut towards the past, and limited to what OTLP can express.

    Raises:
        CallerError: the text is no such time.
    """
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        raise _no_time(text)
    clock, fraction, zone = parts.groups()
    try:
        return parse_moment(f"{clock}.{(fraction or '0')[:_FRACTION_DIGITS]}{zone}", 0)
    except (CallerError, OverflowError) as exc:
        raise _no_time(text) from exc


def _no_time(text: str) -> CallerError:
    layout = "2006-01-02T15:04:05.999999999Z07:00"
    return CallerError(f'parsing time {quoted(text)} as "{layout}": cannot parse it')


def rfc3339(time_us: int) -> str:
    """As protobuf's JSON writes a timestamp: in UTC, with three or six fraction digits when there are any."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    text = f"{moment:%Y-%m-%dT%H:%M:%S}"
    if moment.microsecond == 0:
        return f"{text}Z"
    digits = f"{moment.microsecond:06d}"
    return f"{text}.{digits.removesuffix('000')}Z"
