"""Keeping traces beyond retention, and showing traces that were never stored: what Jaeger's web page does with POST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from fastapi import APIRouter, Request, Response

from relayscope.api.jaeger import document
from relayscope.api.jaeger.envelope import EnvelopeRoute, TooLargeError, answer
from relayscope.api.jaeger.identifier import parse_trace_id
from relayscope.api.jaeger.model import Envelope, Failure
from relayscope.api.jaeger.parameter import check_hints
from relayscope.api.jaeger.translation import translate_trace
from relayscope.api.rendering import encode_by_part
from relayscope.api.workspace import workspace_of as default_workspace_of
from storage.archive import TraceArchive
from tracedata import Batch, CallerError, NotFoundError, PermanentError, Span

# What the audit log says of those who come over HTTP, until requests have accounts.
ACTOR = "api"
_MAX_BODY_BYTES = 64 << 20
_NOT_FOUND = "trace not found"
# Makes spans of OTLP/JSON. Raises ``PermanentError`` when there are none in it.
DecodeTraces: TypeAlias = Callable[[bytes], Batch]
_NO_ARCHIVE = "archive span storage was not configured"


def create_archiving_router(
    archive: TraceArchive | None,
    decode: DecodeTraces | None,
    *,
    workspace_of: Callable[[Request], int] = default_workspace_of,
) -> APIRouter:
    """``/api/archive/{traceID}``, which says so when there is no archive, and ``/api/transform`` when there is a decoder."""
    endpoints = _Endpoints(archive, workspace_of=workspace_of)
    router = APIRouter(prefix="/api", tags=["jaeger"], route_class=EnvelopeRoute)
    described = document.document(document.TRACE[0], failures=(400, 404, 500, 503))
    router.add_api_route(
        "/archive/{traceID}",
        endpoints.archive,
        methods=["POST"],
        summary="Keep a trace beyond retention",
        openapi_extra=described,
    )
    if decode is None:
        return router
    router.add_api_route(
        "/transform",
        _Transformation(decode).transform,
        methods=["POST"],
        summary="OTLP/JSON in Jaeger's model",
        openapi_extra={
            **document.document(failures=(400, 413)),
            "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        },
    )
    return router


class _Endpoints:
    def __init__(self, archive: TraceArchive | None, *, workspace_of: Callable[[Request], int]) -> None:
        self._archive = archive
        self._workspace_of = workspace_of

    async def archive(self, request: Request) -> Response:
        """Can be repeated: what has come since is added."""
        archive, trace_id = self._asked(request)
        if await archive.archive(self._workspace_of(request), trace_id, actor=ACTOR) is None:
            raise NotFoundError(_NOT_FOUND)
        return answer(request, Envelope(data=[], errors=[]))

    def _asked(self, request: Request) -> tuple[TraceArchive, bytes]:
        if self._archive is None:
            raise PermanentError(_NO_ARCHIVE)
        trace_id = parse_trace_id(request.path_params["traceID"])
        check_hints(request.query_params)
        return self._archive, trace_id


class _Transformation:
    def __init__(self, decode: DecodeTraces) -> None:
        self._decode = decode
        # One at a time, as whole traces are rendered.
        self._transforming = asyncio.Semaphore(1)

    async def transform(self, request: Request) -> Response:
        """Nothing is stored and nothing adjusted; spans that cannot be read are counted in `errors`."""
        body = await _body(request)
        async with self._transforming:
            return await asyncio.to_thread(self._transformed, request, body)

    def _transformed(self, request: Request, body: bytes) -> Response:
        try:
            batch = self._decode(body)
        except PermanentError as exc:
            raise CallerError(f"cannot unmarshal OTLP : {exc}") from exc
        data = [
            encode_by_part(translate_trace(trace_id, spans), part="spans")
            for trace_id, spans in _by_trace(batch.spans).items()
        ]
        return answer(request, Envelope(data=data, errors=_left_out(batch) or None))


async def _body(request: Request) -> bytes:
    """Of any media type: the web page says JSON, and curl does not."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_BODY_BYTES:
            raise TooLargeError(f"the body may have {_MAX_BODY_BYTES} bytes at most")
    return bytes(body)


def _by_trace(spans: Sequence[Span]) -> Mapping[bytes, Sequence[Span]]:
    """In the order in which traces come first."""
    found: dict[bytes, list[Span]] = {}
    for span in spans:
        found.setdefault(span.trace_id, []).append(span)
    return found


def _left_out(batch: Batch) -> Sequence[Failure]:
    return [Failure(msg=f"{count} spans left out: {reason}") for reason, count in batch.rejections.items()]
