"""OTLP/JSON in a file, a request a line, as the Collector's file exporter writes it."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import ClassVar

from relayscope.forward.parcel import Form, Parcel
from relayscope.forward.rotating_file import RotatingFile
from relayscope.forward.thread import Thread

_CLOSING_S = 2.0


class FileSink:
    """Writes in a thread, since a disk can be slow."""

    form: ClassVar[Form] = "json"

    def __init__(self, file: RotatingFile) -> None:
        self._file = file
        self._thread = Thread("forward-file")
        self._is_started = False

    async def start(self) -> None:
        """See ``Sink``."""
        self._thread.start()
        self._is_started = True
        await self._thread.run(self._file.open)

    async def send(self, parcel: Parcel) -> int:
        """See ``Sink``."""
        await self._thread.run(partial(self._file.write, parcel.lines))
        return 0

    async def aclose(self) -> None:
        """Closes the file, unless the disk does not answer."""
        is_started, self._is_started = self._is_started, False
        if is_started:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._thread.run(self._file.close), _CLOSING_S)
            self._thread.stop()


def path_of(path: Path, *, slot: str) -> Path:
    """The file of one process: ``spans.jsonl`` is ``spans.ingest-0.jsonl``. Nobody shares a file with anybody."""
    return path.with_name(f"{path.stem}.{slot}{path.suffix}")
