"""The command ``sql``: one query, a prompt for many, or the URL for other programs."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Annotated

import msgspec
import typer

from relayscope.api.rest.body import JSON
from relayscope.api.rest.sql_schema import SqlAnswer, SqlRequest, SqlSchema
from relayscope.cli import option
from relayscope.cli.client import PlacedError, get, post
from relayscope.cli.database import database_of
from relayscope.cli.read import DEFAULT_URL, Url, console, tell
from relayscope.cli.render.sql import render_rows, render_schema, write_csv
from relayscope.cli.sql_prompt import Prompt, SchemaNames
from relayscope.settings import Settings
from relayscope.sql import build_sql
from storage.api import DEFAULT_WORKSPACE_ID
from tracedata import CallerError, PermanentError, RelayscopeError

_FAILED, _USAGE = 1, 2
# Longer than any query may take.
_PATIENCE_S = 3_700.0


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(sql)


def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="A SELECT; - reads it from standard input.")
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="The value of $1, then of $2; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many rows at most. Default: 1000.")] = None,
    as_json: option.AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    dsn: Annotated[
        bool, typer.Option("--dsn", help="Print the read-only database URL of the workspace, with its password.")
    ] = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Ask in SQL. Without a query, a prompt opens."""
    if dsn:
        typer.echo(asyncio.run(_dsn(option.settings_from(config=config, data_dir=data_dir, database_url=database_url))))
        return
    if as_json and as_csv:
        raise CallerError("--json and --csv: only one of them is possible")
    if query is None and sys.stdin.isatty():
        _prompt(url, limit=limit)
        return
    text = sys.stdin.read() if query in {None, "-"} else query or ""
    raise typer.Exit(_ask(url, _request(text, parameter, limit=limit), as_json=as_json, as_csv=as_csv))


async def _dsn(settings: Settings) -> str:
    """Made from the files of the data folder, so that only those who may read them get it."""
    if not settings.storage.sql.enabled:
        raise CallerError("storage.sql.enabled is off, so there is no role for SQL")
    async with database_of(settings) as owner_dsn:
        return await build_sql(settings, owner_dsn).dsn(DEFAULT_WORKSPACE_ID)


def _request(text: str, parameters: list[str] | None, *, limit: int | None) -> SqlRequest:
    return SqlRequest(sql=text, parameters=[*(parameters or ())], limit=limit)


def _ask(url: str, request: SqlRequest, *, as_json: bool = False, as_csv: bool = False) -> int:
    """Asks, and shows the answer or the refusal. Gives the exit code."""
    try:
        body = post(url, "/api/v1/sql", msgspec.json.encode(request), media_type=JSON, timeout_s=_PATIENCE_S)
    except PlacedError as exc:
        tell(exc)
        return _USAGE
    answer = _decoded(body)
    if as_json:
        typer.echo(body)
    elif as_csv:
        buffer = io.StringIO(newline="")
        write_csv(answer, buffer)
        typer.echo(buffer.getvalue(), nl=False)
    else:
        out = console()
        out.print(render_rows(answer, width=out.width))
    if answer.error:
        typer.echo(f"relayscope: the rows end too early: {answer.error.detail}", err=True)
        return _FAILED
    if answer.truncated and (as_json or as_csv):
        typer.echo(f"relayscope: there are more than {answer.row_count:,} rows; raise --limit", err=True)
    return 0


def _decoded(body: bytes) -> SqlAnswer:
    try:
        return msgspec.json.decode(body, type=SqlAnswer)
    except msgspec.MsgspecError as exc:
        raise PermanentError("The server's answer is not what this version expects.") from exc


def _prompt(url: str, *, limit: int | None) -> None:
    schema = msgspec.json.decode(get(url, "/api/v1/sql/schema", {}), type=SqlSchema)
    names = SchemaNames(
        views={view.name: [column.name for column in view.columns] for view in schema.views}, functions=schema.functions
    )
    out = console()
    out.print(f"Ask in SQL; a semicolon ends a query. {_HELP}")
    for line in Prompt(names).lines():
        if line.startswith("\\"):
            command, _, rest = line.partition(" ")
            if command == "\\d":
                out.print(render_schema(schema, view=rest.strip().rstrip(";") or None))
            else:
                out.print(_HELP)
            continue
        try:
            _ask(url, SqlRequest(sql=line, limit=limit))
        except RelayscopeError as exc:
            tell(exc)


_HELP = "\\d lists the views, \\d VIEW its columns, \\q leaves."
