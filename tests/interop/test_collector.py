"""A real Collector in front of a real system. Only `make interop` runs this, and builds the Collector."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import psycopg
import pytest

from tests.support.collector import PROGRAM, collecting, free_ports, send_jaeger, send_otlp, send_zipkin
from tests.support.factory import span
from tests.support.system import System
from tests.support.waiting import wait_until
from tracedata import Span

_SENDERS = (send_otlp, send_jaeger, send_zipkin)
_ROUNDS = 30
_SPANS_A_ROUND = 10
_STOP_AFTER, _START_AFTER = 10, 20
_DELIVERED_S = 90.0


@pytest.fixture(autouse=True)
def is_asked_for(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--interop"):
        pytest.skip("`make interop` runs it, where Go is installed")
    assert PROGRAM.is_file(), "make interop builds it"


def _spans(number: int) -> list[Span]:
    now_us = time.time_ns() // 1_000
    return [
        span(
            name=f"round {number}",
            start_time_unix_nano=(now_us + index) * 1_000,
            end_time_unix_nano=(now_us + index + 500) * 1_000,
            attributes={"number": number * _SPANS_A_ROUND + index},
        )
        for index in range(_SPANS_A_ROUND)
    ]


def _is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stored(url: str) -> dict[tuple[bytes, bytes], int]:
    """How often each span is there."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT trace_id, span_id, count(*) FROM relayscope.spans GROUP BY 1, 2").fetchall()
    return {(trace_id, span_id): count for trace_id, span_id, count in found}


def test_every_span_of_every_protocol_arrives_once_while_we_restart(data_folder: Path) -> None:
    (port,) = free_ports(1)
    system = System(data_folder / "system", "--otlp-grpc-port", str(port))
    sent: set[tuple[bytes, bytes]] = set()
    with system:
        with collecting(data_folder, endpoint=f"127.0.0.1:{port}") as ports:
            for number in range(_ROUNDS):
                if number == _STOP_AFTER:
                    # Without a word: what was taken but not acknowledged has to come again.
                    system.kill()
                    wait_until(lambda: not _is_listened_on(port), "the workers are gone")
                if number == _START_AFTER:
                    system.start()
                for send in _SENDERS:
                    spans = _spans(number)
                    send(ports, spans)
                    sent |= {(one.trace_id, one.span_id) for one in spans}
            url = system.ready.database_url
            wait_until(lambda: len(_stored(url)) >= len(sent), "every span is there", timeout_s=_DELIVERED_S)
        # The Collector has ended, and has nothing left to send.
        assert _stored(url) == dict.fromkeys(sent, 1)
        services = {item["name"] for item in system.get("/api/v1/services")["items"]}
    assert "Will retry" in (data_folder / "collector.log").read_text(errors="replace")
    assert len(sent) == _ROUNDS * _SPANS_A_ROUND * len(_SENDERS)
    assert {"checkout", "from-jaeger", "from-zipkin"} <= services
