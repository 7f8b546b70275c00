"""The command ``decisions``: it asks the API and draws its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from urllib.parse import quote

import typer

from relayscope.api.rest import decision_schema as schema
from relayscope.cli.client import Parameters
from relayscope.cli.flags import with_flags
from relayscope.cli.read import DEFAULT_URL, AsJson, Cursor, End, Limit, Start, Url, ask, console, quoted, show
from relayscope.cli.render.decisions import render_flow, render_groups, render_traces

decisions_app = typer.Typer(
    name="decisions", no_args_is_help=True, help="What gateways, routers and agents decided, and why."
)
_DECISIONS = "/api/v1/decisions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """The flags that say which decisions are meant. A field is a flag."""

    type: Annotated[str | None, typer.Option(help="rule_evaluation, model_selection, cache_decision, ...")] = None
    component: Annotated[str | None, typer.Option(help="The component that decided.")] = None
    rule: Annotated[str | None, typer.Option(help="The id or the name of the rule.")] = None
    outcome: Annotated[str | None, typer.Option(help="The verdict, such as allow, deny or selected.")] = None
    enforced: Annotated[
        bool | None, typer.Option("--enforced/--shadow", help="Only what took effect, or only what did not.")
    ] = None
    final_status: Annotated[str | None, typer.Option(help="What became of the request, such as success.")] = None
    provider: Annotated[str | None, typer.Option(help="The provider that answered in the end.")] = None
    model: Annotated[str | None, typer.Option(help="The model that answered in the end.")] = None
    request: Annotated[str | None, typer.Option(help="The request's id.")] = None
    user: Annotated[str | None, typer.Option(help="The user's id.")] = None
    session: Annotated[str | None, typer.Option(help="The session's id.")] = None
    organization: Annotated[str | None, typer.Option(help="The organization's id.")] = None
    service: Annotated[str | None, typer.Option(help="The service that decided.")] = None
    start: Start = None
    end: End = None

    def parameters(self, **more: str | int | list[str] | None) -> Parameters:
        """As the API wants them."""
        return {
            "type": self.type,
            "component": self.component,
            "rule": self.rule,
            "outcome": self.outcome,
            "enforced": None if self.enforced is None else str(self.enforced).lower(),
            "finalStatus": self.final_status,
            "provider": self.provider,
            "model": self.model,
            "requestId": self.request,
            "user": self.user,
            "session": self.session,
            "organization": self.organization,
            "service": self.service,
            "start": self.start,
            "end": self.end,
            **more,
        }


def register(app: typer.Typer) -> None:
    """Adds the group to ``app``."""
    for name, command in (("list", list_), ("search", search), ("stats", stats)):
        decisions_app.command(name)(with_flags(command, Filters))
    decisions_app.command("show")(show_flow)
    app.add_typer(decisions_app)


def list_(
    *, filters: Filters, url: Url = DEFAULT_URL, as_json: AsJson = False, limit: Limit = None, cursor: Cursor = None
) -> None:
    """List traces with a decision on which all filters hold, newest first."""
    body = ask(url, _DECISIONS, filters.parameters(limit=limit, cursor=cursor))
    draw = partial(render_traces, width=console().width, today=datetime.now(UTC).date())
    show(body, schema.DecisionTraceList, draw=draw, as_json=as_json)


def search(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS...]", help="What stands in reasoning, input or output.")
    ] = None,
    *,
    filters: Filters,
    where: Annotated[
        list[str] | None,
        typer.Option(help="What stands inside, such as input.plan=enterprise or input.tokens>=1000; may be repeated."),
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """Look for words, and for what stands inside the input, the output or other attributes."""
    given = filters.parameters(q=quoted(words or ()) or None, where=where or None, limit=limit, cursor=cursor)
    draw = partial(render_traces, width=console().width, today=datetime.now(UTC).date())
    show(ask(url, f"{_DECISIONS}/search", given), schema.DecisionTraceList, draw=draw, as_json=as_json)


def stats(
    *,
    filters: Filters,
    by: Annotated[
        list[str] | None,
        typer.Option(help="type, component, rule, outcome, service or status; may be repeated."),
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="The length of a time bucket, such as 5m or 1h.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Count decisions, with how long they took and what the calls of models in their traces cost."""
    body = ask(url, f"{_DECISIONS}/stats", filters.parameters(by=by or None, bucket=bucket, limit=limit))
    draw = partial(render_groups, width=console().width)
    show(body, schema.DecisionStatistics, draw=draw, as_json=as_json)


def show_flow(
    trace_id: Annotated[str, typer.Argument(metavar="TRACE", help="The id of the trace, or of the request.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show the flow of a trace: who decided what, by which rule, why, and what came of it."""
    body = ask(url, f"{_DECISIONS}/{quote(trace_id, safe='')}", {})
    show(body, schema.DecisionFlow, draw=render_flow, as_json=as_json)
