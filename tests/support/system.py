"""A whole Relayscope in processes of its own, started, watched and stopped from outside, as a user does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import msgspec
import psutil

from relayscope.supervisor import Ready
from tests.support.repository import ROOT
from tests.support.waiting import wait_until

_MAIN = "from relayscope.entry import main; main()"
# COLUMNS is set for tests that run beside others, and would cut what is printed.
_SETTINGS = ("RELAYSCOPE_", "OTEL_", "COLUMNS")
_START_TIMEOUT_S = 60.0
_COMMAND_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 25.0
ANY_PORTS = tuple(
    word
    for name in ("http", "jaeger-http", "jaeger-grpc", "otlp-grpc", "otlp-http")
    for word in (f"--{name}-port", "0")
)


def environment() -> dict[str, str]:
    """Ours without what would configure Relayscope, the SDK or a terminal, and with this checkout before anything installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return {**kept, "PYTHONPATH": str(ROOT)}


def command(*arguments: str) -> list[str]:
    """The command line of ``relayscope`` with ``arguments``."""
    return [sys.executable, "-c", _MAIN, *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        command(*arguments),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_COMMAND_TIMEOUT_S,
    )


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class System:
    """One ``relayscope up``. ``folder`` holds the data unless ``arguments`` name a database; it survives restarts."""

    def __init__(self, folder: Path, *arguments: str, workers: int = 2) -> None:
        folder.mkdir(exist_ok=True)
        self.data_dir = folder / "data"
        self._ready_file = folder / "ready.json"
        self._log_path = folder / "log"
        storage = () if "--database-url" in arguments else ("--data-dir", str(self.data_dir))
        self._arguments = (*storage, "--workers", str(workers), *ANY_PORTS, *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> None:
        """Returns when the ready file is there."""
        self.launch()
        try:
            wait_until(self._is_ready, "the system is ready", timeout_s=_START_TIMEOUT_S)
        except BaseException:
            self.kill()
            raise

    def launch(self) -> None:
        """Returns at once."""
        # A supervisor that was killed left its own behind.
        self._ready_file.unlink(missing_ok=True)
        self._log = self._log_path.open("ab")
        self._process = subprocess.Popen(
            command("up", *self._arguments, "--ready-file", str(self._ready_file)),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"ended with {self._process.returncode}:\n{self.log}"
        return self._ready_file.exists()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not yet stopped."""
        return self._process is not None

    @property
    def ready(self) -> Ready:
        """What the ready file says now; process ids change when a child is replaced."""
        return msgspec.json.decode(self._ready_file.read_bytes(), type=Ready)

    @property
    def log(self) -> str:
        """Everything that was printed so far, by all runs."""
        return self._log_path.read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM; the exit code, which has to come in time. A system that does not end is killed."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        finally:
            self.kill()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal and returns at once."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL for the supervisor alone; what it started has to notice by itself."""
        assert self._process is not None
        assert self._log is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()
        self._process = None

    def get(self, path: str, **parameters: Any) -> Any:  # noqa: ANN401 - JSON, and what httpx takes for a query
        """The JSON of a successful answer of the REST API."""
        return _json(self.ask(path, **parameters))

    def ask(self, path: str, **parameters: Any) -> httpx.Response:  # noqa: ANN401 - what httpx takes for a query
        """The answer of the REST API."""
        return _ask(self.ready.http, path, parameters)

    def jaeger(self, path: str, **parameters: Any) -> Any:  # noqa: ANN401 - JSON, and what httpx takes for a query
        """The data of a successful answer on Jaeger's own port."""
        return _json(_ask(self.ready.jaeger_http, path, parameters))["data"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ready.http}"


def _ask(port: int, path: str, parameters: dict[str, Any]) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", params=parameters or None, timeout=30.0, trust_env=False)


def _json(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON
    assert response.status_code == 200, response.text
    return response.json()
