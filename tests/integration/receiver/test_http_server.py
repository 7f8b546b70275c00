from __future__ import annotations

import asyncio
import gzip
import json
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver.admission import Admission, AdmissionConfig
from receiver.error import ListenFailedError
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from tests.support.recording_consumer import RecordingConsumer
from tests.support.span_message import SPAN_ID, TRACE_ID, as_json, request_of, span_message
from tracedata import PermanentError, RetryableError

_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_GZIP = {"content-encoding": "gzip"}
_SOUND = {
    _PROTOBUF: request_of(span_message()).SerializeToString(),
    _JSON: as_json(request_of(span_message())),
}
_PARTIAL = request_of(span_message(), span_message(span_id=b""), span_message(trace_id=b""))


async def _post(
    client: httpx.AsyncClient, body: bytes, *, content_type: str = _PROTOBUF, headers: dict[str, str] | None = None
) -> httpx.Response:
    return await client.post("/v1/traces", content=body, headers={"content-type": content_type, **(headers or {})})


@pytest.fixture(autouse=True)
async def _lives_on(client: httpx.AsyncClient, consumer: RecordingConsumer) -> AsyncIterator[None]:
    """After whatever a test did, the next request is answered."""
    yield
    consumer.error = None
    response = await _post(client, _SOUND[_PROTOBUF])
    assert response.status_code == 200


@pytest.mark.parametrize("encoding", ["", "identity", "gzip"], ids=["none", "identity", "gzip"])
@pytest.mark.parametrize(
    "content_type", [_PROTOBUF, _JSON, "application/json; charset=utf-8", "Application/X-Protobuf"]
)
async def test_success_echoes_the_content_type_and_leaves_partial_success_unset(
    client: httpx.AsyncClient, consumer: RecordingConsumer, content_type: str, encoding: str
) -> None:
    plain = content_type.partition(";")[0].lower()
    body = gzip.compress(_SOUND[plain]) if encoding == "gzip" else _SOUND[plain]
    headers = {"content-encoding": encoding} if encoding else None

    response = await _post(client, body, content_type=content_type, headers=headers)

    assert (response.status_code, response.headers["content-type"]) == (200, plain)
    assert response.content == (b"{}" if plain == _JSON else b"")
    (span,) = consumer.spans
    assert (span.trace_id, span.span_id, span.name) == (TRACE_ID, SPAN_ID, "GET /")
    assert consumer.batches[0].workspace_id == 7


async def test_members_of_gzip_are_joined(client: httpx.AsyncClient, consumer: RecordingConsumer) -> None:
    body = _SOUND[_PROTOBUF]

    response = await _post(client, gzip.compress(body[:9]) + gzip.compress(body[9:]), headers=_GZIP)

    assert response.status_code == 200
    assert len(consumer.spans) == 1


@pytest.mark.parametrize(("content_type", "body"), [(_PROTOBUF, b""), (_JSON, b"{}"), (_JSON, b"")])
async def test_an_empty_request_succeeds_even_while_the_store_is_away(
    client: httpx.AsyncClient, consumer: RecordingConsumer, content_type: str, body: bytes
) -> None:
    consumer.error = RetryableError("away")

    response = await _post(client, body, content_type=content_type)

    assert response.status_code == 200


async def test_rejected_spans_are_counted_in_protobuf(client: httpx.AsyncClient, consumer: RecordingConsumer) -> None:
    response = await _post(client, _PARTIAL.SerializeToString())

    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert response.status_code == 200
    assert (partial.rejected_spans, partial.error_message) == (2, "invalid_span_id: 1, invalid_trace_id: 1")
    assert len(consumer.spans) == 1


async def test_rejected_spans_are_counted_in_json(client: httpx.AsyncClient, consumer: RecordingConsumer) -> None:
    response = await _post(client, as_json(_PARTIAL), content_type=_JSON)

    assert response.status_code == 200
    assert response.json() == {
        "partialSuccess": {"rejectedSpans": "2", "errorMessage": "invalid_span_id: 1, invalid_trace_id: 1"}
    }
    assert len(consumer.spans) == 1


