"""The endpoint of what went wrong in a trace: failed spans, log records, and other traces with the same trouble."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from query.error_signature import ErrorSignature, FailedSpan, failed_spans, signature_of
from query.moment import MAX_MOMENT_US
from relayscope.api.rest import trace_error_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.log_representation import least_number, represent_log_records
from relayscope.api.rest.log_schema import LogRecord
from relayscope.api.rest.parameter import WindowParameters
from relayscope.api.rest.trace_error_view import represent_failure, represent_related
from relayscope.api.rest.trace_frames import read_frames
from relayscope.api.rest.traces import TraceIdPath
from relayscope.api.rest.value import iso_time, parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.frame import FrameReader, SpanFrame
from storage.log_record import LogReader, LogSearch
from storage.sample import SampleReader, SampleWindow
from tracedata import Span

_NS_PER_US = 1_000
_ERROR = least_number("error")
_MAX_LOGS = 100
_MAX_SIGNATURES = 5
_MAX_RELATED = 20
# Failures that are compared with a signature; few spans of one name fail in many ways.
_MAX_CANDIDATES = 200


class ErrorParameters(WindowParameters):
    """How much of what went wrong is wanted; the window is that of other traces."""

    limit: int = Field(50, ge=1, le=1_000, description="How many failed spans at most.")


class TraceErrorEndpoints:
    """Answers about failures."""

    def __init__(
        self, frames: FrameReader, samples: SampleReader, logs: LogReader | None, *, clock: Callable[[], int]
    ) -> None:
        self._frames = frames
        self._samples = samples
        self._logs = logs
        self._clock = clock
        # One large trace, and one sample, at a time.
        self._working = asyncio.Semaphore(1)

    async def errors(
        self, request: Request, trace_id: TraceIdPath, parameters: Annotated[ErrorParameters, Query()]
    ) -> Response:
        """The failed spans of a trace, causes first, its log records of errors, and other traces with the same trouble."""
        workspace_id, key = workspace_of(request), parse_trace_id(trace_id)
        start_us, end_us = parameters.bounds_us(self._clock())
        async with self._working:
            seen, is_complete = await read_frames(self._frames, workspace_id, key)
            failed = await asyncio.to_thread(failed_spans, seen)
            shown = await self._whole(workspace_id, key, seen, failed[: parameters.limit])
            window = SampleWindow(workspace_id=workspace_id, start_us=start_us, end_us=end_us)
            related = [await self._related(window, key, one) for one in _signatures(shown)]
        return StructResponse(
            schema.TraceErrors(
                trace_id=key.hex(),
                error_count=len(failed),
                items=[represent_failure(one, seen, span) for one, span in shown],
                next_cursor=None,
                truncated=len(failed) > parameters.limit,
                complete=is_complete,
                logs=await self._records(workspace_id, key),
                related=related,
                start=iso_time(start_us * _NS_PER_US),
                end=iso_time(end_us * _NS_PER_US),
            )
        )

    async def _whole(
        self, workspace_id: int, trace_id: bytes, frames: Sequence[SpanFrame], failed: Sequence[FailedSpan]
    ) -> list[tuple[FailedSpan, Span]]:
        """The failures with their whole spans. Several can have the same id; they are told apart by what frames tell."""
        ids = [frames[one.place].span_id for one in failed]
        spans = await self._frames.spans_with_ids(workspace_id, trace_id, ids, limit=2 * len(ids) + _MAX_CANDIDATES)
        waiting: dict[tuple[bytes, int, int, str], list[Span]] = {}
        for span in spans:
            place = (span.span_id, span.start_time_unix_nano, span.status_code, span.name)
            waiting.setdefault(place, []).append(span)
        found: list[tuple[FailedSpan, Span]] = []
        for one in failed:
            frame = frames[one.place]
            own = waiting.get((frame.span_id, frame.start_time_unix_nano, frame.status_code, frame.name))
            # A span whose retention ended since is left out.
            if own:
                found.append((one, own.pop(0)))
        return found

    async def _related(self, window: SampleWindow, trace_id: bytes, signature: ErrorSignature) -> schema.RelatedErrors:
        of_service = SampleWindow(
            workspace_id=window.workspace_id,
            start_us=window.start_us,
            end_us=window.end_us,
            service=signature.service,
        )
        sample = await self._samples.failed_spans(of_service, operation=signature.operation, limit=_MAX_CANDIDATES)
        return await asyncio.to_thread(represent_related, signature, sample, but=trace_id, limit=_MAX_RELATED)

    async def _records(self, workspace_id: int, trace_id: bytes) -> Sequence[LogRecord]:
        if self._logs is None:
            return ()
        search = LogSearch(
            workspace_id=workspace_id,
            start_us=0,
            end_us=MAX_MOMENT_US,
            limit=_MAX_LOGS,
            min_severity=_ERROR,
            trace_id=trace_id,
        )
        newest_first = (await self._logs.find_log_records(search)).records
        return represent_log_records(newest_first[::-1])


def create_router(
    frames: FrameReader, samples: SampleReader, logs: LogReader | None, *, clock: Callable[[], int]
) -> APIRouter:
    """The router of the errors of a trace. ``clock`` gives Unix nanoseconds; without ``logs`` there are no records."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    endpoints = TraceErrorEndpoints(frames, samples, logs, clock=clock)
    failures = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/{traceId}/errors",
        endpoints.errors,
        summary="What went wrong in a trace",
        responses=describe(schema.TraceErrors, *failures),
    )
    return router


def _signatures(shown: Sequence[tuple[FailedSpan, Span]]) -> list[ErrorSignature]:
    """Those of the origins, each once, the first of them."""
    origins = [signature_of(span) for one, span in shown if not one.came_from]
    return list(dict.fromkeys(origins))[:_MAX_SIGNATURES]
