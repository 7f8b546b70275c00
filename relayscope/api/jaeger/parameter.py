"""Query parameters of Jaeger's older HTTP API. Where a message is fixed, its words are those of Jaeger and of Go."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.datastructures import QueryParams

from query.duration import parse_duration
from query.tag import parse_tag, parse_tags
from relayscope.api.jaeger.identifier import parse_trace_id
from storage.api import Tag, TraceSearch, Window
from tracedata import CallerError

DEFAULT_LIMIT = 100
# Jaeger has no bound, but its page asks for no more, and whole traces come back.
MAX_LIMIT = 1_500
US_PER_MS = 1_000
_DEFAULT_SEARCH_US = 48 * 3_600_000_000
_DEFAULT_DEPENDENCIES_MS = 24 * 3_600_000
_MAX_INT64 = 2**63 - 1
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
# Longer than any 64-bit number with its sign, leading zeros aside; Python refuses to read endless digits.
_MAX_INTEGER_CHARS = 1_000
# The spellings of Go's strconv.ParseBool.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}

Read = TypeVar("Read")


class TraceLookup(msgspec.Struct, frozen=True, kw_only=True):
    """Traces named one by one; ids are in the order asked for."""

    trace_ids: tuple[bytes, ...]


def first(parameters: QueryParams, name: str) -> str:
    """The first value, as Go's ``url.Values.Get`` reads it; the empty string when there is none."""
    values = parameters.getlist(name)
    return values[0] if values else ""


def required_service(parameters: QueryParams) -> str:
    """Raises ``CallerError`` when no service is named."""
    service = first(parameters, "service")
    if not service:
        raise CallerError("parameter 'service' is required")
    return service


def check_hints(parameters: QueryParams) -> None:
    """Checks ``start`` and ``end`` of a request that names its traces.

    They only hint where to look, and Grafana sends them in another unit than Jaeger, so nothing depends on them.

    Raises:
        CallerError: one of them is malformed.
    """
    for name in ("start", "end"):
        named(parameters, name=name, read=parse_int64, default=0)


def is_raw(parameters: QueryParams) -> bool:
    """Whether traces are wanted as they are stored. Raises ``CallerError`` when ``raw`` is malformed."""
    return named(parameters, name="raw", read=parse_bool, default=False)


def read_search(parameters: QueryParams, *, workspace_id: int, now_us: int) -> TraceSearch | TraceLookup:
    """What ``/api/traces`` asks for.

    Raises:
        CallerError: a parameter is malformed, missing or contradicts another.
    """
    check_hints(parameters)
    is_raw(parameters)
    texts = parameters.getlist("traceID")
    if texts:
        return TraceLookup(trace_ids=tuple(_parse_listed_id(text) for text in texts))
    search = TraceSearch(
        workspace_id=workspace_id,
        start_us=named(parameters, name="start", read=parse_int64, default=now_us - _DEFAULT_SEARCH_US),
        end_us=named(parameters, name="end", read=parse_int64, default=now_us),
        tags=_read_tags(parameters),
        limit=_read_limit(parameters),
        min_duration_ns=named(parameters, name="minDuration", read=parse_go_duration, default=0) or None,
        max_duration_ns=named(parameters, name="maxDuration", read=parse_go_duration, default=0) or None,
        service=required_service(parameters),
        operation=first(parameters, "operation") or None,
    )
    _check_search(search)
    return search


def _check_search(search: TraceSearch) -> None:
    if search.limit <= 0:
        raise CallerError("invalid parameter: limit must be greater than 0")
    if search.start_us > search.end_us:
        raise CallerError("invalid parameter: start time must be before end time")
    if search.min_duration_ns and search.max_duration_ns and search.max_duration_ns < search.min_duration_ns:
        raise CallerError("'maxDuration' should be greater than 'minDuration'")


def read_window(parameters: QueryParams, *, workspace_id: int, now_us: int) -> Window:
    """What ``/api/dependencies`` asks for: milliseconds ending at ``endTs`` and reaching ``lookback`` back.

    Raises:
        CallerError: a parameter is malformed.
    """
    end_us = US_PER_MS * named(parameters, name="endTs", read=parse_int64, default=now_us // US_PER_MS)
    lookback_ms = named(parameters, name="lookback", read=parse_int64, default=_DEFAULT_DEPENDENCIES_MS)
    return Window(
        workspace_id=workspace_id,
        start_us=clamp(end_us - US_PER_MS * lookback_ms),
        end_us=clamp(end_us),
    )


def clamp(time_us: int) -> int:
    """The nearest time that fits in 64 bits."""
    return max(-_MAX_INT64 - 1, min(time_us, _MAX_INT64))


def named(parameters: QueryParams, *, name: str, read: Callable[[str], Read], default: Read) -> Read:
    """The value of a parameter; ``default`` when it is missing or empty. Errors name it, in Jaeger's words."""
    text = first(parameters, name)
    if not text:
        return default
    try:
        return read(text)
    except CallerError as exc:
        raise CallerError(f"unable to parse param '{name}': {exc}") from exc


def _read_limit(parameters: QueryParams) -> int:
    text = first(parameters, "limit")
    return min(parse_integer(text, bits=32), MAX_LIMIT) if text else DEFAULT_LIMIT


def _read_tags(parameters: QueryParams) -> list[Tag]:
    tags = [parse_tag(text) for text in parameters.getlist("tag")]
    for text in parameters.getlist("tags"):
        tags += parse_tags(text)
    # A key that comes again replaces the earlier one.
    return list({tag.key: tag for tag in tags}.values())


def _parse_listed_id(text: str) -> bytes:
    try:
        return parse_trace_id(text)
    except CallerError as exc:
        raise CallerError(f"cannot parse traceID param: {exc}") from exc


def parse_go_duration(text: str) -> int:
    """Nanoseconds in 64 bits."""
    duration = parse_duration(text)
    if abs(duration) > _MAX_INT64:
        raise CallerError(f"time: invalid duration {quoted(text)}")
    return duration


def parse_bool(text: str) -> bool:
    """As Go's ``strconv.ParseBool``."""
    if text not in _BOOLEANS:
        raise CallerError(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")
    return _BOOLEANS[text]


def parse_int64(text: str) -> int:
    """As Go's ``strconv.ParseInt``."""
    return parse_integer(text, bits=64)


def parse_integer(text: str, *, bits: int) -> int:
    """As Go's ``strconv.ParseInt``, of so many bits."""
    if not _INTEGER.fullmatch(text):
        raise CallerError(f"strconv.ParseInt: parsing {quoted(text)}: invalid syntax")
    limit = 2 ** (bits - 1)
    if len(text) > _MAX_INTEGER_CHARS or not -limit <= int(text) < limit:
        raise CallerError(f"strconv.ParseInt: parsing {quoted(text)}: value out of range")
    return int(text)


def quoted(text: str) -> str:
    """As Go's ``%q``, for what occurs in parameters."""
    return msgspec.json.encode(text).decode()
