"""An answer that goes on for as long as there is something to send, and that nobody takes for whole when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from relayscope.api.export.form import Form
from storage.export import Exported
from tracedata import RelayscopeError, RetryableError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

EXPECTED_HEADER = "Relayscope-Expected"
"""About how many items there are, where somebody has counted."""


class TransferConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is answered. Whoever takes nothing for ``stall_timeout_s`` is given up."""

    media_type: str
    file_name: str
    stall_timeout_s: float


class Transfer(Response, Generic[_T]):
    """Items as they come, in one form; the next ones are read when these are sent.

    The status waits for the first items, so that what fails before is answered as a problem. What fails later breaks the
    transfer off: without the last chunk, whoever asked knows that it is not whole. When they go away, reading ends.
    """

    def __init__(
        self,
        source: Callable[[], AbstractAsyncContextManager[Exported[_T]]],
        form: Form[_T],
        config: TransferConfig,
    ) -> None:
        super().__init__(media_type=config.media_type)
        # The length is not known, and its absence makes the server send chunks.
        del self.headers["content-length"]
        self.headers["content-disposition"] = f'attachment; filename="{config.file_name}"'
        self.headers["cache-control"] = "no-store"
        self._source = source
        self._form = form
        self._stall_timeout_s = config.stall_timeout_s
        self._is_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        # A task of its own, since the server cancels whatever is awaited, again and again, where a reader has left.
        work = asyncio.create_task(self._answer(send), name="export")
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            # A server says so too when all is sent; what is left then is to give the connection back.
            if not self._is_sent:
                work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    async def _answer(self, send: Send) -> None:
        has_begun = False
        try:
            async with self._source() as exported:
                async for piece in self._pieces(exported):
                    if not has_begun:
                        self._tell(exported.expected)
                        has_begun = True
                        await self._send(send, type="http.response.start", status=200, headers=self.raw_headers)
                    if piece:
                        await self._send(send, type="http.response.body", body=piece, more_body=True)
                self._is_sent = True
                await self._send(send, type="http.response.body", body=b"", more_body=False)
        except RelayscopeError as exc:
            if not has_begun:
                raise
            _log.warning("an export was broken off: %s", exc)

    async def _pieces(self, exported: Exported[_T]) -> AsyncIterator[bytes]:
        portions = aiter(exported.portions())
        # What cannot be read at all is known after this.
        first: Sequence[_T] | None = await anext(portions, None)
        yield await asyncio.to_thread(self._form.begin)
        if first is not None:
            yield await asyncio.to_thread(self._form.encode, first)
        async for items in portions:
            yield await asyncio.to_thread(self._form.encode, items)
        yield await asyncio.to_thread(self._form.end)

    def _tell(self, expected: int | None) -> None:
        if expected is not None:
            self.headers[EXPECTED_HEADER] = str(expected)

    async def _send(self, send: Send, **message: object) -> None:
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                await send(message)
        except TimeoutError as exc:
            raise RetryableError(f"nothing was taken for {self._stall_timeout_s:g} s") from exc


async def _gone(receive: Receive) -> None:
    """Returns when whoever asked has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
