"""The endpoints of SQL: one query, and what can be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, NamedTuple

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from query.guard.allowed import FUNCTIONS
from query.guard.guard import MAX_SQL_BYTES, Guarded, check_sql
from query.guard.position import SqlRefusal
from relayscope.api.arrow import is_installed
from relayscope.api.departure import while_asked
from relayscope.api.problem import Problem, problem_of
from relayscope.api.rest import sql_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.body import JSON, read_body
from relayscope.api.rest.parameter import NoParameters
from relayscope.api.rest.sql_example import EXAMPLES
from relayscope.api.rest.sql_format import FORMATS
from relayscope.api.workspace import workspace_of
from storage.sql import SqlFailure, SqlStatement, SqlStore, View
from tracedata import CallerError, RelayscopeError

_WITH_ARROW = frozenset(("arrow", "parquet"))
_log = logging.getLogger(__name__)
# Unless more are asked for.
_ROWS = 1_000
# Parameters may be as long as what they are compared with.
MAX_BODY_BYTES = 64 * MAX_SQL_BYTES


class SqlAccess(NamedTuple):
    """What runs SQL of users, how much it may answer, and for how long one waits for whoever takes it."""

    store: SqlStore
    max_rows: int
    max_bytes: int
    stall_timeout_s: float = 30.0


class SqlEndpoints:
    """Answers for SQL."""

    def __init__(self, access: SqlAccess) -> None:
        self._access = access

    async def ask(self, request: Request) -> Response:
        """The rows of one SELECT over the views of `/api/v1/sql/schema`, in PostgreSQL's dialect.

        It runs read-only, in the eyes of the workspace, with bounds of time, rows, bytes and memory. An error says where in
        the query it lies: `position` of the problem. When whoever asked goes away, the query ends.
        """
        asked = _read(await read_body(request, max_bytes=MAX_BODY_BYTES))
        limit = min(_ROWS, self._access.max_rows) if asked.limit is None else asked.limit
        if limit > self._access.max_rows:
            raise CallerError(f"limit: must be at most {self._access.max_rows:,}")
        if asked.format in _WITH_ARROW and not is_installed():
            raise CallerError(f"format: {asked.format} needs pyarrow on the server: pip install 'relayscope[arrow]'")
        guarded = check_sql(asked.sql, asked.parameters)
        statement = SqlStatement(
            text=guarded.text,
            parameters=asked.parameters,
            max_rows=limit,
            max_bytes=self._access.max_bytes,
        )
        return _RowsResponse(
            self._access, workspace_of(request), statement=statement, guarded=guarded, form=asked.format
        )

    async def describe(self, _parameters: Annotated[NoParameters, Query()]) -> StructResponse:
        """The views that a query may ask, with their columns, types, descriptions and examples."""
        views = await self._access.store.views()
        return StructResponse(schema.SqlSchema(views=_views(views), functions=sorted(FUNCTIONS)))


def create_router(access: SqlAccess) -> APIRouter:
    """The router of ``/api/v1/sql``."""
    router = APIRouter(prefix="/api/v1/sql", tags=["SQL"], default_response_class=StructResponse)
    endpoints = SqlEndpoints(access)
    body = {"$ref": f"#/components/schemas/{schema.SqlRequest.__name__}"}
    router.add_api_route(
        "",
        endpoints.ask,
        methods=["POST"],
        summary="Ask in SQL",
        responses=describe(schema.SqlAnswer, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": body}}}},
    )
    router.add_api_route(
        "/schema",
        endpoints.describe,
        summary="What can be asked in SQL",
        responses=describe(schema.SqlSchema, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    return router


class _RowsResponse(Response):
    """Rows as they come. The status waits for the first of them, so that what fails before is answered as a problem.

    Whoever takes nothing for a while is given up: they would keep a connection from the others of their workspace.
    """

    def __init__(
        self, access: SqlAccess, workspace_id: int, *, statement: SqlStatement, guarded: Guarded, form: schema.SqlFormat
    ) -> None:
        media_type, self._format = FORMATS[form]
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._store = access.store
        self._stall_timeout_s = access.stall_timeout_s
        self._workspace_id = workspace_id
        self._statement = statement
        self._guarded = guarded
        self._is_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await while_asked(self._answer(send), receive, is_sent=lambda: self._is_sent)

    async def _answer(self, send: Send) -> None:
        has_begun = False
        try:
            async with self._store.run(self._workspace_id, self._statement) as rows:
                start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                await send(start)
                has_begun = True
                async for piece in self._format(rows, self._tell):
                    async with asyncio.timeout(self._stall_timeout_s):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._is_sent = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            _log.warning("an answer to SQL was broken off: nothing was taken for %g s", self._stall_timeout_s)
        except RelayscopeError as exc:
            # An answer that has begun ends where it is: without its end, whoever asked knows that it is not whole. The
            # error would go into the log, and it may quote what is stored.
            if has_begun:
                return
            if isinstance(exc, SqlFailure):
                raise refusal_of(exc, self._guarded) from exc
            raise

    def _tell(self, error: RelayscopeError) -> Problem:
        return problem_of(refusal_of(error, self._guarded) if isinstance(error, SqlFailure) else error)


def refusal_of(error: SqlFailure, guarded: Guarded) -> SqlRefusal:
    """What the server said, at its place in the user's text."""
    return SqlRefusal(str(error), place=guarded.place_of(error.position), hint=error.hint)


def _read(body: bytes) -> schema.SqlRequest:
    try:
        return msgspec.json.decode(body, type=schema.SqlRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        # The library's sentence names a path and a type, never a value.
        raise CallerError(f"body: {exc}") from exc


def _views(views: Sequence[View]) -> list[schema.ViewSchema]:
    return [
        schema.ViewSchema(
            name=view.name,
            description=view.description,
            columns=[
                schema.ViewColumnSchema(name=column.name, type=column.type, description=column.description)
                for column in view.columns
            ],
            examples=list(EXAMPLES.get(view.name, ())),
        )
        for view in views
    ]
