"""The ``relayscope`` command. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relayscope.cli import bench, doctor, read, retention, serve
from relayscope.doctor.program import installed_version
from relayscope.invocation import as_called
from tracedata import CallerError, RelayscopeError

app = typer.Typer(
    name="relayscope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"relayscope {installed_version() or '(not installed)'}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda is_asked: _show_version(is_asked=is_asked),
        ),
    ] = False,
) -> None:
    """An LLM-aware trace backend: OTLP in, one PostgreSQL, REST and Jaeger out."""


serve.register(app)
read.register(app)
doctor.register(app)
retention.register(app)
bench.register(app)


def main() -> None:
    """Runs the command line; a failure is one sentence on standard error."""
    try:
        app()
    except RelayscopeError as exc:
        # Names of files may look like markup, and then would not be shown or even be refused.
        message = f"[bold red]relayscope:[/] {escape(as_called(str(exc), sys.argv[0]))}"
        Console(stderr=True).print(message, markup=True, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(exc, CallerError) else 1)
