"""Logs over both transports. What admission, limits and codes are like is shown with traces: the way is the same."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import httpx
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

from tests.integration.receiver.conftest import MAX_REQUEST_BYTES
from tests.support.log_message import log_message, logs_request
from tests.support.recording_consumer import RecordingConsumer
from tests.support.span_message import as_json
from tests.support.wire import delimited
from tracedata import RetryableError

_METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_SOUND = logs_request(log_message("one"), log_message("two"))
_LARGE = logs_request(log_message("x" * MAX_REQUEST_BYTES)).SerializeToString()
# A record that is no message, before one that is.
_PARTIAL = delimited(1, delimited(2, delimited(2, b"\x0a\x7f"))) + logs_request(log_message("two")).SerializeToString()


async def _post(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/v1/logs", content=body, headers={"content-type": _PROTOBUF, **named})


async def test_logs_are_taken_over_grpc(channel: aio.Channel, consumer: RecordingConsumer) -> None:
    response = await LogsServiceStub(channel).Export(_SOUND)  # type: ignore[no-untyped-call]  # Generated code.

    assert isinstance(response, ExportLogsServiceResponse)
    assert not response.HasField("partial_success")
    (batch,) = consumer.batches
    assert ([record.body for record in batch.log_records], batch.workspace_id) == (["one", "two"], 7)
    assert not batch.spans


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("content_type", [_PROTOBUF, _JSON])
async def test_logs_are_taken_over_http(
    client: httpx.AsyncClient, consumer: RecordingConsumer, content_type: str, *, is_compressed: bool
) -> None:
    body = as_json(_SOUND) if content_type == _JSON else _SOUND.SerializeToString()
    headers = {"content_type": content_type}
    if is_compressed:
        body, headers["content_encoding"] = gzip.compress(body), "gzip"

    response = await _post(client, body, **headers)

    assert (response.status_code, response.headers["content-type"]) == (200, content_type)
    assert response.content == (b"{}" if content_type == _JSON else b"")
    assert [record.body for record in consumer.batches[0].log_records] == ["one", "two"]


async def test_rejected_records_are_counted_over_grpc(channel: aio.Channel, consumer: RecordingConsumer) -> None:
    answer = ExportLogsServiceResponse.FromString(await channel.unary_unary(_METHOD)(_PARTIAL))

    assert answer.partial_success.rejected_log_records == 1
    assert answer.partial_success.error_message == "malformed_log_record: 1"
    assert [record.body for record in consumer.batches[0].log_records] == ["two"]


async def test_rejected_records_are_counted_over_http(client: httpx.AsyncClient, consumer: RecordingConsumer) -> None:
    body = as_json(_SOUND).replace(b'"one"', b"1")

    response = await _post(client, body, content_type=_JSON)

    assert response.json() == {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "malformed_log_record: 1"}}
    assert [record.body for record in consumer.batches[0].log_records] == ["two"]


@pytest.mark.parametrize(("content_type", "body"), [(_PROTOBUF, b""), (_JSON, b"{}"), (_JSON, b"")])
async def test_an_empty_request_succeeds_even_while_the_store_is_away(
    client: httpx.AsyncClient, consumer: RecordingConsumer, content_type: str, body: bytes
) -> None:
    consumer.error = RetryableError("away")

    assert (await _post(client, body, content_type=content_type)).status_code == 200


async def test_an_empty_request_over_grpc_succeeds(channel: aio.Channel, consumer: RecordingConsumer) -> None:
    consumer.error = RetryableError("away")

    assert await channel.unary_unary(_METHOD)(ExportLogsServiceRequest().SerializeToString()) == b""


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(b"\xffsecret", {}, 400, id="malformed protobuf"),
        pytest.param(b'{"resourceLogs": "secret"}', {"content_type": _JSON}, 400, id="malformed JSON"),
        pytest.param(_LARGE, {}, 413, id="too large"),
        pytest.param(gzip.compress(bytes(50_000_000)), {"content_encoding": "gzip"}, 413, id="gzip bomb"),
        pytest.param(b"x", {"content_type": "text/plain"}, 415, id="content type"),
    ],
)
async def test_what_cannot_be_taken_is_refused(
    client: httpx.AsyncClient, consumer: RecordingConsumer, body: bytes, headers: Mapping[str, str], status: int
) -> None:
    response = await _post(client, body, **headers)

    assert response.status_code == status
    assert b"secret" not in response.content
    assert not consumer.batches


async def test_what_cannot_be_stored_now_is_to_be_sent_again(
    client: httpx.AsyncClient, channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    consumer.error = RetryableError("away", retry_after_s=3)

    response = await _post(client, as_json(_SOUND), content_type=_JSON)
    with pytest.raises(aio.AioRpcError) as refused:
        await channel.unary_unary(_METHOD)(_SOUND.SerializeToString())

    assert (response.status_code, response.headers["retry-after"]) == (503, "3")
    assert json_format.Parse(response.content, Status()).message == "away"
    assert refused.value.code().name == "UNAVAILABLE"


async def test_only_posts_are_taken(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/logs", headers={"content-type": _JSON})

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
