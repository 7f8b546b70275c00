"""Processes die while logs are sent: what was acknowledged is there afterwards, nothing is there twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Self

import httpx
import psycopg
import pytest

from tests.support.log_message import log_message, logs_request
from tests.support.system import System
from tests.support.waiting import wait_until

_RECORDS = 20
_NUMBERS = count()
_STORED = "SELECT body #>> '{}', count(*) FROM relayscope.log_records GROUP BY 1"


@pytest.fixture(scope="module")
def system(module_folder: Path) -> Iterator[System]:
    with System(module_folder) as running:
        yield running


class _Sender:
    """Sends requests with bodies that are never used twice, each again and again until it is acknowledged."""

    def __init__(self, system: System) -> None:
        self._url = f"http://127.0.0.1:{system.ready.otlp_http}/v1/logs"
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()

    def wait_for_more(self) -> None:
        goal = len(self.acknowledged) + 10 * _RECORDS
        wait_until(lambda: len(self.acknowledged) >= goal, "more log records are acknowledged", timeout_s=60)

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=30, headers={"content-type": "application/x-protobuf"}) as client:
            while not self._is_done.is_set():
                bodies = [f"record {next(_NUMBERS)}" for _ in range(_RECORDS)]
                data = logs_request(*(log_message(body, time_unix_nano=7 * 10**18) for body in bodies))
                while not (is_stored := self._sends(client, data.SerializeToString())):
                    if self._is_done.wait(0.05):
                        break
                if is_stored:
                    self.acknowledged.update(bodies)

    def _sends(self, client: httpx.Client, data: bytes) -> bool:
        try:
            return client.post(self._url, content=data).status_code == 200
        except httpx.TransportError:
            return False


@pytest.mark.parametrize("victim", ["worker", "postgres"])
def test_acknowledged_log_records_are_kept_once(system: System, victim: str) -> None:
    with _Sender(system) as sender:
        sender.wait_for_more()
        pids = system.ready.pids
        killed = pids.workers[0] if victim == "worker" else pids.postgres
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        sender.wait_for_more()

    with psycopg.connect(system.ready.database_url) as connection:
        stored: dict[str, int] = dict(connection.execute(_STORED).fetchall())
    assert sender.acknowledged <= stored.keys()
    assert {body: copies for body, copies in stored.items() if copies != 1} == {}
