"""The commands that look closer: ``compare`` puts two traces beside each other, ``attributes`` tells what there is to search for."""

from typing import Annotated
from urllib.parse import quote

import typer

from relayscope.api.rest.attribute_schema import AttributeKeyList, AttributeValueList
from relayscope.api.rest.comparison_schema import TraceComparison
from relayscope.cli.client import Parameters
from relayscope.cli.read import DEFAULT_URL, AsJson, End, Limit, Start, Url, ask, show
from relayscope.cli.render.attributes import render_keys, render_values
from relayscope.cli.render.comparison import render_comparison

_SHOWN = 60


def register(app: typer.Typer) -> None:
    """Adds the commands to ``app``."""
    for command in (compare, attributes):
        app.command(command.__name__)(command)


def compare(
    left: Annotated[str, typer.Argument(metavar="LEFT", help="The id of one trace, in hex.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="The id of the other trace, in hex.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, help="How many groups at most: those that differ most.")] = _SHOWN,
) -> None:
    """Compare two traces: what was called along the same way, how often, for how long, and what only one did."""
    body = ask(url, "/api/v1/traces/compare", {"left": left, "right": right, "limit": limit})
    show(body, TraceComparison, draw=render_comparison, as_json=as_json)


def attributes(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="A key, to list its values.")] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    service: Annotated[str | None, typer.Option(help="Only spans of this service.")] = None,
    scope: Annotated[str | None, typer.Option(help="span, resource, scope, event or link.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Only those that begin with this.")] = None,
    start: Start = None,
    end: End = None,
    limit: Limit = None,
) -> None:
    """List the attribute keys of the newest spans, or the values of one key."""
    wanted: Parameters = {
        "service": service,
        "scope": scope,
        "q": prefix,
        "start": start,
        "end": end,
        "limit": limit,
    }
    if key is None:
        show(ask(url, "/api/v1/attributes", wanted), AttributeKeyList, draw=render_keys, as_json=as_json)
        return
    body = ask(url, f"/api/v1/attributes/{quote(key, safe='')}/values", wanted)
    show(body, AttributeValueList, draw=render_values, as_json=as_json)
