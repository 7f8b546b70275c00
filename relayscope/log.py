"""Logging: one line an event on standard error, without data values."""

from __future__ import annotations

import logging
import os
import sys

# Libraries that speak at every step.
_QUIET = ("uvicorn", "asyncio", "grpc", "psycopg.pool")


def configure_logging(level: str) -> None:
    """Sends log lines of at least ``level`` (debug, info, warning, error) to standard error."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format=f"%(asctime)s %(levelname)-7s %(name)s[{os.getpid()}] %(message)s",
        force=True,
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
