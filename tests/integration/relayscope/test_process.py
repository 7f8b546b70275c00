"""A child whose supervisor is killed at an awkward moment ends by itself, and has nothing to say about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from relayscope.process import Specification
from relayscope.settings import load_settings
from tests.support.system import environment

_COMMAND = [sys.executable, "-m", "relayscope.process"]
_ANY_PORT = "127.0.0.1:0"
_TIMEOUT_S = 30.0


def _specification(run_dir: Path) -> bytes:
    tree = {"service": {"http": {"endpoint": _ANY_PORT}, "jaeger": {"http": _ANY_PORT, "grpc": _ANY_PORT}}}
    settings = load_settings(flags=tree).model_dump_json()
    return msgspec.json.encode(
        Specification(
            role="api", settings=settings, dsn="postgresql://u@127.0.0.1:1/none", slot="api", run_dir=str(run_dir)
        )
    )


def test_the_supervisor_ends_before_it_has_said_what_to_do() -> None:
    done = subprocess.run(
        _COMMAND, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), check=False, timeout=_TIMEOUT_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_the_supervisor_ends_before_it_has_heard_that_the_child_is_ready(tmp_path: Path) -> None:
    with subprocess.Popen(
        _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(_specification(tmp_path) + b"\n")
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(_TIMEOUT_S) == 0, said
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
