"""Query parameters of Jaeger's newer HTTP API: camelCase, with the older snake_case names as aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from query.expression.lowering import lower
from query.expression.node import decode_call
from query.traceql.search import trace_query
from query.traceql.syntax import Query
from relayscope.api.jaeger.finding import Wanted, check_alone
from relayscope.api.jaeger.moment import parse_rfc3339
from relayscope.api.jaeger.parameter import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    first,
    parse_bool,
    parse_go_duration,
    parse_integer,
)
from relayscope.api.jaeger.translation import KINDS
from storage.api import Tag, TraceSearch, Window
from tracedata import CallerError, SpanKind

_TIME_MIN = ("query.startTimeMin", "query.start_time_min")
_TIME_MAX = ("query.startTimeMax", "query.start_time_max")
_RAW_SEARCH = ("query.rawTraces", "query.raw_traces")
_RAW_TRACE = ("rawTraces", "raw_traces")
_KIND_NUMBERS = {str(int(kind)): int(kind) for kind in SpanKind}
_KIND_PREFIX = "SPAN_KIND_"

Read = TypeVar("Read")


class FoundTraces(NamedTuple):
    """What a search asks for, and whether it wants traces as they are stored."""

    search: Wanted
    is_raw: bool


def read_v3_search(parameters: QueryParams, *, workspace_id: int) -> FoundTraces:
    """What ``/api/v3/traces`` and ``/api/v3/trace-summaries`` ask for. Any service is searched when none is named.

    Raises:
        CallerError: a parameter is malformed, missing or contradicts another.
    """
    tags = _read_attributes(parameters)
    query = _read_filter(parameters)
    start_us, end_us = _read_times(parameters)
    limit = _value(parameters, ("query.searchDepth", "query.search_depth", "query.num_traces"), _int32, DEFAULT_LIMIT)
    shortest = _value(parameters, ("query.durationMin", "query.duration_min"), parse_go_duration, 0)
    longest = _value(parameters, ("query.durationMax", "query.duration_max"), parse_go_duration, 0)
    is_raw = _value(parameters, _RAW_SEARCH, parse_bool, default=False)
    search = TraceSearch(
        workspace_id=workspace_id,
        start_us=start_us,
        end_us=end_us,
        # As Jaeger's gRPC does with a depth that is none.
        limit=min(limit, MAX_LIMIT) if limit > 0 else DEFAULT_LIMIT,
        service=_text(parameters, "query.serviceName", "query.service_name"),
        operation=_text(parameters, "query.operationName", "query.operation_name"),
        min_duration_ns=shortest or None,
        max_duration_ns=longest or None,
        tags=tags,
    )
    if query is None:
        return FoundTraces(search, is_raw)
    check_alone(search.service, search.operation, tags, shortest, longest)
    window = Window(workspace_id=workspace_id, start_us=start_us, end_us=end_us)
    return FoundTraces(trace_query(query, window, limit=search.limit), is_raw)


def read_v3_trace(parameters: QueryParams) -> bool:
    """Whether a trace is wanted as it is stored. The times only hint where to look, and never hide a part of it.

    Raises:
        CallerError: a parameter is malformed.
    """
    for names in (("startTime", "start_time"), ("endTime", "end_time")):
        _value(parameters, names, parse_rfc3339, 0)
    return _value(parameters, _RAW_TRACE, parse_bool, default=False)


def read_v3_kind(parameters: QueryParams) -> int | None:
    """The wanted kind; none for any. A kind that does not exist is -1, which nothing has.

    Names are taken in any case, in OTLP's spelling too, and so are numbers.
    """
    text = _text(parameters, "spanKind", "span_kind")
    if text is None:
        return None
    if text in _KIND_NUMBERS:
        return _KIND_NUMBERS[text]
    return KINDS.get(text.upper().removeprefix(_KIND_PREFIX).lower(), -1)


def _read_attributes(parameters: QueryParams) -> list[Tag]:
    text = first(parameters, "query.attributes")
    if not text:
        return []
    try:
        members = msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as exc:
        raise CallerError(f"malformed parameter query.attributes: {exc}") from exc
    return [Tag(key=key, value=value) for key, value in members.items()]


def _read_filter(parameters: QueryParams) -> Query | None:
    """The words of Jaeger where this is no filter, and those of gRPC where it asks for what cannot be."""
    text = first(parameters, "query.filter")
    if not text:
        return None
    try:
        call = decode_call(text)
    except CallerError as exc:
        raise CallerError(f"malformed parameter query.filter: {exc}") from exc
    return lower(call)


def _read_times(parameters: QueryParams) -> tuple[int, int]:
    if _text(parameters, *_TIME_MIN) is None or _text(parameters, *_TIME_MAX) is None:
        raise CallerError(f"{_TIME_MIN[0]} and {_TIME_MAX[0]} are required")
    start_us = _value(parameters, _TIME_MIN, parse_rfc3339, 0)
    end_us = _value(parameters, _TIME_MAX, parse_rfc3339, 0)
    if start_us >= end_us:
        raise CallerError(f"{_TIME_MIN[0]} must be before {_TIME_MAX[0]}")
    return start_us, end_us


def _text(parameters: QueryParams, *names: str) -> str | None:
    """The value under the first name that has one."""
    return next((text for text in (first(parameters, name) for name in names) if text), None)


def _value(parameters: QueryParams, names: tuple[str, ...], read: Callable[[str], Read], default: Read) -> Read:
    for name in names:
        text = first(parameters, name)
        if text:
            try:
                return read(text)
            except CallerError as exc:
                raise CallerError(f"malformed parameter {name}: {exc}") from exc
    return default


def _int32(text: str) -> int:
    return parse_integer(text, bits=32)
