"""Percentiles, and times as the results write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of all values do not exceed; 0 when there is none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def now() -> str:
    """The moment, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_result(folder: Path, *, name: str, started: str, report: msgspec.Struct) -> Path:
    """Writes a report as JSON and returns where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{started.replace(':', '').replace('+0000', 'Z')}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return path
