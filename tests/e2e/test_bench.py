"""The benchmark as a user runs it, and stops it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.system import STOP_TIMEOUT_S, command, environment
from tests.support.waiting import wait_until


def test_a_benchmark_that_is_stopped_leaves_nothing_behind(data_folder: Path) -> None:
    temporary, log = data_folder / "tmp", data_folder / "log"
    temporary.mkdir()
    with log.open("wb") as said:
        process = subprocess.Popen(
            command("bench", "ingest", "--rounds", "50", "--spans", "1000", "--output", str(data_folder / "results")),
            env={**environment(), "TMPDIR": str(temporary)},
            stdout=said,
            stderr=said,
        )
    try:
        wait_until(lambda: "round 1: encoding and sending" in log.read_text(), "a round runs", timeout_s=60)
        process.terminate()
        assert process.wait(STOP_TIMEOUT_S) == 1
    finally:
        process.kill()
        process.wait()
    assert "stopped; nothing is written" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert list(temporary.iterdir()) == []
    assert not (data_folder / "results").exists()
