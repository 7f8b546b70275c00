"""OTLP/HTTP on its own port: sockets, start and stop. What is answered is in ``receiver.http_app``."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import msgspec
import uvicorn

from receiver.error import ListenFailedError
from receiver.http_app import OtlpHttpApp
from receiver.intake import Intake
from tracedata import Consumer

_BACKLOG = 2048


class OtlpHttpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and what to take. Port 0 is any free one; ``reuse_port`` lets processes share a port."""

    host: str = "127.0.0.1"
    port: int = 4318
    reuse_port: bool = False
    workspace_id: int = 1
    max_request_bytes: int = 20 * 1024 * 1024
    grace_period_s: float = 10.0


class OtlpHttpServer:
    """Answers exports once the consumer has made their spans durable."""

    def __init__(self, config: OtlpHttpConfig, consumer: Consumer) -> None:
        self._config = config
        self._intake = Intake(consumer, workspace_id=config.workspace_id)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on, known after ``start``."""
        return self._port

    async def start(self) -> None:
        """Listens.

        Raises:
            ListenFailedError: the address cannot be used.
        """
        listener = _listen(self._config)
        self._port = listener.getsockname()[1]
        self._server = _Server(self._uvicorn_config())
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="otlp-http")
        # Whatever ends the task before it listens is raised here instead of being waited for.
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            await self._task

    async def aclose(self) -> None:
        """Takes no more requests and lets the running ones finish within the grace period."""
        server, self._server = self._server, None
        task, self._task = self._task, None
        if server is None or task is None:
            return
        server.should_exit = True
        await task
        await self._intake.drain(self._config.grace_period_s)

    def _uvicorn_config(self) -> uvicorn.Config:
        app = OtlpHttpApp(self._intake, max_request_bytes=self._config.max_request_bytes)
        return uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(self._config.grace_period_s)),
        )


class _Server(uvicorn.Server):
    """A server that is a guest in its process: it says when it listens, and leaves signals to the application."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(config: OtlpHttpConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise ListenFailedError(
            f"OTLP/HTTP cannot listen on {config.host}:{config.port}: {exc.strerror or exc}."
        ) from exc
    listener.settimeout(0)
    return listener
