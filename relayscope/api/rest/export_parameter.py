"""The query parameters of exports: the filters of the lists, and the form."""

from typing import Literal, TypeAlias

from pydantic import Field

from query.search import SearchSelection
from query.traceql.parser import parse
from query.traceql.search import trace_query
from relayscope.api.rest.decision_parameter import DecisionFilterParameters
from relayscope.api.rest.interaction_parameter import FilterParameters
from relayscope.api.rest.parameter import Parameters, Text, TraceFilterParameters
from storage.api import Window
from storage.export import TraceSelection
from tracedata import CallerError

TableForm: TypeAlias = Literal["jsonl", "csv", "parquet"]
SpanForm: TypeAlias = Literal["jsonl", "csv", "parquet", "otlp-json"]
_FORM = "What is sent; docs/export.md describes each."


class SpreadsheetParameters(Parameters):
    """What is done for spreadsheets."""

    safe_for_spreadsheets: bool = Field(
        default=False,
        description="In CSV, an apostrophe stands before texts that a spreadsheet could take for a formula.",
    )


class ExportTraceParameters(TraceFilterParameters, SpreadsheetParameters):
    """Which traces are exported, with all of their spans."""

    q: Text | None = Field(
        None,
        min_length=1,
        description="TraceQL, instead of the other filters; only the times go with it.",
        examples=["{ status = error }"],
    )
    format: SpanForm = Field("jsonl", description=_FORM)

    def selection(self, *, workspace_id: int, now_ns: int) -> TraceSelection:
        """The question for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        search = self.filtered(workspace_id=workspace_id, now_ns=now_ns)
        selection = SearchSelection(search=search)
        if self.q is None:
            return selection
        if selection.is_filtered:
            raise CallerError("q: says all by itself: only start and end go with it")
        window = Window(workspace_id=workspace_id, start_us=search.start_us, end_us=search.end_us)
        return trace_query(parse(self.q), window, limit=0)


class ExportInteractionParameters(FilterParameters, SpreadsheetParameters):
    """Which interactions are exported."""

    format: TableForm = Field("jsonl", description=_FORM)


class ExportDecisionParameters(DecisionFilterParameters, SpreadsheetParameters):
    """Which decisions are exported."""

    format: TableForm = Field("jsonl", description=_FORM)
