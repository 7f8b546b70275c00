"""The commands ``interactions`` and ``sessions``: they ask the API and draw its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from urllib.parse import quote

import typer

from relayscope.api.rest import interaction_schema as schema
from relayscope.cli.client import Parameters
from relayscope.cli.flags import with_flags
from relayscope.cli.group import Interactions
from relayscope.cli.read import DEFAULT_URL, AsJson, Cursor, End, Limit, Start, Url, ask, console, quoted, show
from relayscope.cli.render.conversation import render_detail, render_session
from relayscope.cli.render.interactions import (
    render_hits,
    render_interactions,
    render_models,
    render_sessions,
    render_statistics,
)

interactions_app = typer.Typer(
    name="interactions",
    cls=Interactions,
    no_args_is_help=True,
    help="Calls of models: what they said, cost, and how long they took.",
)
sessions_app = typer.Typer(name="sessions", no_args_is_help=True, help="Sessions, as conversations.")

_INTERACTIONS, _SESSIONS = "/api/v1/ai-interactions", "/api/v1/sessions"
_LATENCY = "Such as 100ms, 1.5s, or milliseconds."

OperationFlag = Annotated[
    list[str] | None,
    typer.Option("--operation", help="chat, tool, agent, ... or all; may be repeated. Default: calls of models."),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """The flags that say which interactions are meant. A field is a flag."""

    provider: Annotated[str | None, typer.Option(help="The provider.")] = None
    model: Annotated[str | None, typer.Option(help="The model that answered, or that was asked for.")] = None
    operation: OperationFlag = None
    user: Annotated[str | None, typer.Option(help="The user's id.")] = None
    session: Annotated[str | None, typer.Option(help="The session's id.")] = None
    agent: Annotated[str | None, typer.Option(help="The name of the agent.")] = None
    organization: Annotated[str | None, typer.Option(help="The organization's id.")] = None
    service: Annotated[str | None, typer.Option(help="The service that called.")] = None
    status: Annotated[str | None, typer.Option(help="success, error or timeout.")] = None
    error_class: Annotated[str | None, typer.Option(help="rate_limit, auth, timeout, server, ...")] = None
    min_cost: Annotated[str | None, typer.Option(help="What a call cost at least.")] = None
    max_cost: Annotated[str | None, typer.Option(help="What a call cost at most.")] = None
    min_tokens: Annotated[int | None, typer.Option(help="Input and output together, at least.")] = None
    max_tokens: Annotated[int | None, typer.Option(help="Input and output together, at most.")] = None
    min_latency: Annotated[str | None, typer.Option(help=_LATENCY)] = None
    max_latency: Annotated[str | None, typer.Option(help=_LATENCY)] = None
    trace: Annotated[str | None, typer.Option(help="The id of the trace, in hex. Without --start, of any age.")] = None
    start: Start = None
    end: End = None

    def parameters(self, **more: str | int | list[str] | None) -> Parameters:
        """As the API wants them."""
        return {
            "provider": self.provider,
            "model": self.model,
            "operation": self.operation or None,
            "user": self.user,
            "session": self.session,
            "agent": self.agent,
            "organization": self.organization,
            "service": self.service,
            "status": self.status,
            "errorClass": self.error_class,
            "minCost": self.min_cost,
            "maxCost": self.max_cost,
            "minTokens": self.min_tokens,
            "maxTokens": self.max_tokens,
            "minLatency": self.min_latency,
            "maxLatency": self.max_latency,
            "traceId": self.trace,
            "start": self.start,
            "end": self.end,
            **more,
        }


def register(app: typer.Typer) -> None:
    """Adds the groups to ``app``."""
    for name, command in (
        ("list", list_),
        ("search", search),
        ("stats", stats),
        ("models", models),
    ):
        interactions_app.command(name)(with_flags(command, Filters))
    interactions_app.command("show")(show_interaction)
    sessions_app.command("list")(with_flags(list_sessions, Filters))
    sessions_app.command("show")(show_session)
    app.add_typer(interactions_app)
    app.add_typer(sessions_app)


def list_(
    *, filters: Filters, url: Url = DEFAULT_URL, as_json: AsJson = False, limit: Limit = None, cursor: Cursor = None
) -> None:
    """List calls of models, newest first."""
    body = ask(url, _INTERACTIONS, filters.parameters(limit=limit, cursor=cursor))
    draw = partial(render_interactions, width=console().width, today=datetime.now(UTC).date())
    show(body, schema.InteractionList, draw=draw, as_json=as_json)


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What to look for in prompts and answers.")],
    *,
    filters: Filters,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Limit = None,
    cursor: Cursor = None,
) -> None:
    """Look for words in prompts and answers: two words, "a phrase", this or that, -without (after --)."""
    body = ask(url, f"{_INTERACTIONS}/search", filters.parameters(q=quoted(words), limit=limit, cursor=cursor))
    show(body, schema.HitList, draw=render_hits, as_json=as_json)


def stats(
    *,
    filters: Filters,
    by: Annotated[
        list[str] | None,
        typer.Option(help="provider, model, family, operation, user, session, agent or service; may be repeated."),
    ] = None,
    bucket: Annotated[str | None, typer.Option(help="The length of a time bucket, such as 5m or 1h.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Limit = None,
) -> None:
    """Count calls, errors, tokens and costs, with percentiles of latencies."""
    body = ask(url, f"{_INTERACTIONS}/stats", filters.parameters(by=by or None, bucket=bucket, limit=limit))
    show(body, schema.InteractionStatistics, draw=partial(render_statistics, width=console().width), as_json=as_json)


def models(*, filters: Filters, url: Url = DEFAULT_URL, as_json: AsJson = False, limit: Limit = None) -> None:
    """Compare models: reliability, latency, speed, tokens and cost."""
    body = ask(url, f"{_INTERACTIONS}/models", filters.parameters(limit=limit))
    show(body, schema.ModelList, draw=partial(render_models, width=console().width), as_json=as_json)


def show_interaction(
    interaction_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as the list prints it.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show one call as a conversation, with its tool calls and the calculation of its cost."""
    body = ask(url, f"{_INTERACTIONS}/{quote(interaction_id, safe='')}", {})
    show(body, schema.InteractionDetail, draw=render_detail, as_json=as_json)


def list_sessions(
    *, filters: Filters, url: Url = DEFAULT_URL, as_json: AsJson = False, limit: Limit = None, cursor: Cursor = None
) -> None:
    """List sessions, the latest first."""
    body = ask(url, _SESSIONS, filters.parameters(limit=limit, cursor=cursor))
    show(body, schema.SessionList, draw=partial(render_sessions, width=console().width), as_json=as_json)


def show_session(
    session_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the session.")],
    *,
    operation: OperationFlag = None,
    start: Start = None,
    end: End = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
    limit: Annotated[int | None, typer.Option(help="How many calls at most.")] = None,
    cursor: Cursor = None,
) -> None:
    """Show a session as a conversation, oldest first."""
    parameters: Parameters = {
        "operation": operation or None,
        "start": start,
        "end": end,
        "limit": limit,
        "cursor": cursor,
    }
    body = ask(url, f"{_SESSIONS}/{quote(session_id, safe='')}", parameters)
    show(body, schema.SessionDetail, draw=render_session, as_json=as_json)
