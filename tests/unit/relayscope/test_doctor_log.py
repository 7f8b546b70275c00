from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from relayscope.doctor.log import check_log
from relayscope.log import LogLine

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def line(level: str, event: str, *, minutes_ago: float = 1) -> str:
    time = (NOW - timedelta(minutes=minutes_ago)).isoformat(timespec="milliseconds")
    made = LogLine(time=time, level=level, logger="x", role="api", pid=1, message=f"{event} filled in", event=event)
    return msgspec.json.encode(made).decode()


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_problems_are_counted_by_message(tmp_path: Path) -> None:
    file = write(
        tmp_path / "log",
        line("error", "old", minutes_ago=61),
        line("warning", "slow"),
        "not of ours",
        '{"time": "yesterday"}',
        line("error", "broken %s"),
        line("error", "broken %s"),
        line("info", "fine"),
    )
    finding = check_log(file, now=NOW)
    assert finding.status == "warning"
    assert finding.detail == "2 errors and 1 warnings in the last hour: 2 x error: broken %s; 1 x warning: slow"
    assert str(file) in finding.advice


def test_many_kinds_are_cut(tmp_path: Path) -> None:
    file = write(tmp_path / "log", *(line("warning", f"kind {number}") for number in range(9)))
    assert check_log(file, now=NOW).detail.endswith("and 4 kinds more")


def test_a_quiet_log_is_fine(tmp_path: Path) -> None:
    assert check_log(write(tmp_path / "log", line("info", "fine")), now=NOW).status == "ok"


def test_only_the_end_of_a_huge_log_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "log", line("error", "early"), "x" * (17 << 20), line("error", "late"))
    assert check_log(file, now=NOW).detail.endswith(": 1 x error: late")


def test_no_file_is_fine(tmp_path: Path) -> None:
    assert check_log(None, now=NOW).status == "ok"
    assert check_log(tmp_path / "none", now=NOW).status == "ok"


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    assert check_log(tmp_path, now=NOW).status == "warning"
