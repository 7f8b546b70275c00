"""OTLP/HTTP on its own port: sockets, start and stop. What is answered is in ``receiver.http_app``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from receiver.admission import Admission
from receiver.guest_server import GuestConfig, GuestServer
from receiver.http_app import OtlpHttpApp
from receiver.intake import Intake
from receiver.wire import DEFAULT_MAX_OBJECTS
from tracedata import UNOBSERVED, Consumer, ReceiverInstruments


class OtlpHttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and what to take. Port 0 is any free one; ``reuse_port`` lets processes share a port.

    ``allowed_hosts``: see ``receiver.host``.
    """

    host: str = "127.0.0.1"
    port: int = 4318
    reuse_port: bool = False
    workspace_id: int = 1
    max_request_bytes: int = 20 * 1024 * 1024
    max_objects: int = DEFAULT_MAX_OBJECTS
    grace_period_s: float = 10.0
    allowed_hosts: Sequence[str] = ()


class OtlpHttpServer:
    """Answers exports once the consumer has made durable what they bring."""

    def __init__(
        self,
        config: OtlpHttpConfig,
        consumer: Consumer,
        admission: Admission,
        *,
        instruments: ReceiverInstruments = UNOBSERVED,
    ) -> None:
        self._config = config
        self._intake = Intake(
            consumer,
            decoding=admission.decoding,
            workspace_id=config.workspace_id,
            max_objects=config.max_objects,
            transport="http",
            instruments=instruments,
        )
        app = OtlpHttpApp(self._intake, admission, max_request_bytes=config.max_request_bytes)
        guest = GuestConfig(
            name="OTLP/HTTP",
            addresses=[(config.host, config.port)],
            reuse_port=config.reuse_port,
            grace_period_s=config.grace_period_s,
            header_timeout_s=admission.read_timeout_s,
            allowed_hosts=config.allowed_hosts,
            judges_pages_only=True,
        )
        self._server = GuestServer(guest, app, app.refuse)

    @property
    def port(self) -> int:
        """The port that is listened on, known after ``start``."""
        return self._server.ports[0]

    async def start(self) -> None:
        """Listens.

        Raises:
            ListenFailedError: the address cannot be used.
        """
        await self._server.start()

    async def aclose(self) -> None:
        """Takes no more requests and lets the running ones finish within the grace period."""
        await self._server.aclose()
        await self._intake.drain(self._config.grace_period_s)
