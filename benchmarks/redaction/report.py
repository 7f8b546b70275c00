"""The table, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.redaction.measurement import Measurement

_HEADER = ("measured", "target", "result", "met")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All measurements of a run, and what they were taken on."""

    started: str
    machine: str
    engine: str
    policy: str
    measurements: Sequence[Measurement]

    @property
    def is_met(self) -> bool:
        return all(one.is_met for one in self.measurements)


def as_table(report: Report) -> str:
    """Aligned columns, which are a table of Markdown too."""
    rows = [
        _HEADER,
        *((one.name, one.target, one.result, "yes" if one.is_met else "NO") for one in report.measurements),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def as_json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def missed(report: Report) -> str:
    """Which targets were missed, with the first examples of why."""
    lines = []
    for one in report.measurements:
        if not one.is_met:
            lines += [f"missed: {one.name} is {one.result}, should be {one.target}"]
            # Invisible characters and line ends would hide what the matter is.
            lines += [f"    {example[:200]!a}" for example in one.examples[:10]]
    return "\n".join(lines)
