"""The commands ``redact``: the policy, what it would do, and the keys."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import yaml
from rich.console import Console

from relayscope.actor import actor
from relayscope.cli import option, redact_stored
from relayscope.cli.database import database_of
from relayscope.cli.render.table import note, table
from relayscope.cli.render.text import clean
from relayscope.cli.stored_trace import stored_trace
from relayscope.log import configure_logging
from relayscope.redaction import (
    Trial,
    build_audit,
    build_keys,
    effective_policy,
    revealed,
    rotate_key,
    try_on_text,
    try_on_trace,
    without_personal_data,
)
from storage.api import DEFAULT_WORKSPACE_ID
from storage.audit import REVEALED
from tracedata import CallerError

redact_app = typer.Typer(
    name="redact", no_args_is_help=True, help="Redaction: its policy, what it would do, and proof of what it did."
)
_STDIN = Path("-")

Url = Annotated[
    str,
    typer.Option("--url", envvar="RELAYSCOPE_URL", help="Where the API is, for --trace."),
]


Workspace = Annotated[int, typer.Option("--workspace", min=1, help="The workspace whose policy and keys it is.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    redact_stored.register(redact_app)
    app.add_typer(redact_app)


@redact_app.command("test")
def try_out(
    *,
    file: Annotated[
        Path | None, typer.Argument(help="Text, or one attribute map in JSON a line; - is standard input.")
    ] = None,
    trace: Annotated[str | None, typer.Option("--trace", help="A stored trace instead of a file.")] = None,
    url: Url = "http://127.0.0.1:8000",
    workspace: Workspace = DEFAULT_WORKSPACE_ID,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
) -> None:
    """Show what redaction would leave of a sample text or of a stored trace; nothing is changed."""
    settings = option.settings_from(config=config, data_dir=data_dir)
    if (file is None) == (trace is None):
        raise CallerError("name a file (- for standard input), or a stored trace with --trace")
    if trace is not None:
        stored = stored_trace(url, trace)
        trial = try_on_trace(settings, stored.spans, stored.log_records, workspace)
    else:
        trial = try_on_text(settings, _read(file or _STDIN), workspace)
    if as_json:
        typer.echo(msgspec.json.encode(trial))
        return
    _draw(trial, is_shown=file is not None)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if file == _STDIN else file.read_text(encoding="utf-8")
    except OSError as exc:
        raise CallerError(f"cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CallerError(f"cannot read {file}: it is not UTF-8") from exc


def _draw(trial: Trial, *, is_shown: bool) -> None:
    console = Console(highlight=False)
    if is_shown:
        for one in trial.items:
            console.print(clean(one.text), markup=False, soft_wrap=True)
        console.print()
    made = table(left=("ENTITY",), right=("VALUES",))
    for entity, count in sorted(trial.entities.items()):
        made.add_row(entity, f"{count:,}")
    if trial.entities:
        console.print(made)
    count = sum(trial.entities.values())
    said = (
        f"{count:,} {'value' if count == 1 else 'values'} would be redacted" if count else "nothing would be redacted"
    )
    console.print(note(f"{said}; policy {trial.policy_hash}"))


@redact_app.command()
def policy(
    *,
    workspace: Workspace = DEFAULT_WORKSPACE_ID,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
) -> None:
    """Print the policy in force, with everything that the defaults add, and its hash."""
    effective = effective_policy(option.settings_from(config=config, data_dir=data_dir), workspace)
    if as_json:
        found = {"enabled": effective.is_enabled, "policyHash": effective.policy_hash, "policy": effective.tree}
        typer.echo(msgspec.json.encode(found))
        return
    typer.echo(f"# policy {effective.policy_hash}")
    typer.echo(yaml.safe_dump({"processors": {"redaction": dict(effective.tree)}}, sort_keys=False), nl=False)


@redact_app.command()
def reveal(
    *,
    tokens: Annotated[
        list[str], typer.Argument(help="What the operator encrypt left, such as <EMAIL_ADDRESS:v1.KEY.TEXT>.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is written to the audit log.")],
    workspace: Workspace = DEFAULT_WORKSPACE_ID,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Show what tokens of the operator encrypt stand for; who asked and why is written to the audit log first."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    if not reason.strip():
        raise CallerError("--reason is empty; it is what the audit log keeps")
    configure_logging("warning")
    keys = build_keys(settings)
    values = [revealed(token, keys, workspace) for token in tokens]
    counts = Counter(entity for entity, _ in values)

    async def record() -> None:
        async with database_of(settings) as dsn:
            detail = {"entities": counts, "reason": without_personal_data(settings, reason, workspace)}
            await build_audit(dsn).record(actor=actor(), action=REVEALED, workspace_id=workspace, detail=detail)

    asyncio.run(record())
    if as_json:
        typer.echo(msgspec.json.encode([{"entity": entity, "value": value} for entity, value in values]))
        return
    for _, value in values:
        typer.echo(clean(value))


@redact_app.command("rotate")
def rotate(
    *,
    config: option.Config = None,
    data_dir: option.DataDir = None,
) -> None:
    """Put a new key on top of the key file; older keys stay for what they encrypted."""
    path = rotate_key(option.settings_from(config=config, data_dir=data_dir))
    typer.echo(f"{path} has a new key; it is used after the next start.")
