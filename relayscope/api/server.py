"""The HTTP API on its ports."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from receiver.guest_server import GuestServer, listen


class ApiServer:
    """Serves one application on several addresses, each ``(host, port)``."""

    def __init__(self, app: FastAPI, *, addresses: Sequence[tuple[str, int]], grace_period_s: float) -> None:
        self._addresses = addresses
        self._server = GuestServer(app, grace_period_s=grace_period_s)

    async def start(self) -> None:
        """Listens.

        Raises:
            ListenFailedError: an address cannot be used.
        """
        await self._server.start(
            [listen(host, port, reuse_port=True, name="The HTTP API") for host, port in self._addresses]
        )

    async def aclose(self) -> None:
        """Takes no more requests and lets the running ones finish within the grace period. Idempotent."""
        await self._server.aclose()
