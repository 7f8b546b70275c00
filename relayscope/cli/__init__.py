"""The ``relayscope`` command. Exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

from relayscope.cli import bench, doctor, read, serve
from relayscope.invocation import as_called
from tracedata import CallerError, RelayscopeError

app = typer.Typer(
    name="relayscope",
    help="An LLM-aware trace backend: OTLP in, one PostgreSQL, REST and Jaeger out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
serve.register(app)
read.register(app)
doctor.register(app)
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
