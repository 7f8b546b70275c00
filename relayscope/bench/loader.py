"""Our side of the load generator, which is a process of its own: see ``relayscope.bench.load``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator

import msgspec

from relayscope.bench.load import Order, Result
from tracedata import PermanentError

# A result carries some ids of traces, so that its line is longer than usual.
_MAX_LINE_BYTES = 1 << 20


class Loader:
    """Runs one order after the other. Encoding comes first, in ``prepare``, so that only the sending is measured."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._input, self._output = process.stdin, process.stdout

    async def prepare(self, order: Order) -> None:
        """Returns when everything is encoded."""
        self._input.write(msgspec.json.encode(order) + b"\n")
        await self._line()

    async def send(self) -> Result:
        """Sends what was prepared, and returns when the last answer has come."""
        self._input.write(b"go\n")
        return msgspec.json.decode(await self._line(), type=Result)

    async def _line(self) -> bytes:
        line = await self._output.readline()
        if not line:
            raise PermanentError("the load generator failed")
        return line


@contextlib.asynccontextmanager
async def running_loader() -> AsyncIterator[Loader]:
    """A load generator for the time of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "relayscope.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_LINE_BYTES,
    )
    try:
        yield Loader(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()
