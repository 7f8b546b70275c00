"""What cannot be taken is refused with the code that OTLP documents, and the process goes on."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status

from tests.support.exporter import CONTENT_TYPES, Exporter, RefusedError, Transport
from tests.support.factory import span
from tests.support.system import System, is_alive

_LIMIT = 20 * 1024 * 1024
_PROTOBUF, _JSON = CONTENT_TYPES["protobuf"], CONTENT_TYPES["json"]
# A field that is longer than the message: no repair of text can help.
_NO_MESSAGE = b"\x0a\xff\xff\x03cut"


@pytest.fixture(autouse=True)
def _is_unharmed(system: System) -> Iterator[None]:
    """The same processes answer the next request."""
    before = system.ready.pids
    yield
    for encoding in ("grpc", "protobuf", "json"):
        sent = span()
        with Exporter(system.ready, Transport(encoding)) as exporter:
            exporter.export([sent])
        assert system.get(f"/api/v1/traces/{sent.trace_id.hex()}")["spanCount"] == 1
    assert all(map(is_alive, before.workers))
    assert system.ready.pids == before


def _bomb() -> bytes:
    return gzip.compress(bytes(10 * _LIMIT), 9)


@pytest.mark.parametrize(
    ("status", "content_type", "encoding", "body"),
    [
        pytest.param(400, _PROTOBUF, "", lambda: _NO_MESSAGE, id="malformed-protobuf"),
        pytest.param(400, _JSON, "", lambda: b'{"resourceSpans": [', id="malformed-json"),
        pytest.param(400, _JSON, "", lambda: b'{"resourceSpans": 7}', id="json-of-another-shape"),
        pytest.param(400, _JSON, "", lambda: b"[" * 100_000, id="bottomless-json"),
        pytest.param(400, _JSON, "", lambda: b'{"resourceSpans": "\xff"}', id="json-that-is-not-utf-8"),
        pytest.param(400, _PROTOBUF, "gzip", lambda: b"no gzip", id="malformed-gzip"),
        pytest.param(400, _PROTOBUF, "gzip", lambda: gzip.compress(b"cut off")[:-9], id="truncated-gzip"),
        pytest.param(415, "text/plain", "", lambda: b"hello", id="wrong-content-type"),
        pytest.param(415, "", "", lambda: b"hello", id="no-content-type"),
        pytest.param(415, _PROTOBUF, "br", lambda: b"", id="wrong-content-encoding"),
        pytest.param(413, _PROTOBUF, "", lambda: bytes(_LIMIT + 1), id="oversized-body"),
        pytest.param(413, _JSON, "", lambda: b" " * (_LIMIT + 1), id="oversized-json"),
        pytest.param(413, _PROTOBUF, "gzip", _bomb, id="gzip-bomb"),
        pytest.param(413, _JSON, "gzip", _bomb, id="gzip-bomb-of-json"),
    ],
)
def test_http_refuses(
    system: System, *, status: int, content_type: str, encoding: str, body: Callable[[], bytes]
) -> None:
    named = {"content-type": content_type, "content-encoding": encoding}

    response = _post(system, {name: value for name, value in named.items() if value}, body())

    assert response.status_code == status
    _check_status_body(response, content_type if content_type in CONTENT_TYPES.values() else _JSON)


def test_http_refuses_a_body_of_unknown_length_when_it_grows_too_large(system: System) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(_LIMIT // 1_048_576 + 1):
            yield bytes(1_048_576)

    url = f"http://127.0.0.1:{system.ready.otlp_http}/v1/traces"

    response = httpx.post(url, content=chunks(), headers={"content-type": _PROTOBUF}, trust_env=False)

    assert response.status_code == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/traces", 405), ("POST", "/v1/trace", 404)])
def test_http_refuses_other_methods_and_paths(system: System, method: str, path: str, status: int) -> None:
    url = f"http://127.0.0.1:{system.ready.otlp_http}{path}"

    response = httpx.request(method, url, headers={"content-type": _PROTOBUF}, trust_env=False)

    assert response.status_code == status
    _check_status_body(response, _PROTOBUF)


def _post(system: System, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    url = f"http://127.0.0.1:{system.ready.otlp_http}/v1/traces"
    return httpx.post(url, content=body, headers=dict(headers), timeout=30.0, trust_env=False)


def _check_status_body(response: httpx.Response, content_type: str) -> None:
    assert response.headers["content-type"] == content_type
    assert "retry-after" not in response.headers
    status = Status()
    if content_type == _JSON:
        json_format.Parse(response.content, status)
    else:
        status.ParseFromString(response.content)
    assert status.message


@pytest.mark.parametrize(
    ("code", "is_compressed", "size"),
    [
        pytest.param("INVALID_ARGUMENT", False, 0, id="malformed"),
        pytest.param("INVALID_ARGUMENT", True, 0, id="malformed-gzip"),
        pytest.param("RESOURCE_EXHAUSTED", False, _LIMIT + 1, id="oversized"),
        pytest.param("RESOURCE_EXHAUSTED", True, 5 * _LIMIT, id="gzip-bomb"),
    ],
)
def test_grpc_refuses(system: System, *, code: str, is_compressed: bool, size: int) -> None:
    with (
        Exporter(system.ready, Transport("grpc", is_compressed=is_compressed)) as exporter,
        pytest.raises(RefusedError) as refusal,
    ):
        exporter.export_bytes(bytes(size) or _NO_MESSAGE)

    assert refusal.value.code == code
    # With a delay, senders would repeat what can never succeed.
    assert refusal.value.retry_after_s is None


def test_grpc_knows_no_other_service(system: System) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{system.ready.otlp_grpc}", [("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"", timeout=10.0)

    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("encoding", ["grpc", "protobuf"])
def test_a_span_that_cannot_be_taken_leaves_its_neighbours_alone(system: System, encoding: str) -> None:
    sound, without_id, zero_id = span(), span(span_id=b""), span(trace_id=bytes(16))

    with Exporter(system.ready, Transport("grpc" if encoding == "grpc" else "protobuf")) as exporter:
        response = exporter.export([without_id, sound, zero_id])

    assert response.partial_success.rejected_spans == 2
    assert response.partial_success.error_message
    assert system.get(f"/api/v1/traces/{sound.trace_id.hex()}")["spanCount"] == 1
