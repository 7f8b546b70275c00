"""A child process of the supervisor: one role, from its specification to its orderly end.

The specification comes as one JSON line on standard input, so that no secret stands on a command line. Standard input
then stays open: its end means that the supervisor is gone, and is treated like SIGTERM. Standard output carries one
JSON line, when the role is ready or has failed to become so.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import uvloop

from relayscope.component import Component
from relayscope.log import configure_logging
from relayscope.metrics import share
from relayscope.settings import Settings
from tracedata import RelayscopeError

_log = logging.getLogger(__name__)

Role = Literal["ingest", "api"]


class Specification(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told. ``settings`` is the JSON form of ``Settings`` with ports that are free and reserved.

    ``slot`` is the process's place among its like (``ingest-0``); ``run_dir`` is the run folder.
    """

    role: Role
    settings: str
    dsn: str
    slot: str
    run_dir: str


class Announcement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a child says about its start: ready, or why not."""

    ready: bool
    error: str = ""


def main() -> int:
    """Runs the role that standard input names; returns the exit code."""
    line = sys.stdin.buffer.readline()
    if not line:
        # The supervisor was killed before it could say what to do.
        return 1
    specification = msgspec.json.decode(line, type=Specification)
    settings = Settings.model_validate_json(specification.settings)
    logs = settings.service.logs
    try:
        configure_logging(logs.level, log_format=logs.format, file=logs.file, role=specification.slot)
    except RelayscopeError as exc:
        _announce(Announcement(ready=False, error=str(exc)))
        return 1
    share(Path(specification.run_dir), slot=specification.slot)
    _calm_garbage_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(specification, settings))


def _calm_garbage_collector() -> None:
    """Decoded requests are many objects without cycles: looking for cycles among them costs a tenth of the ingest rate."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _serve(specification: Specification, settings: Settings) -> int:
    build = _builder(specification.role)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    supervisor = asyncio.create_task(_wait_for_end_of_input())
    supervisor.add_done_callback(lambda _: stop.set())
    async with contextlib.AsyncExitStack() as stack:
        try:
            run = Path(specification.run_dir)
            for component in build(settings, specification.dsn, slot=specification.slot, run=run):
                await _start(component, stack)
        except RelayscopeError as exc:
            _announce(Announcement(ready=False, error=str(exc)))
            return 1
        _announce(Announcement(ready=True))
        await stop.wait()
    supervisor.cancel()
    return 0


def _builder(role: Role) -> Callable[..., Sequence[Component]]:
    """What makes the components. Only that is imported: the other role's libraries take tens of megabytes."""
    if role == "ingest":
        from relayscope.ingest import build_ingest  # noqa: PLC0415

        return build_ingest
    from relayscope.app import build_api  # noqa: PLC0415

    return build_api


async def _start(component: Component, stack: contextlib.AsyncExitStack) -> None:
    stack.push_async_callback(component.aclose)
    await component.start()


async def _wait_for_end_of_input() -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _announce(announcement: Announcement) -> None:
    # A supervisor that was killed does not listen any more; the end of our input tells us so.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), msgspec.json.encode(announcement) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
