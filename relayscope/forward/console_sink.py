"""Lines on standard error, for people who try something."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from typing import ClassVar, Literal

from relayscope.forward.console_text import text_lines
from relayscope.forward.parcel import Form, Parcel
from relayscope.forward.thread import Thread
from tracedata import PermanentError


class ConsoleSink:
    """Writes in a thread, since a pipe that nobody reads blocks. Standard output belongs to the supervisor."""

    form: ClassVar[Form] = "json"

    def __init__(self, *, line_format: Literal["text", "json"], descriptor: int | None = None) -> None:
        self._format = line_format
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._thread = Thread("forward-console")
        self._is_started = False

    async def start(self) -> None:
        """See ``Sink``."""
        self._thread.start()
        self._is_started = True

    async def send(self, parcel: Parcel) -> int:
        """See ``Sink``."""
        try:
            await self._thread.run(partial(self._write, parcel))
        except OSError as exc:
            # Nobody reads any more, and nobody will.
            raise PermanentError("closed") from exc
        return 0

    async def aclose(self) -> None:
        """Lets the thread end, whenever it can."""
        is_started, self._is_started = self._is_started, False
        if is_started:
            self._thread.stop()

    def _write(self, parcel: Parcel) -> None:
        # A line in one piece, so that those of several processes do not mix.
        for line in self._lines(parcel):
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def _lines(self, parcel: Parcel) -> Iterator[bytes]:
        for piece in parcel.pieces:
            if self._format == "json":
                yield piece.data + b"\n"
            else:
                yield from (f"{line}\n".encode() for line in text_lines(piece.data))
