"""The commands that read: ``services``, ``traces``, ``trace``, ``map``. They ask the API and draw its answers."""

import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from relayscope.api.rest import log_schema, schema, service_schema
from relayscope.api.rest.query_schema import FoundTraceList
from relayscope.api.rest.trace_detail_schema import CriticalPath
from relayscope.api.rest.trace_error_schema import TraceErrors
from relayscope.cli.client import Parameters, PlacedError, get
from relayscope.cli.render.critical_path import render_critical_path
from relayscope.cli.render.errors import render_errors
from relayscope.cli.render.logs import render_logs
from relayscope.cli.render.map import render_map
from relayscope.cli.render.matches import render_matches
from relayscope.cli.render.services import render_services
from relayscope.cli.render.traces import render_traces
from relayscope.cli.render.waterfall import MAX_SPANS, waterfall
from relayscope.invocation import as_called
from tracedata import CallerError, NotFoundError, PermanentError, RelayscopeError

_T = TypeVar("_T")

_FAILED = 1
_USAGE = 2
_PIPE_CELLS = 160

Url = Annotated[str, typer.Option("--url", envvar="RELAYSCOPE_URL", help="Where the API is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
Start = Annotated[str | None, typer.Option(help="ISO-8601, Unix time, or relative such as -1h. Default: -24h.")]
End = Annotated[str | None, typer.Option(help="Like --start. Default: now.")]
Limit = Annotated[int | None, typer.Option(help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(help="Continue after the previous page.")]
DEFAULT_URL = "http://127.0.0.1:8000"


def register(app: typer.Typer) -> None:
    """Adds the commands to ``app``."""
    for command in (services, traces, trace, map_):
        app.command(command.__name__.rstrip("_"))(command)


def services(*, url: Url = DEFAULT_URL, as_json: AsJson = False, limit: Limit = None, cursor: Cursor = None) -> None:
    """List the services that sent spans."""
    parameters: Parameters = {"limit": limit, "cursor": cursor}
    body = ask(url, "/api/v1/services", parameters)
    show(body, service_schema.ServiceList, draw=render_services, as_json=as_json)


def traces(
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    service: Annotated[str | None, typer.Option(help="The service of a span.")] = None,
    operation: Annotated[str | None, typer.Option(help="The name of a span.")] = None,
    start: Start = None,
    end: End = None,
    min_duration: Annotated[str | None, typer.Option(help="Such as 100ms, 1.5s, or milliseconds.")] = None,
    max_duration: Annotated[str | None, typer.Option(help="Such as 100ms, 1.5s, or milliseconds.")] = None,
    status: Annotated[str | None, typer.Option(help="error, ok, unset or success.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="An attribute as key:value; may be repeated.")] = None,
    query: Annotated[str | None, typer.Option(help="TraceQL, instead of the filters above it but the times.")] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """Search traces, newest first. All filters hold on one and the same span."""
    if query is not None:
        if any((service, operation, min_duration, max_duration, status, tag)):
            raise _exit(
                CallerError("--query says all by itself: only --start, --end, --limit and --cursor go with it.")
            )
        wanted: Parameters = {"q": query, "start": start, "end": end, "limit": limit, "cursor": cursor}
        found = ask(url, "/api/v1/traces/search", wanted)
        draw = partial(render_matches, width=console().width, has_start=start is not None)
        show(found, FoundTraceList, draw=draw, as_json=as_json)
        return
    parameters: Parameters = {
        "service": service,
        "operation": operation,
        "start": start,
        "end": end,
        "minDuration": min_duration,
        "maxDuration": max_duration,
        "status": status,
        "tag": tag or None,
        "limit": limit,
        "cursor": cursor,
    }
    body = ask(url, "/api/v1/traces", parameters)
    draw = partial(render_traces, width=console().width, today=datetime.now(UTC).date(), has_start=start is not None)
    show(body, schema.TraceList, draw=draw, as_json=as_json)


def trace(
    trace_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the trace, in hex.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, help="How many spans to draw at most.")] = MAX_SPANS,
    as_path: Annotated[bool, typer.Option("--critical-path", help="What bounded its end, and self times.")] = False,
    as_errors: Annotated[bool, typer.Option("--errors", help="What failed, causes first, and where else.")] = False,
) -> None:
    """Draw one trace as a waterfall, and its log records below it."""
    path = f"/api/v1/traces/{quote(trace_id, safe='')}"
    if as_path and as_errors:
        raise _exit(CallerError("--critical-path and --errors are two views: give one of them."))
    if as_path:
        show(ask(url, f"{path}/critical-path", {}), CriticalPath, draw=render_critical_path, as_json=as_json)
        return
    if as_errors:
        show(ask(url, f"{path}/errors", {}), TraceErrors, draw=render_errors, as_json=as_json)
        return
    width = console().width
    try:
        spans = get(url, path, {})
    except NotFoundError as exc:
        body = _logs_alone(trace_id, ask(url, f"{path}/logs", {}), missing=exc)
        show(body, _LogsAlone, draw=lambda answer: _without_spans(answer, width=width), as_json=as_json)
        return
    except RelayscopeError as exc:
        raise _exit(exc) from exc
    body = _with_logs(spans, ask(url, f"{path}/logs", {}))
    show(body, _LoggedTrace, draw=lambda answer: _logged_trace(answer, width=width, limit=limit), as_json=as_json)


class _LogsAlone(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trace of which there are log records only, as far as that has what a trace has."""

    trace_id: str
    spans: list[schema.Span]
    logs: log_schema.LogRecordList


def _logs_alone(trace_id: str, logs: bytes, *, missing: NotFoundError) -> bytes:
    try:
        found = msgspec.json.decode(logs, type=log_schema.LogRecordList)
    except msgspec.MsgspecError as exc:
        raise _exit(PermanentError("The server's answer is not what this version expects.")) from exc
    if not found.items:
        raise _exit(missing)
    return msgspec.json.encode(_LogsAlone(trace_id=found.items[0].trace_id or trace_id, spans=[], logs=found))


def _without_spans(trace: _LogsAlone, *, width: int) -> RenderableType:
    times = [int(one.time_unix_nano) or int(one.observed_time_unix_nano) for one in trace.logs.items]
    title = Text(f"{trace.trace_id}  no span of it is stored")
    return Group(title, Text(), render_logs(trace.logs, start_ns=min(times), width=width))


def _with_logs(trace: bytes, logs: bytes) -> bytes:
    """The API's answer about a trace, with its answer about the log records in it: the first page of them."""
    try:
        parts = msgspec.json.decode(trace, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as exc:
        raise _exit(PermanentError("The server's answer is not what this version expects.")) from exc
    return msgspec.json.encode({**parts, "logs": msgspec.Raw(logs)})


class _LoggedTrace(schema.Trace, frozen=True, kw_only=True):
    """A trace with the first page of its log records."""

    logs: log_schema.LogRecordList


def _logged_trace(trace: _LoggedTrace, *, width: int, limit: int) -> RenderableType:
    drawn = waterfall(trace, width=width, limit=limit)
    if not trace.logs.items:
        return drawn
    start_ns = min((int(span.start_time_unix_nano) for span in trace.spans), default=0)
    return Group(drawn, Text(), render_logs(trace.logs, start_ns=start_ns, width=width))


def map_(
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    service: Annotated[str | None, typer.Option(help="Only this service and its neighbours.")] = None,
    start: Start = None,
    end: End = None,
) -> None:
    """Show which service calls which, with rates, errors and latencies."""
    parameters: Parameters = {"service": service, "start": start, "end": end}
    body = ask(url, "/api/v1/traces/services", parameters)
    show(body, service_schema.ServiceMap, draw=partial(render_map, width=console().width), as_json=as_json)


def ask(url: str, path: str, parameters: Parameters) -> bytes:
    try:
        return get(url, path, parameters)
    except RelayscopeError as exc:
        raise _exit(exc) from exc


def quoted(words: Sequence[str]) -> str:
    """Words of a command line as a search takes them: the shell has taken the quotes from a phrase."""
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


def show(body: bytes, answer: type[_T], *, draw: Callable[[_T], RenderableType], as_json: bool) -> None:
    """Prints what ``draw`` makes of an answer; a plain text as it is, however narrow the terminal."""
    if as_json:
        typer.echo(body)
        return
    try:
        decoded = msgspec.json.decode(body, type=answer)
    except msgspec.MsgspecError as exc:
        raise _exit(PermanentError("The server's answer is not what this version expects; --json prints it.")) from exc
    drawn = draw(decoded)
    if isinstance(drawn, str):
        typer.echo(drawn)
        return
    console().print(drawn)


def tell(error: RelayscopeError) -> None:
    """Says on standard error what went wrong, and shows where in a query."""
    typer.echo(f"relayscope: {as_called(str(error), sys.argv[0])}", err=True)
    if isinstance(error, PlacedError):
        typer.echo(error.excerpt, err=True)


def _exit(error: RelayscopeError) -> typer.Exit:
    tell(error)
    return typer.Exit(_USAGE if isinstance(error, CallerError) else _FAILED)


def console() -> Console:
    # Without this, a pipe in the C locale would end a table with an error at its first line of a box.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    # What reads a pipe has no width; the 80 cells that rich assumes would cut what it looks for.
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_CELLS
    return Console(highlight=False, width=width)
