"""The command ``archive``: traces that are kept beyond retention."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer
from rich.text import Text

from relayscope.api.rest import schema
from relayscope.cli.client import delete, put
from relayscope.cli.read import DEFAULT_URL, AsJson, Url, show
from tracedata import CallerError


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(archive)


def archive(
    trace_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the trace, in hex.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    remove: Annotated[bool, typer.Option("--remove", help="Let go of a trace that is kept.")] = False,
) -> None:
    """Keep a trace beyond retention; again, it adds the spans that have come since."""
    path = f"/api/v1/traces/{quote(trace_id, safe='')}/archive"
    if not remove:
        show(put(url, path), schema.ArchivedTrace, draw=_kept, as_json=as_json)
        return
    if as_json:
        raise CallerError("--json: nothing is printed with --remove")
    delete(url, path)
    typer.echo("The trace is no longer kept: it stays until retention removes it, if it has not done so.")


def _kept(kept: schema.ArchivedTrace) -> Text:
    spans = "1 span" if kept.span_count == 1 else f"{kept.span_count:,} spans"
    return Text(f"{kept.trace_id} is kept with {spans}, since {kept.archived_at[:19]}Z.")
