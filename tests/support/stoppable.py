"""A PostgreSQL that is not Relayscope's own, which the test stops and starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer


class StoppableDatabase:
    """Keeps its data and its address while it is stopped."""

    def __init__(self, data_dir: Path) -> None:
        self._server = EmbeddedServer(EmbeddedConfig(data_dir=data_dir, shared_buffers_mb=64))
        self._runner = asyncio.Runner()
        self.dsn = ""

    def start(self) -> None:
        self._runner.run(self._server.start())
        self.dsn = self._server.dsn

    def stop(self) -> None:
        """Ends every connection at once. Idempotent."""
        self._runner.run(self._server.aclose())

    def close(self) -> None:
        self.stop()
        self._runner.close()