_LARGE = request_of(span_message(name="x" * 200_000)).SerializeToString()


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "code"),
    [
        pytest.param(b"\xffsecret", _PROTOBUF, {}, 400, 3, id="malformed protobuf"),
        pytest.param(b'{"secret', _JSON, {}, 400, 3, id="malformed JSON"),
        pytest.param(b'{"resourceSpans": "secret"}', _JSON, {}, 400, 3, id="wrong type in JSON"),
        pytest.param(b"[" * 90_000, _JSON, {}, 400, 3, id="deep JSON"),
        pytest.param(gzip.compress(_SOUND[_JSON])[:-4], _JSON, _GZIP, 400, 3, id="gzip cut off"),
        pytest.param(b"secret", _PROTOBUF, _GZIP, 400, 3, id="not gzip"),
        pytest.param(_LARGE, _PROTOBUF, {}, 413, 8, id="too large"),
        pytest.param(_LARGE, _JSON, {}, 413, 8, id="too large JSON"),
        pytest.param(gzip.compress(bytes(50_000_000)), _PROTOBUF, _GZIP, 413, 8, id="gzip bomb"),
        pytest.param(_SOUND[_PROTOBUF], _PROTOBUF, {"content-encoding": "zstd"}, 415, 3, id="zstd"),
        pytest.param(_SOUND[_PROTOBUF], _PROTOBUF, {"content-encoding": "gzip, gzip"}, 415, 3, id="gzip twice"),
    ],
)
async def test_refusals_are_a_status_in_the_content_type_of_the_request(  # noqa: PLR0917  # A table's columns.
    client: httpx.AsyncClient,
    consumer: RecordingConsumer,
    body: bytes,
    content_type: str,
    headers: dict[str, str],
    status: int,
    code: int,
) -> None:
    response = await _post(client, body, content_type=content_type, headers=headers)

    told = response.json() if content_type == _JSON else Status.FromString(response.content)
    assert (response.status_code, response.headers["content-type"]) == (status, content_type)
    assert (told["code"] if isinstance(told, dict) else told.code) == code
    assert b"secret" not in response.content
    assert "retry-after" not in response.headers
    assert consumer.spans == []


