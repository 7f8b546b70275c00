"""The version of the program."""

from __future__ import annotations

from importlib import metadata


def installed_version() -> str:
    """What runs; 0 in a checkout that was not installed."""
    try:
        return metadata.version("relayscope")
    except metadata.PackageNotFoundError:
        return "0"
