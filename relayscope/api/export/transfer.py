"""An answer that goes on for as long as there is something to send, and that nobody takes for whole when it is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from relayscope.api.departure import while_asked
from relayscope.api.export.form import Form
from storage.export import Exported
from tracedata import CallerError, RelayscopeError, RetryableError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

EXPECTED_HEADER = "Relayscope-Expected"
"""About how many items there are, where somebody has counted."""


class TransferConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an export is answered. Whoever takes nothing for ``stall_timeout_s`` is given up."""

    media_type: str
    file_name: str
    stall_timeout_s: float


class Pieces(NamedTuple):
    """Bytes as they come, and about how many items they are, where somebody has counted."""

    expected: int | None
    pieces: AsyncIterator[bytes]


class Transfer(Response):
    """Bytes as they come; the next ones are read when these are sent.

    The status waits for the first items, so that what fails before is answered as a problem. What fails later breaks the
    transfer off: without the last chunk, whoever asked knows that it is not whole. When they go away, reading ends.
    """

    def __init__(self, source: Callable[[], AbstractAsyncContextManager[Pieces]], config: TransferConfig) -> None:
        super().__init__(media_type=config.media_type)
        # The length is not known, and its absence makes the server send chunks.
        del self.headers["content-length"]
        self.headers["content-disposition"] = f'attachment; filename="{config.file_name}"'
        self.headers["cache-control"] = "no-store"
        self._source = source
        self._stall_timeout_s = config.stall_timeout_s
        self._is_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await while_asked(self._answer(send), receive, is_sent=lambda: self._is_sent)

    async def _answer(self, send: Send) -> None:
        has_begun = False
        try:
            async with self._source() as source:
                async for piece in source.pieces:
                    if not has_begun:
                        self._tell(source.expected)
                        has_begun = True
                        await self._send(send, type="http.response.start", status=200, headers=self.raw_headers)
                    if piece:
                        await self._send(send, type="http.response.body", body=piece, more_body=True)
                self._is_sent = True
                await self._send(send, type="http.response.body", body=b"", more_body=False)
        except RelayscopeError as exc:
            if not has_begun:
                raise
            # What is wrong with a user's statement may quote what is stored.
            reason = "the statement of a user failed" if isinstance(exc, CallerError) else str(exc)
            _log.warning("an export was broken off: %s", reason)

    def _tell(self, expected: int | None) -> None:
        if expected is not None:
            self.headers[EXPECTED_HEADER] = str(expected)

    async def _send(self, send: Send, **message: object) -> None:
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                await send(message)
        except TimeoutError as exc:
            raise RetryableError(f"nothing was taken for {self._stall_timeout_s:g} s") from exc


@asynccontextmanager
async def formed(exported: AbstractAsyncContextManager[Exported[_T]], form: Form[_T]) -> AsyncIterator[Pieces]:
    """Items in a form, for the time of the block."""
    async with exported as opened:
        yield Pieces(opened.expected, _encoded(opened, form))


async def _encoded(exported: Exported[_T], form: Form[_T]) -> AsyncIterator[bytes]:
    portions = aiter(exported.portions())
    # What cannot be read at all is known after this.
    first: Sequence[_T] | None = await anext(portions, None)
    yield await asyncio.to_thread(form.begin)
    if first is not None:
        yield await asyncio.to_thread(form.encode, first)
    async for items in portions:
        yield await asyncio.to_thread(form.encode, items)
    yield await asyncio.to_thread(form.end)
