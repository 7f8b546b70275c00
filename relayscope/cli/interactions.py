"""The commands ``interactions``."""

from __future__ import annotations

import typer

from relayscope.cli import reprocess

interactions_app = typer.Typer(name="interactions", no_args_is_help=True, help="AI interactions: calls of models.")


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    reprocess.register(interactions_app)
    app.add_typer(interactions_app)


@interactions_app.callback()
def _interactions() -> None:
    """AI interactions: calls of models."""
