"""A Citus cluster for the tests, when somebody has one: ``RELAYSCOPE_TEST_CITUS_URL`` names its coordinator."""

from __future__ import annotations

import os

import pytest

from storage.postgres.citus import distribute
from storage.postgres.migration import migrate
from tests.support.postgres import empty

_VARIABLE = "RELAYSCOPE_TEST_CITUS_URL"


def has_citus() -> bool:
    """Whether somebody has given us a cluster."""
    return bool(os.environ.get(_VARIABLE))


def citus_url() -> str:
    """The URL of a database that the tests may fill and empty; skips the test when there is none."""
    url = os.environ.get(_VARIABLE, "")
    if not url:
        pytest.skip(f"{_VARIABLE} is not set; it names a database with the citus extension that tests may empty")
    return url


async def prepare(dsn: str) -> None:
    """The current schema, distributed and without rows."""
    await migrate(dsn)
    await distribute(dsn)
    empty(dsn)
