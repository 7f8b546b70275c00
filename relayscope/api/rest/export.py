"""The endpoints of exports: traces, interactions and decisions, as files that are streamed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from relayscope.api.arrow import is_installed
from relayscope.api.export.column import Column
from relayscope.api.export.comma import CommaSeparated
from relayscope.api.export.form import Form
from relayscope.api.export.lines import Lines
from relayscope.api.export.otlp_lines import OtlpLines
from relayscope.api.export.parquet import Parquet
from relayscope.api.export.table import DECISION_COLUMNS, INTERACTION_COLUMNS, SPAN_COLUMNS
from relayscope.api.export.transfer import Transfer, TransferConfig, formed
from relayscope.api.rest.answer import Responses, StructResponse, describe
from relayscope.api.rest.decision_view import represent_exported as represent_decision
from relayscope.api.rest.export_parameter import (
    ExportDecisionParameters,
    ExportInteractionParameters,
    ExportTraceParameters,
    SpanForm,
)
from relayscope.api.rest.export_schema import ExportedDecision, ExportedInteraction
from relayscope.api.rest.interaction_view import represent_exported as represent_interaction
from relayscope.api.rest.representation import represent_spans
from relayscope.api.rest.schema import Span
from relayscope.api.workspace import workspace_of
from storage.export import Exported, ExportReader
from tracedata import CallerError, Decision, Interaction

_T = TypeVar("_T")

# Media type, and how a file of it is named.
FORMS: dict[SpanForm, tuple[str, str]] = {
    "jsonl": ("application/x-ndjson", "jsonl"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "parquet": ("application/vnd.apache.parquet", "parquet"),
    "otlp-json": ("application/x-ndjson", "otlp.jsonl"),
}


class ExportAccess(NamedTuple):
    """What exports read from, and for how long one waits for whoever takes it."""

    reader: ExportReader
    stall_timeout_s: float


class ExportEndpoints:
    """Exports from a store."""

    def __init__(self, access: ExportAccess, *, clock: Callable[[], int]) -> None:
        self._reader, self._stall_timeout_s = access
        self._clock = clock

    async def traces(self, request: Request, parameters: Annotated[ExportTraceParameters, Query()]) -> Response:
        """All spans of the traces that have a span on which every filter holds, the earliest trace first.

        `otlp-json` has one `ExportTraceServiceRequest` a line. A transfer that fails is broken off, without its last chunk.
        """
        # In a thread, because a long query takes some milliseconds to read.
        selection = await asyncio.to_thread(
            parameters.selection, workspace_id=workspace_of(request), now_ns=self._clock()
        )
        form: Form[Any]
        if parameters.format == "otlp-json":
            form = OtlpLines()
        else:
            lines = Lines(represent_spans)
            form = _form(parameters.format, lines, SPAN_COLUMNS, is_guarded=parameters.safe_for_spreadsheets)
        return self._transfer(lambda: self._reader.spans(selection), form, name="traces", format_=parameters.format)

    async def interactions(
        self, request: Request, parameters: Annotated[ExportInteractionParameters, Query()]
    ) -> Response:
        """AI interactions on which every filter holds, the earliest first, with prompts and answers as they are kept."""
        where = parameters.where(workspace_id=workspace_of(request), now_ns=self._clock())
        lines = Lines[Interaction](lambda items: map(represent_interaction, items))
        form = _form(parameters.format, lines, INTERACTION_COLUMNS, is_guarded=parameters.safe_for_spreadsheets)
        return self._transfer(
            lambda: self._reader.interactions(where), form, name="interactions", format_=parameters.format
        )

    async def decisions(self, request: Request, parameters: Annotated[ExportDecisionParameters, Query()]) -> Response:
        """Single decisions on which every filter holds, the earliest first."""
        where = parameters.where(workspace_id=workspace_of(request), now_ns=self._clock())
        lines = Lines[Decision](lambda items: map(represent_decision, items))
        form = _form(parameters.format, lines, DECISION_COLUMNS, is_guarded=parameters.safe_for_spreadsheets)
        return self._transfer(lambda: self._reader.decisions(where), form, name="decisions", format_=parameters.format)

    def _transfer(
        self,
        source: Callable[[], AbstractAsyncContextManager[Exported[_T]]],
        form: Form[_T],
        *,
        name: str,
        format_: SpanForm,
    ) -> Response:
        media_type, suffix = FORMS[format_]
        config = TransferConfig(
            media_type=media_type, file_name=f"{name}.{suffix}", stall_timeout_s=self._stall_timeout_s
        )
        return Transfer(lambda: formed(source(), form), config)


def create_export_router(access: ExportAccess, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/export``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/export", tags=["Export"], default_response_class=StructResponse)
    endpoints = ExportEndpoints(access, clock=clock)
    routes: Sequence[tuple[str, Callable[..., object], str, type]] = (
        ("/traces", endpoints.traces, "Export traces", Span),
        ("/interactions", endpoints.interactions, "Export AI interactions", ExportedInteraction),
        ("/decisions", endpoints.decisions, "Export decisions", ExportedDecision),
    )
    for path, endpoint, summary, line in routes:
        router.add_api_route(path, endpoint, summary=summary, responses=_responses(line), response_model=None)
    return router


def _form(
    name: SpanForm,
    lines: Lines[_T],
    columns: Sequence[Column[_T]],
    *,
    is_guarded: bool,
) -> Form[_T]:
    if name == "csv":
        return CommaSeparated(columns, is_guarded=is_guarded)
    if name != "parquet":
        return lines
    if not is_installed():
        raise CallerError("format: parquet needs pyarrow on the server: pip install 'relayscope[arrow]'")
    return Parquet(columns)


def _responses(line: type) -> Responses:
    """What can be answered, for OpenAPI. The schema is that of a line of JSON Lines."""
    described = describe(line, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    schema = described[200]["content"].pop("application/json")
    lines, *others = (media_type.partition(";")[0] for media_type, _ in FORMS.values())
    described[200]["content"] = {
        lines: schema,
        **{other: {"schema": {"type": "string", "format": "binary"}} for other in others if other != lines},
    }
    described[200]["headers"] = {
        "Relayscope-Expected": {"description": "About how many items there are.", "schema": {"type": "integer"}}
    }
    return described
