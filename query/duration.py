"""Durations as people and Jaeger's clients write them: Go's notation, such as ``1.5s``, ``100ms``, ``1h30m``."""

from __future__ import annotations

import re
from decimal import Decimal

from tracedata import CallerError

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MAX_CHARS = 64
_MAX_NS = 2**63 - 1


def parse_duration(text: str) -> int:
    """Nanoseconds, rounded towards zero. ``0`` needs no unit; a sign is allowed.

    Raises:
        CallerError: the text is not a duration; the words are those of Go's ``time.ParseDuration``.
    """
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    if not body or len(text) > _MAX_CHARS:
        raise CallerError(f'time: invalid duration "{text[:_MAX_CHARS]}"')
    total, position = Decimal(0), 0
    while position < len(body):
        part = _PART.match(body, position)
        if part is None:
            raise CallerError(_reason(text, body))
        total += Decimal(part[1]) * _UNIT_NS[part[2]]
        position = part.end()
    if total > _MAX_NS:
        raise CallerError(f'time: invalid duration "{text}"')
    return -int(total) if text[0] == "-" else int(total)


def _reason(text: str, body: str) -> str:
    if re.fullmatch(r"[\d.]+", body) and any(map(str.isdigit, body)):
        return f'time: missing unit in duration "{text}"'
    return f'time: invalid duration "{text}"'


def format_duration(duration_ns: int) -> str:
    """As Go's ``time.Duration`` prints itself: ``1h2m3.5s``, ``1.5ms``, ``250µs``, ``0s``."""
    sign, left = ("-", -duration_ns) if duration_ns < 0 else ("", duration_ns)
    minutes, rest = divmod(left, _UNIT_NS["m"])
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{_fraction(rest, _UNIT_NS['s'])}s"
    if minutes:
        return f"{sign}{minutes}m{_fraction(rest, _UNIT_NS['s'])}s"
    # Go says seconds of nothing at all.
    unit = next((unit for unit in ("s", "ms", "µs", "ns") if left >= _UNIT_NS[unit]), "s")
    return f"{sign}{_fraction(left, _UNIT_NS[unit])}{unit}"


def _fraction(number: int, size: int) -> str:
    """The quotient, without the zeros at its end."""
    whole, rest = divmod(number, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
