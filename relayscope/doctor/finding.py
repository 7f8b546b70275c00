"""What a check found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Status = Literal["ok", "warning", "failed"]
_BY_WEIGHT: Sequence[Status] = ("ok", "warning", "failed")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. ``advice`` says what to do; it is empty when nothing has to be done."""

    name: str
    status: Status
    detail: str
    advice: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings in the order of the checks; ``status`` is that of the worst."""

    status: Status
    findings: Sequence[Finding]


def ok(name: str, detail: str) -> Finding:
    return Finding(name=name, status="ok", detail=detail)


def warning(name: str, detail: str, *, advice: str) -> Finding:
    return Finding(name=name, status="warning", detail=detail, advice=advice)


def failed(name: str, detail: str, *, advice: str) -> Finding:
    return Finding(name=name, status="failed", detail=detail, advice=advice)


def report(findings: Sequence[Finding]) -> Report:
    worst = max((_BY_WEIGHT.index(finding.status) for finding in findings), default=0)
    return Report(status=_BY_WEIGHT[worst], findings=findings)


def size(count: float) -> str:
    """``count`` bytes in the unit that suits."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"