async def test_a_body_of_unknown_length_is_bounded_too(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield bytes(10_000)

    response = await client.post("/v1/traces", content=chunks(), headers={"content-type": _PROTOBUF})

    assert response.status_code == 413


@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", ""], ids=["text", "grpc", "missing"])
async def test_an_unknown_content_type_is_refused_in_json(client: httpx.AsyncClient, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}

    response = await client.post("/v1/traces", content=b"{}", headers=headers)

    assert (response.status_code, response.headers["content-type"]) == (415, _JSON)
    assert response.json() == {
        "code": 3,
        "message": "The content type must be application/x-protobuf or application/json.",
    }


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
async def test_a_wish_for_another_protocol_is_passed_over(
    client: httpx.AsyncClient, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get("/nowhere", headers={"Connection": "Upgrade", "Upgrade": protocol})
    assert response.status_code == 404
    assert caplog.messages == []


async def test_other_paths_are_not_found(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/other", content=b"", headers={"content-type": _PROTOBUF})

    assert response.status_code == 404
    assert Status.FromString(response.content).code == 5


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/v1/traces")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("content_type", [_PROTOBUF, _JSON])
async def test_a_retryable_failure_is_503_and_says_when_to_return(
    client: httpx.AsyncClient, consumer: RecordingConsumer, content_type: str
) -> None:
    consumer.error = RetryableError("The queue is full.", retry_after_s=1.2)

    response = await _post(client, _SOUND[content_type], content_type=content_type)

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    if content_type == _JSON:
        assert response.json() == {"code": 14, "message": "The queue is full."}
    else:
        assert Status.FromString(response.content).message == "The queue is full."


@pytest.mark.parametrize(
    ("raised", "status"), [(PermanentError("no"), 400), (ValueError("secret"), 500)], ids=["permanent", "unexpected"]
)
async def test_other_failures_are_not_retryable(
    client: httpx.AsyncClient, consumer: RecordingConsumer, raised: Exception, status: int
) -> None:
    consumer.error = raised

    response = await _post(client, _SOUND[_PROTOBUF])

    assert response.status_code == status
    assert b"secret" not in response.content


async def test_a_sender_that_goes_away_in_mid_body_is_harmless(
    http_server: OtlpHttpServer, consumer: RecordingConsumer, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", http_server.port)
    writer.write(
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert consumer.spans == []
    assert caplog.text == ""


async def test_a_sender_that_goes_away_while_waiting_does_not_cancel_the_consumer(
    http_server: OtlpHttpServer, consumer: RecordingConsumer
) -> None:
    consumer.gate.clear()
    body = _SOUND[_JSON]
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {_JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", http_server.port)
    writer.write(head.encode() + body)
    await consumer.entered.wait()
    writer.close()
    await writer.wait_closed()
    consumer.gate.set()

    await asyncio.wait_for(consumer.stored.wait(), 5)
    assert len(consumer.spans) == 1


async def test_closing_lets_running_requests_finish(consumer: RecordingConsumer) -> None:
    server = OtlpHttpServer(OtlpHttpConfig(port=0), consumer, Admission(AdmissionConfig()))
    await server.start()
    consumer.gate.clear()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        request = asyncio.create_task(_post(client, _SOUND[_JSON], content_type=_JSON))
        await consumer.entered.wait()
        closing = asyncio.create_task(server.aclose())
        consumer.gate.set()
        response, _ = await asyncio.wait_for(asyncio.gather(request, closing), 5)

    assert response.status_code == 200
    assert json.loads(response.content) == {}


async def test_closing_is_idempotent_and_safe_before_start(consumer: RecordingConsumer) -> None:
    server = OtlpHttpServer(OtlpHttpConfig(port=0), consumer, Admission(AdmissionConfig()))
    await server.aclose()
    await server.start()
    await server.aclose()
    await server.aclose()


async def test_signals_are_left_to_the_application(consumer: RecordingConsumer) -> None:
    server = OtlpHttpServer(OtlpHttpConfig(port=0), consumer, Admission(AdmissionConfig()))
    before = signal.getsignal(signal.SIGTERM)
    await server.start()

    assert signal.getsignal(signal.SIGTERM) is before
    await server.aclose()


async def test_a_port_in_use_is_told_in_a_sentence(http_server: OtlpHttpServer, consumer: RecordingConsumer) -> None:
    second = OtlpHttpServer(OtlpHttpConfig(port=http_server.port), consumer, Admission(AdmissionConfig()))

    with pytest.raises(ListenFailedError, match=rf"127\.0\.0\.1:{http_server.port}"):
        await second.start()


async def test_processes_can_share_a_port(consumer: RecordingConsumer) -> None:
    first = OtlpHttpServer(OtlpHttpConfig(port=0, reuse_port=True), consumer, Admission(AdmissionConfig()))
    await first.start()
    second = OtlpHttpServer(OtlpHttpConfig(port=first.port, reuse_port=True), consumer, Admission(AdmissionConfig()))
    await second.start()

    assert second.port == first.port
    await first.aclose()
    await second.aclose()


async def test_bodies_that_never_end_are_given_up(consumer: RecordingConsumer) -> None:
    """Sixty of them claim far more than is admitted; what is held comes back, and their connections are closed."""
    admission = Admission(AdmissionConfig(read_timeout_s=0.5))
    server = OtlpHttpServer(OtlpHttpConfig(port=0), consumer, admission)
    await server.start()

    async def stall() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: {_PROTOBUF}\r\ncontent-length: 20000000\r\n\r\n"
        writer.write(head.encode() + bytes(1_000_000))
        try:
            return await reader.read()
        except ConnectionResetError:
            # Closed before all of it was read.
            return b""
        finally:
            writer.close()

    async with asyncio.timeout(20):
        answers = await asyncio.gather(*(stall() for _ in range(60)))

    assert {answer.split()[1] for answer in answers if answer} <= {b"503"}
    assert (admission.held_bytes, admission.held_requests) == (0, 0)
    assert not consumer.batches
    await server.aclose()
