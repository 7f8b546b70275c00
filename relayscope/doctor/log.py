"""The log of the last hour: what went wrong, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from relayscope.doctor.finding import Finding, ok, warning
from relayscope.log import LogLine

_NAME = "log"
_WINDOW = timedelta(hours=1)
# Enough for an hour of trouble; a log that grows faster is bad enough at its end.
_MAX_BYTES = 16 << 20
_SHOWN = 5
_BAD = frozenset(("warning", "error", "critical"))
_DECODER = msgspec.json.Decoder(LogLine)


def check_log(file: Path | None, *, now: datetime) -> Finding:
    """Counts warnings and errors by message. Lines that are not ours are passed over."""
    if file is None:
        return ok(_NAME, "no file is set, so nothing is looked at; see service.logs.file")
    try:
        found = Counter((line.level, line.event) for line in _recent(file, since=now - _WINDOW) if line.level in _BAD)
    except FileNotFoundError:
        return ok(_NAME, f"{file} does not exist yet")
    except OSError as exc:
        return warning(_NAME, f"{file} cannot be read: {exc.strerror}", advice="Run doctor as the user of Relayscope.")
    if not found:
        return ok(_NAME, f"{file}: neither warnings nor errors in the last hour")
    errors = sum(count for (level, _), count in found.items() if level != "warning")
    listed = "; ".join(f"{count} x {level}: {event}" for (level, event), count in found.most_common(_SHOWN))
    more = f"; and {len(found) - _SHOWN} kinds more" if len(found) > _SHOWN else ""
    detail = f"{errors} errors and {found.total() - errors} warnings in the last hour: {listed}{more}"
    return warning(_NAME, detail, advice=f"Look at their lines in {file}.")


def _recent(file: Path, *, since: datetime) -> Iterator[LogLine]:
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        opened.seek(max(0, size - _MAX_BYTES))
        if size > _MAX_BYTES:
            opened.readline()
        for data in opened:
            line = _line(data)
            if line is not None and _moment(line) >= since:
                yield line


def _line(data: bytes) -> LogLine | None:
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError:
        return None


def _moment(line: LogLine) -> datetime:
    try:
        moment = datetime.fromisoformat(line.time)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
