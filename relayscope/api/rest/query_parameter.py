"""The query parameters of the endpoints of TraceQL."""

from typing import Annotated

from pydantic import Field

from query.cursor import decode_search_cursor
from query.traceql.metrics import MetricQuery, metric_query
from query.traceql.parser import parse
from query.traceql.search import TraceQuery, trace_query
from relayscope.api.rest.parameter import CURSOR, Text, WindowParameters, duration_ns, named
from tracedata import CallerError

_NS_PER_US = 1_000
_MIN_STEP_US = 1_000

QueryText = Annotated[Text, Field(min_length=1, description="TraceQL; docs/traceql.md says what is understood of it.")]


class SearchParameters(WindowParameters):
    """A query for traces. All of its spans start in the time range."""

    q: QueryText = Field(examples=['{ resource.service.name = "gateway" && status = error }'])
    limit: int = Field(20, ge=1, le=1_000, description="How many traces at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def query(self, *, workspace_id: int, now_ns: int) -> TraceQuery:
        """The question for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        return trace_query(
            parse(self.q),
            self.window(workspace_id=workspace_id, now_ns=now_ns),
            limit=self.limit,
            after=named("cursor", lambda: decode_search_cursor(self.cursor) if self.cursor else None),
        )


class MetricsParameters(WindowParameters):
    """A query for series."""

    q: QueryText = Field(examples=["{ status = error } | rate() by (resource.service.name)"])
    step: Text | None = Field(
        None,
        description="How long a step is, such as `30s` or `5m`, at most 2,000 of them; by default about 200 fill the window.",
        examples=["1m"],
    )

    def query(self, *, workspace_id: int, now_ns: int) -> MetricQuery:
        """The question for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        window = self.window(workspace_id=workspace_id, now_ns=now_ns)
        return metric_query(parse(self.q), window, step_us=named("step", self._step_us))

    def _step_us(self) -> int | None:
        length_ns = duration_ns(self.step)
        if length_ns is None:
            return None
        if length_ns < _MIN_STEP_US * _NS_PER_US:
            raise CallerError("must be at least 1ms")
        return length_ns // _NS_PER_US
