"""The disk of the embedded database fills up under load, and gets room again."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exporter import Exporter, RefusedError, Transport
from tests.support.factory import span, trace_id
from tests.support.load import Load
from tests.support.rest_answer import spans_of_trace
from tests.support.system import System, is_alive
from tests.support.waiting import wait_until

_SIZE_MB = 300
_RETRYABLE = {"UNAVAILABLE", "503"}
_MAX_RESTARTS = 10


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder whose subfolder ``data`` is a file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    with tempfile.TemporaryDirectory(prefix="relayscope-") as name:
        data = Path(name) / "data"
        data.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=755", "tmpfs", str(data)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("this machine does not let us mount a small file system")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", str(data)], check=True)


def _fill(path: Path) -> None:
    """Takes all the room that there is."""
    with path.open("ab", buffering=0) as file:
        block = bytes(1 << 16)
        try:
            while True:
                file.write(block)
        except OSError:
            return


def _is_refused_on_a_full_disk(load: Load, ballast: Path) -> bool:
    # The server frees some room now and then.
    _fill(ballast)
    return load.refusals.keys() >= _RETRYABLE


@pytest.mark.parametrize("dies", ["", "and the server dies of it"], ids=["the server lives", "the server dies"])
def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path, dies: str) -> None:
    ballast = small_disk / "data" / "ballast"
    with System(small_disk) as system:
        before = system.ready.pids
        stored = [span(trace_id=trace_id())]
        with Exporter(system.ready, Transport("grpc")) as exporter:
            exporter.export(stored)
        with Load(system.ready) as load:
            load.wait_for_more()
            wait_until(
                lambda: _is_refused_on_a_full_disk(load, ballast),
                "exports are refused over both protocols",
                timeout_s=60.0,
            )
            if dies:
                # As it does by itself when it is the log of changes that finds no room.
                assert before.postgres is not None
                os.kill(before.postgres, signal.SIGKILL)
                wait_until(lambda: not is_alive(before.postgres or 0), "the server is gone")
                _fill(ballast)
            # Answered or refused cleanly, whether or not the server is able to run on a full disk.
            answer = system.ask(f"/api/v1/traces/{stored[0].trace_id.hex()}")
            assert answer.status_code in (200, 503), answer.text
            refused = _refusal(system)
            assert refused is None or refused.code == "UNAVAILABLE"

            ballast.unlink()
            load.wait_for_more()

        wait_until(lambda: system.ask("/readyz").status_code == 200, "the API is ready again")
        load.check(system)
        assert load.refusals.keys() <= _RETRYABLE
        found = spans_of_trace(system.get(f"/api/v1/traces/{stored[0].trace_id.hex()}"))
        assert [one.span_id for one in found] == [stored[0].span_id]
        # Neither workers nor API have died of it.
        assert (system.ready.pids.workers, system.ready.pids.api) == (before.workers, before.api)
        assert "Traceback" not in system.log
        restarts = [line for line in system.log.splitlines() if "the embedded PostgreSQL ended" in line]
        assert len(restarts) <= _MAX_RESTARTS


def _refusal(system: System) -> RefusedError | None:
    with Exporter(system.ready, Transport("grpc")) as exporter:
        try:
            exporter.export([span() for _ in range(100)])
        except RefusedError as refusal:
            return refusal
    return None
