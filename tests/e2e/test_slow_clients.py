"""Clients that are slow, or silent, disturb nobody."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TypeAlias

import pytest

from tests.support.exporter import TRANSPORTS, Exporter
from tests.support.factory import span, trace_id
from tests.support.otlp import export_request
from tests.support.rest_answer import spans_of_trace
from tests.support.system import System
from tracedata import Span

_CLIENTS = 50
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# An empty SETTINGS frame: https://www.rfc-editor.org/rfc/rfc9113#section-4.1
_SETTINGS = bytes(3) + b"\x04" + bytes(5)
_PATIENCE_S = 5.0
Silent: TypeAlias = tuple[str, bytes]

_SILENT: dict[str, Silent] = {
    "HTTP, not a word": ("otlp_http", b""),
    "HTTP, half a header": ("otlp_http", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-ty"),
    "HTTP, half a body": (
        "otlp_http",
        b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 99\r\n\r\nab",
    ),
    "gRPC, not a word": ("otlp_grpc", b""),
    "gRPC, half a preface": ("otlp_grpc", _PREFACE[:9]),
    "gRPC, a preface": ("otlp_grpc", _PREFACE + _SETTINGS),
}


@pytest.fixture(params=list(_SILENT.values()), ids=list(_SILENT))
def silent_clients(system: System, request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    """Many connections on which nothing more comes."""
    port, words = request.param
    with ExitStack() as stack:
        clients = []
        for _ in range(_CLIENTS):
            client = socket.create_connection(("127.0.0.1", getattr(system.ready, port)))
            clients.append(stack.enter_context(closing(client)))
            client.sendall(words)
        yield clients


def test_silent_clients_do_not_disturb_others(system: System, silent_clients: list[socket.socket]) -> None:
    begun = time.monotonic()
    for transport in TRANSPORTS:
        with Exporter(system.ready, transport) as exporter:
            assert not exporter.export([span() for _ in range(20)]).HasField("partial_success")
    assert time.monotonic() - begun < _PATIENCE_S


def test_a_client_that_sends_byte_by_byte_is_answered_in_the_end(system: System) -> None:
    slow = [span(trace_id=trace_id()) for _ in range(2)]
    body = export_request(slow[:1]).SerializeToString()
    head = f"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {len(body)}\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", system.ready.otlp_http))) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(_PATIENCE_S)
        dripping = threading.Thread(target=_drip, args=(client, head.encode() + body))
        dripping.start()
        with Exporter(system.ready, TRANSPORTS[0]) as exporter:
            exporter.export(slow[1:])
            assert dripping.is_alive()
        dripping.join()
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert [_stored(system, one) for one in slow] == [1, 1]


def _drip(client: socket.socket, data: bytes) -> None:
    pause = threading.Event()
    for byte in data:
        client.sendall(bytes([byte]))
        pause.wait(0.01)


def _stored(system: System, one: Span) -> int:
    return len(spans_of_trace(system.get(f"/api/v1/traces/{one.trace_id.hex()}")))
