"""Where spans and log records go on to: does it answer, and take what we send?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from relayscope.doctor.finding import Finding, failed, ok, warning
from relayscope.settings import Settings
from relayscope.settings.exporter import ConsoleExporterSettings, ExporterSettings, FileExporterSettings
from tracedata import PermanentError, RetryableError


async def check_exporters(settings: Settings) -> Sequence[Finding]:
    """Sends each destination a request with nothing in it, which is a success by OTLP, for each signal that it gets."""
    found = await asyncio.gather(*(_check(name, exporter) for name, exporter in settings.exporters.items()))
    if found and not settings.processors.redaction.enabled:
        advice = "Switch redaction on (processors.redaction.enabled), unless all destinations may have everything."
        return [warning("exporters", "redaction is off: data is sent on as it comes", advice=advice), *found]
    return found


async def _check(name: str, exporter: ExporterSettings) -> Finding:
    if isinstance(exporter, ConsoleExporterSettings):
        return ok(name, "standard error")
    if isinstance(exporter, FileExporterSettings):
        return _file(name, exporter.path)
    return await _remote(name, exporter)


def _file(name: str, path: Path) -> Finding:
    # The folder is made when it is missing.
    folder = next(one for one in path.absolute().parents if one.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return ok(name, str(path))
    return failed(
        name, f"{path}: {folder} cannot be written to", advice="Choose another path, or give this user the folder."
    )


async def _remote(name: str, exporter: ExporterSettings) -> Finding:
    # What speaks to destinations is loaded only where there are any.
    from relayscope.forward.build import build_sink  # noqa: PLC0415
    from relayscope.forward.parcel import Parcel  # noqa: PLC0415

    sink = build_sink(exporter, slot="doctor")
    try:
        await sink.start()
        for signal in exporter.signals:
            await sink.send(Parcel(signal=signal, pieces=()))
    except RetryableError as exc:
        advice = (
            "Is it running, is the endpoint right, and TLS as it wants it? Until then data waits, and is then dropped."
        )
        return warning(name, f"does not answer ({exc})", advice=advice)
    except PermanentError as exc:
        advice = "Correct headers, TLS or endpoint; `signals: [traces]` is for destinations that take no logs."
        return failed(name, f"does not take what we send ({exc})", advice=advice)
    finally:
        await sink.aclose()
    return ok(name, f"answers, and takes {' and '.join(exporter.signals)}")
