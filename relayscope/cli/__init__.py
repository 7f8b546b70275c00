"""The ``relayscope`` command. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from relayscope.cli.client import PlacedError
from relayscope.cli.group import Root
from relayscope.cli.stream import describe_failure, drop_output, flush_output, open_missing_streams
from relayscope.entry import INTERRUPTED
from relayscope.invocation import as_called
from tracedata import CallerError, RelayscopeError

app = typer.Typer(
    name="relayscope",
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, is_asked: bool) -> None:
    if is_asked:
        try:
            typer.echo(f"relayscope {metadata.version('relayscope')}")
        except metadata.PackageNotFoundError:
            typer.echo("relayscope (not installed)")
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


def main() -> None:
    """Runs the command line; a failure is one sentence on standard error."""
    open_missing_streams()
    try:
        _check_words(sys.argv)
        try:
            app()
        finally:
            flush_output()
    except RelayscopeError as exc:
        _tell(as_called(str(exc), sys.argv[0]))
        if isinstance(exc, PlacedError):
            typer.echo(exc.excerpt, err=True)
        sys.exit(2 if isinstance(exc, CallerError) else 1)
    except OSError as exc:
        drop_output()
        # A reader that has seen enough, such as head, is no failure to tell.
        if not isinstance(exc, BrokenPipeError):
            _tell(describe_failure(exc))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _check_words(words: Sequence[str]) -> None:
    for place, word in enumerate(words):
        try:
            word.encode()
        except UnicodeEncodeError as exc:
            raise CallerError(f"argument {place} is not text in UTF-8") from exc


def _tell(message: str) -> None:
    # Names of files may look like markup, and then would not be shown or even be refused.
    marked = f"[bold red]relayscope:[/] {escape(message)}"
    Console(stderr=True).print(marked, markup=True, highlight=False, soft_wrap=True, emoji=False)
