"""The command ``interactions reprice``, apart from its neighbours, which need nothing of the database."""

from __future__ import annotations

import typer

from relayscope.cli.reprocess import reprice


def register(interactions_app: typer.Typer) -> None:
    """Adds the command."""
    interactions_app.command()(reprice)
