"""The query parameters of the REST API: documented, checked, and turned into what the store is asked."""

import re
from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias, TypeVar

from msgspec.structs import replace
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from query.cursor import decode_log_cursor, decode_search_cursor
from query.duration import parse_duration
from query.moment import parse_moment
from query.tag import parse_tag
from relayscope.api.rest.log_representation import SEVERITIES, least_number
from relayscope.api.rest.value import parse_trace_id
from storage.api import TraceSearch, Window
from storage.log_record import LogSearch
from tracedata import CallerError, StatusCode

_T = TypeVar("_T")

DEFAULT_WINDOW = "-24h"
_MAX_TEXT_CHARS = 8_192
_MAX_TAGS = 64
_MAX_SEVERITY = 24
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{0,18})?", re.ASCII)
_MAX_INT64 = 2**63 - 1
_US_PER_NS = 1_000
_STATUS_CODES: dict[str, tuple[int, ...]] = {
    "error": (StatusCode.ERROR,),
    "ok": (StatusCode.OK,),
    "unset": (StatusCode.UNSET,),
    "success": (StatusCode.UNSET, StatusCode.OK),
}


def _without_nul(text: str) -> str:
    # PostgreSQL cannot hold NUL in text, so nothing that is stored contains it.
    if "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


Text: TypeAlias = Annotated[str, Field(max_length=_MAX_TEXT_CHARS), AfterValidator(_without_nul)]
_MOMENT = "ISO-8601, relative such as `-1h`, `-7d` or `now`, or Unix time as an integer (s, ms, µs or ns by magnitude)."
DURATION = "Such as `1.5s`, `100ms`, `1h30m`, or a number of milliseconds; the bound is included."
CURSOR = "The `nextCursor` of the previous page."


class Parameters(BaseModel):
    """Query parameters in camelCase; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class WindowParameters(Parameters):
    """A time range."""

    start: Text | None = Field(None, description=f"Default `{DEFAULT_WINDOW}`. {_MOMENT}", examples=["-1h"])
    end: Text | None = Field(None, description=f"Default `now`. {_MOMENT}", examples=["now"])

    def bounds_us(self, now_ns: int) -> tuple[int, int]:
        """Start and end in Unix microseconds.

        Raises:
            CallerError: one cannot be read, or the end lies before the start.
        """
        now_us = now_ns // _US_PER_NS
        start_us = named("start", lambda: parse_moment(self.start or DEFAULT_WINDOW, now_us))
        end_us = named("end", lambda: parse_moment(self.end or "now", now_us))
        if end_us < start_us:
            raise CallerError("end: must not lie before start")
        return start_us, end_us

    def window(self, *, workspace_id: int, now_ns: int) -> Window:
        """The same for a workspace."""
        start_us, end_us = self.bounds_us(now_ns)
        return Window(workspace_id=workspace_id, start_us=start_us, end_us=end_us)


class MapParameters(WindowParameters):
    """What the service map can be asked."""

    service: Text | None = Field(None, description="Only this service and its neighbours.", examples=["gateway"])


class TraceFilterParameters(WindowParameters):
    """Which traces are meant. All predicates hold on one and the same span of a found trace."""

    service: Text | None = Field(None, description="The service of the span.", examples=["gateway"])
    operation: Text | None = Field(None, description="The name of the span.", examples=["POST /v1/chat/completions"])
    min_duration: Text | None = Field(None, description=DURATION, examples=["100ms"])
    max_duration: Text | None = Field(None, description=DURATION, examples=["2s"])
    status: Literal["error", "ok", "unset", "success"] | None = Field(
        None, description="The status of the span; `success` means anything but an error."
    )
    tag: list[Text] = Field(
        default_factory=list,
        max_length=_MAX_TAGS,
        description="`key:value`, repeatable. The value is compared as text with the attributes of the span, its "
        "scope, resource, events and links. `resource.<key>` looks only at the resource; `error`, `span.kind`, "
        "`span.status`, `scope.name` and `scope.version` are understood too.",
        examples=[["gen_ai.request.model:gpt-4o"]],
    )

    def filtered(self, *, workspace_id: int, now_ns: int, limit: int = 0) -> TraceSearch:
        """The question for the store, from its beginning.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        start_us, end_us = self.bounds_us(now_ns)
        shortest = named("minDuration", lambda: duration_ns(self.min_duration))
        longest = named("maxDuration", lambda: duration_ns(self.max_duration))
        if shortest is not None and longest is not None and longest < shortest:
            raise CallerError("maxDuration: must not be less than minDuration")
        return TraceSearch(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            limit=limit,
            service=self.service or None,
            operation=self.operation or None,
            min_duration_ns=shortest,
            max_duration_ns=longest,
            status_codes=_STATUS_CODES[self.status] if self.status else (),
            tags=named("tag", lambda: tuple(map(parse_tag, self.tag))),
        )


