"""The endpoint of statistics of spans: rates, errors and percentiles over time."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from relayscope.api.rest import span_statistics_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import Text, WindowParameters, duration_ns, named
from relayscope.api.rest.value import iso_time
from relayscope.api.workspace import workspace_of
from storage.rollup import SpanFigures, SpanQuestion, SpanSeries, SpanStatistics, SpanStatisticsReader
from tracedata import CallerError

_NS_PER_US = 1_000
_US_PER_S = 1_000_000
_MINUTE_US = 60 * _US_PER_S
_DAY_US = 24 * 60 * _MINUTE_US
# A window has about this many steps when nobody says how long one is, and at most so many when somebody does.
_CHOSEN_STEPS = 60
_MAX_STEPS = 2_000
_STEPS_US = tuple(minutes * _MINUTE_US for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1_440))
# By an attribute, every span of the window is read.
_MAX_ATTRIBUTE_US = 7 * _DAY_US


class StatisticsParameters(WindowParameters):
    """How spans are counted."""

    by: list[Literal["service", "operation"]] = Field(
        default_factory=list,
        description="Repeatable. Nothing at all, and no `attribute`, makes one group of everything.",
        max_length=2,
    )
    attribute: Text | None = Field(
        None,
        description="Group by this attribute of the span, or else of its resource; over 7 days at most.",
        examples=["http.route"],
    )
    service: Text | None = Field(None, description="Only spans of this service.", examples=["gateway"])
    operation: Text | None = Field(None, description="Only spans of this name.")
    step: Text | None = Field(
        None,
        description="How long a step is, such as `5m`: a second at least. Default: a minute to a day, for up to 60 steps.",
        examples=["5m"],
    )
    limit: int = Field(50, ge=1, le=500, description="How many groups at most.")

    def question(self, *, workspace_id: int, now_ns: int) -> SpanQuestion:
        """The question for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        window = self.window(workspace_id=workspace_id, now_ns=now_ns)
        length_us = window.end_us - window.start_us
        if self.attribute and length_us > _MAX_ATTRIBUTE_US:
            raise CallerError("attribute: the window must not be longer than 7 days")
        return SpanQuestion(
            window=window,
            step_us=named("step", lambda: _step_us(self.step, length_us)),
            limit=self.limit,
            by=self.by,
            attribute=self.attribute or None,
            service=self.service or None,
            operation=self.operation or None,
        )


def _step_us(text: str | None, length_us: int) -> int:
    if text is None:
        whole_days = -(-length_us // (_DAY_US * _CHOSEN_STEPS)) * _DAY_US
        return next((step for step in _STEPS_US if length_us <= step * _CHOSEN_STEPS), whole_days)
    step_us = (duration_ns(text) or 0) // _NS_PER_US
    if step_us < _US_PER_S:
        raise CallerError("must be at least 1s")
    if length_us > step_us * _MAX_STEPS:
        raise CallerError(f"the window would have more than {_MAX_STEPS:,} steps")
    return step_us


class SpanStatisticsEndpoints:
    """Answers for spans over time from a store."""

    def __init__(self, reader: SpanStatisticsReader, *, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._clock = clock

    async def statistics(self, request: Request, parameters: Annotated[StatisticsParameters, Query()]) -> Response:
        """Spans, errors, rates and percentiles over time, by service, operation or an attribute; exact to the newest span but for percentiles."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        found = await self._reader.span_statistics(question)
        return StructResponse(represent(found, question))


def create_router(reader: SpanStatisticsReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/traces/stats``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    router.add_api_route(
        "/stats",
        SpanStatisticsEndpoints(reader, clock=clock).statistics,
        summary="Statistics of spans",
        responses=describe(schema.SpanStatistics, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    return router


def represent(found: SpanStatistics, question: SpanQuestion) -> schema.SpanStatistics:
    window = question.window
    return schema.SpanStatistics(
        items=[_group(one, question) for one in found.series],
        next_cursor=None,
        start=iso_time(window.start_us * _NS_PER_US),
        end=iso_time(window.end_us * _NS_PER_US),
        step=question.step_us * _NS_PER_US / 1e6,
        truncated=found.is_cut,
    )


def _group(series: SpanSeries, question: SpanQuestion) -> schema.SpanGroup:
    window = question.window
    steps: list[schema.SpanStep] = []
    for start_us, figures in series.steps:
        # The first and the last step may lie in the window in part only.
        begin, end = max(start_us, window.start_us), min(start_us + question.step_us, window.end_us)
        steps.append(schema.SpanStep(time=iso_time(start_us * _NS_PER_US), **_figures(figures, length_us=end - begin)))
    return schema.SpanGroup(
        service=series.service,
        operation=series.operation,
        attribute=series.attribute,
        steps=steps,
        **_figures(series.total, length_us=window.end_us - window.start_us),
    )


# Any: the fields of ``schema.SpanFigures``, by name.
def _figures(figures: SpanFigures, *, length_us: int) -> dict[str, Any]:
    return {
        "calls": figures.calls,
        "errors": figures.errors,
        "calls_per_second": figures.calls * _US_PER_S / max(length_us, 1),
        "p50": figures.p50_ms,
        "p90": figures.p90_ms,
        "p95": figures.p95_ms,
        "p99": figures.p99_ms,
    }
