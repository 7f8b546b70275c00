"""How commands that ask the database itself come to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from relayscope.database import build_database, build_inspector
from relayscope.settings import Settings
from tracedata import PermanentError


@contextlib.asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database: the one that is set, the embedded one that runs, or the embedded one for this while."""
    storage = settings.storage
    if storage.database_url is not None:
        yield storage.database_url
        return
    folder = build_inspector().folder(storage.data_dir)
    if folder.dsn:
        yield folder.dsn
        return
    if folder.cluster_version is None:
        raise PermanentError(f"{storage.data_dir} holds no data; name the folder with --data-dir")
    database = build_database(settings)
    await database.start()
    try:
        yield database.dsn
    finally:
        await database.aclose()
