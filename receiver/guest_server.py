"""uvicorn as a guest in its process: on sockets that we made, saying when it listens, and leaving signals alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator, Sequence

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from receiver.error import ListenFailedError
from receiver.host import Application, HostRule, Refusal, guarded

_BACKLOG = 2048
_MAX_HEADER_BYTES = 64 * 1024


class GuestConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen: ``(host, port)`` each. Port 0 is any free one; ``reuse_port`` lets processes share a port.

    ``name`` stands in the message when an address cannot be used. A connection whose next headers take longer than
    ``header_timeout_s`` from their first byte, or from its beginning, is closed. ``allowed_hosts`` are names that are
    served besides those that ``receiver.host`` serves anyway, as it takes them; ``judges_pages_only`` is for listeners where nothing
    can be read, and lets programs send under any name.
    """

    name: str
    addresses: Sequence[tuple[str, int]]
    reuse_port: bool
    grace_period_s: float
    header_timeout_s: float = 30.0
    allowed_hosts: Sequence[str] = ()
    judges_pages_only: bool = False


class GuestServer:
    """Serves one ASGI application on all its addresses, but for requests that are not for it: see ``receiver.host``.

    ``refuse`` makes the application that answers such a request.
    """

    def __init__(self, config: GuestConfig, app: Application, refuse: Callable[[Refusal], Application]) -> None:
        bound = [host for host, _ in config.addresses]
        rule = HostRule(config.allowed_hosts, bound=bound, judges_pages_only=config.judges_pages_only)
        self._config = config
        self._app = guarded(app, rule, refuse)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.ports: Sequence[int] = ()

    async def start(self) -> None:
        """Returns once requests are taken; ``ports`` is known then, in the order of the addresses.

        Raises:
            ListenFailedError: an address cannot be used.
        """
        listeners = [_listen(self._config, host=host, port=port) for host, port in self._config.addresses]
        self.ports = [listener.getsockname()[1] for listener in listeners]
        self._server = _Server(self._configuration())
        self._task = asyncio.create_task(self._server.serve(sockets=listeners), name="http")
        # Whatever ends the task before it listens is raised here instead of being waited for.
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            await self._task

    async def aclose(self) -> None:
        """Takes no more requests and lets the running ones finish within the grace period. Idempotent."""
        server, self._server = self._server, None
        task, self._task = self._task, None
        if server is None or task is None:
            return
        server.should_exit = True
        await task

    def _configuration(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http=_protocol(self._config.header_timeout_s),
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
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Protocol(HttpToolsProtocol):
    """Closes connections whose headers never end, which the server of the library keeps for ever."""

    header_timeout_s = 30.0
    _header_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    # The library types the transport as the more special one that it needs.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: any client may ask, gets its answer all the same, and is no reason for advice to install packages."""

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        self._expect_headers()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        # Who asks for the body gives up earlier, with an answer. This is for one that nobody asks for any more.
        self._timer = self.loop.call_later(2 * self.header_timeout_s, self.transport.close)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def _expect_headers(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.header_timeout_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MAX_HEADER_BYTES:
            self.transport.close()


def _protocol(header_timeout_s: float) -> type[_Protocol]:
    """The class with its timeout: the library makes the instances."""
    return type("Protocol", (_Protocol,), {"header_timeout_s": header_timeout_s})


def _listen(config: GuestConfig, *, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise ListenFailedError(f"{config.name} cannot listen on {host}:{port}: {exc.strerror or exc}.") from exc
    listener.settimeout(0)
    return listener
