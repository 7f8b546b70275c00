"""A system of the benchmark's own, in a temporary folder and on free ports, with the defaults that users get."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from relayscope.settings import Settings, load_settings
from relayscope.supervisor import Ready, running_system

_ANY_PORT = "127.0.0.1:0"
_NOWHERE: Mapping[str, object] = {}


@contextlib.asynccontextmanager
async def fresh_system(
    *, workers: int, redaction: bool = True, extraction: bool = True, exporters: Mapping[str, object] = _NOWHERE
) -> AsyncIterator[Ready]:
    """An empty system for the time of the block, with the default policy of redaction or with none, with AI interactions or none.

    Without ``extraction``, nothing is made of spans, and what is stored without any stays. What is stored is sent on to
    ``exporters``, as the settings have them.

    Raises:
        RelayscopeError: the system cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="relayscope-bench-") as folder:
        processors = {"redaction": {"enabled": redaction}, "ai": {"enabled": extraction}}
        settings = _settings(Path(folder), workers=workers, processors=processors, exporters=exporters)
        async with running_system(settings) as ready:
            yield ready


def machine() -> str:
    """What the figures were measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _settings(
    folder: Path, *, workers: int, processors: Mapping[str, object], exporters: Mapping[str, object]
) -> Settings:
    protocols = {"grpc": {"endpoint": _ANY_PORT}, "http": {"endpoint": _ANY_PORT}}
    return load_settings(
        flags={
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": processors,
            "exporters": exporters,
            "storage": {"data_dir": folder, "database_url": None},
            "service": {
                "http": {"endpoint": _ANY_PORT},
                "jaeger": {"http": _ANY_PORT, "grpc": _ANY_PORT},
                "workers": workers,
                "logs": {"level": "warning"},
            },
        }
    )
