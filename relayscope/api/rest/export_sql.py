"""The endpoint that exports the rows of a query."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from query.guard.guard import Guarded, check_sql
from relayscope.api.arrow import is_installed
from relayscope.api.export.row import as_comma_separated, as_lines, as_typed_columns
from relayscope.api.export.transfer import Pieces, Transfer, TransferConfig
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.body import JSON, read_body
from relayscope.api.rest.export import FORMS
from relayscope.api.rest.export_schema import SqlExportRequest
from relayscope.api.rest.sql import MAX_BODY_BYTES, SqlAccess, refusal_of
from relayscope.api.rest.sql_schema import SqlAnswer
from relayscope.api.workspace import workspace_of
from storage.sql import SqlFailure, SqlRows, SqlStatement
from tracedata import CallerError

# More than there can be: exports are bounded by bytes and time.
_MAX_ROWS = 2**62


class SqlExportEndpoint:
    """Exports what a query of a user finds."""

    def __init__(self, access: SqlAccess, *, stall_timeout_s: float) -> None:
        self._access = access
        self._stall_timeout_s = stall_timeout_s

    async def rows(self, request: Request) -> Response:
        """All rows of one SELECT, guarded and bounded as those of `/api/v1/sql`, but for their number.

        An answer that exceeds the bound of bytes is broken off, without its last chunk.
        """
        asked = _read(await read_body(request, max_bytes=MAX_BODY_BYTES))
        if asked.format == "parquet" and not is_installed():
            raise CallerError("format: parquet needs pyarrow on the server: pip install 'relayscope[arrow]'")
        guarded = check_sql(asked.sql, asked.parameters)
        statement = SqlStatement(
            text=guarded.text,
            parameters=asked.parameters,
            max_rows=_MAX_ROWS,
            max_bytes=self._access.max_bytes,
        )
        workspace_id = workspace_of(request)
        media_type, suffix = FORMS[asked.format]
        config = TransferConfig(
            media_type=media_type, file_name=f"rows.{suffix}", stall_timeout_s=self._stall_timeout_s
        )
        return Transfer(lambda: self._opened(workspace_id, statement, guarded, _form(asked)), config)

    @asynccontextmanager
    async def _opened(
        self,
        workspace_id: int,
        statement: SqlStatement,
        guarded: Guarded,
        form: Callable[[SqlRows], AsyncIterator[bytes]],
    ) -> AsyncIterator[Pieces]:
        try:
            async with self._access.store.run(workspace_id, statement) as rows:
                yield Pieces(None, form(rows))
        except SqlFailure as exc:
            raise refusal_of(exc, guarded) from exc


def create_sql_export_router(access: SqlAccess, *, stall_timeout_s: float) -> APIRouter:
    """The router of ``POST /api/v1/export/sql``."""
    router = APIRouter(prefix="/api/v1/export", tags=["Export"], default_response_class=StructResponse)
    body = {"$ref": f"#/components/schemas/{SqlExportRequest.__name__}"}
    responses = describe(SqlAnswer, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    responses[200]["description"] = "The rows as a file."
    binary = {"schema": {"type": "string", "format": "binary"}}
    responses[200]["content"] = {media_type.partition(";")[0]: binary for media_type, _ in FORMS.values()}
    router.add_api_route(
        "/sql",
        SqlExportEndpoint(access, stall_timeout_s=stall_timeout_s).rows,
        methods=["POST"],
        summary="Export the rows of a query",
        responses=responses,
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": body}}}},
    )
    return router


def _form(asked: SqlExportRequest) -> Callable[[SqlRows], AsyncIterator[bytes]]:
    if asked.format == "jsonl":
        return as_lines
    if asked.format == "parquet":
        return as_typed_columns
    return lambda rows: as_comma_separated(rows, is_guarded=asked.safe_for_spreadsheets)


def _read(body: bytes) -> SqlExportRequest:
    try:
        return msgspec.json.decode(body, type=SqlExportRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        # The library's sentence names a path and a type, never a value.
        raise CallerError(f"body: {exc}") from exc