class TraceParameters(TraceFilterParameters):
    """A page of traces."""

    limit: int = Field(20, ge=1, le=1_000, description="How many traces at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def search(self, *, workspace_id: int, now_ns: int) -> TraceSearch:
        """The question for the store. Raises as ``filtered`` does."""
        search = self.filtered(workspace_id=workspace_id, now_ns=now_ns, limit=self.limit)
        after = named("cursor", lambda: decode_search_cursor(self.cursor) if self.cursor else None)
        return replace(search, after=after)


class SpanParameters(Parameters):
    """Which spans of a trace are wanted."""

    limit: int = Field(1_000, ge=1, le=10_000, description="How many spans at most.")
    cursor: Text | None = Field(None, description=CURSOR)


class PathParameters(Parameters):
    """How much of a critical path is wanted."""

    limit: int = Field(1_000, ge=1, le=100_000, description="How many segments, spans and services at most.")


class TraceLogParameters(Parameters):
    """Which log records of a trace are wanted."""

    limit: int = Field(1_000, ge=1, le=10_000, description="How many records at most.")
    cursor: Text | None = Field(None, description=CURSOR)


class LogParameters(WindowParameters):
    """What a search for log records can be asked."""

    service: Text | None = Field(None, description="The service that wrote the record.", examples=["gateway"])
    min_severity: Text | None = Field(
        None,
        description=f"The least severity: {', '.join(SEVERITIES)}, or OpenTelemetry's number from 0 to 24.",
        examples=["warn"],
    )
    event_name: Text | None = Field(None, description="The name of the event.", examples=["gen_ai.choice"])
    trace_id: Text | None = Field(None, description="Records of this trace only, in hex.")
    limit: int = Field(100, ge=1, le=1_000, description="How many records at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def search(self, *, workspace_id: int, now_ns: int) -> LogSearch:
        """The question for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        start_us, end_us = self.bounds_us(now_ns)
        return LogSearch(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            limit=self.limit,
            service=self.service or None,
            min_severity=named("minSeverity", lambda: _severity(self.min_severity)),
            event_name=self.event_name or None,
            # Its message begins with the name already.
            trace_id=parse_trace_id(self.trace_id) if self.trace_id else None,
            after=named("cursor", lambda: decode_log_cursor(self.cursor) if self.cursor else None),
        )


class NameParameters(Parameters):
    """Which part of a list of names is wanted."""

    limit: int = Field(1_000, ge=1, le=10_000, description="How many at most.")
    cursor: Text | None = Field(None, description=CURSOR)


class NoParameters(Parameters):
    """An endpoint that takes none."""


def duration_ns(text: str | None) -> int | None:
    if not text:
        return None
    try:
        length = parse_duration(f"{text}ms" if _NUMBER.fullmatch(text) else text)
    except CallerError as exc:
        # Its words are those that Jaeger's clients know.
        raise CallerError("expected a duration (1.5s, 100ms, 1h30m) or a number of milliseconds") from exc
    if not 0 <= length <= _MAX_INT64:
        raise CallerError("must be between 0 and 292 years")
    return length


def _severity(text: str | None) -> int | None:
    if not text:
        return None
    if text.lower() in SEVERITIES:
        return least_number(text.lower())
    if text.isascii() and text.isdecimal() and len(text) <= 2 and int(text) <= _MAX_SEVERITY:
        return int(text)
    raise CallerError(f"must be {', '.join(SEVERITIES)}, or a number from 0 to {_MAX_SEVERITY}")


def named(name: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except CallerError as exc:
        raise CallerError(f"{name}: {exc}") from exc
