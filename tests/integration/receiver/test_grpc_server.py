from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from receiver.admission import Admission, AdmissionConfig
from receiver.error import ListenFailedError
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from tests.support.recording_consumer import RecordingConsumer
from tests.support.span_message import request_of, span_message
from tracedata import PermanentError, RetryableError

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def _stub(channel: aio.Channel) -> TraceServiceStub:
    return TraceServiceStub(channel)  # type: ignore[no-untyped-call]  # Generated code.


async def _export(channel: aio.Channel, request: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
    response = await _stub(channel).Export(request)
    assert isinstance(response, ExportTraceServiceResponse)
    return response


async def _refusal(channel: aio.Channel, data: bytes, compression: grpc.Compression | None = None) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary(_METHOD)(data, compression=compression)
    return caught.value


def _details(error: aio.AioRpcError) -> Status:
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "gzip"])
async def test_success_leaves_partial_success_unset(
    channel: aio.Channel, consumer: RecordingConsumer, compression: grpc.Compression
) -> None:
    request = request_of(*[span_message(name="GET /")] * 50)

    response = await _stub(channel).Export(request, compression=compression)

    assert not response.HasField("partial_success")
    assert [span.name for span in consumer.spans] == ["GET /"] * 50
    assert consumer.batches[0].workspace_id == 7


async def test_an_empty_request_succeeds_even_while_the_store_is_away(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    consumer.error = RetryableError("away")

    response = await _export(channel, ExportTraceServiceRequest())

    assert not response.HasField("partial_success")


async def test_rejected_spans_are_counted_and_their_neighbours_stored(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    request = request_of(
        span_message(), span_message(trace_id=b""), span_message(span_id=b""), span_message(span_id=b"")
    )

    response = await _export(channel, request)

    assert response.partial_success.rejected_spans == 3
    assert response.partial_success.error_message == "invalid_span_id: 2, invalid_trace_id: 1"
    assert len(consumer.spans) == 1


async def test_a_request_of_rejected_spans_only_needs_no_store(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    consumer.error = RetryableError("away")

    response = await _export(channel, request_of(span_message(trace_id=b"")))

    assert response.partial_success.rejected_spans == 1


async def test_a_malformed_request_is_an_invalid_argument_and_the_next_one_works(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    error = await _refusal(channel, b"\xffsecret")

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _details(error).code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "secret" not in str(error.details())
    await _export(channel, request_of(span_message()))
    assert len(consumer.spans) == 1


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "gzip"])
async def test_an_oversized_request_is_resource_exhausted_without_retry(
    channel: aio.Channel, consumer: RecordingConsumer, compression: grpc.Compression
) -> None:
    large = request_of(span_message(name="x" * 200_000)).SerializeToString()

    error = await _refusal(channel, large, compression)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(error.trailing_metadata())
    await _export(channel, request_of(span_message()))
    assert len(consumer.spans) == 1


async def test_a_retryable_failure_is_unavailable_and_says_when_to_return(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    consumer.error = RetryableError("The queue is full.", retry_after_s=2.5)

    error = await _refusal(channel, request_of(span_message()).SerializeToString())

    info = RetryInfo()
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "The queue is full."
    assert _details(error).details[0].Unpack(info)
    assert info.retry_delay.ToTimedelta().total_seconds() == 2.5


@pytest.mark.parametrize(
    ("raised", "code"),
    [(PermanentError("no"), grpc.StatusCode.INVALID_ARGUMENT), (ValueError("secret"), grpc.StatusCode.INTERNAL)],
    ids=["permanent", "unexpected"],
)
async def test_other_failures_are_not_retryable(
    channel: aio.Channel, consumer: RecordingConsumer, raised: Exception, code: grpc.StatusCode
) -> None:
    consumer.error = raised

    error = await _refusal(channel, request_of(span_message()).SerializeToString())

    assert error.code() is code
    assert "secret" not in str(error.details())


async def test_another_method_is_unimplemented(channel: aio.Channel) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Import")(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_sender_that_goes_away_does_not_cancel_the_consumer(
    channel: aio.Channel, consumer: RecordingConsumer
) -> None:
    consumer.gate.clear()
    call = _stub(channel).Export(request_of(span_message()))
    await consumer.entered.wait()

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # Another call and its answer: by then the server has seen the cancellation of the first.
    await _export(channel, ExportTraceServiceRequest())
    consumer.gate.set()

    await asyncio.wait_for(consumer.stored.wait(), 5)
    assert len(consumer.spans) == 1


async def test_closing_lets_running_calls_finish(consumer: RecordingConsumer) -> None:
    server = OtlpGrpcServer(OtlpGrpcConfig(port=0), consumer, Admission(AdmissionConfig()))
    await server.start()
    consumer.gate.clear()
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = asyncio.ensure_future(_export(channel, request_of(span_message())))
        await consumer.entered.wait()
        closing = asyncio.create_task(server.aclose())
        consumer.gate.set()
        await asyncio.wait_for(asyncio.gather(call, closing), 5)

    assert len(consumer.spans) == 1


async def test_closing_gives_up_after_the_grace_period(consumer: RecordingConsumer) -> None:
    server = OtlpGrpcServer(OtlpGrpcConfig(port=0, grace_period_s=0.05), consumer, Admission(AdmissionConfig()))
    await server.start()
    consumer.gate.clear()
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = asyncio.ensure_future(_export(channel, request_of(span_message())))
        await consumer.entered.wait()
        await asyncio.wait_for(server.aclose(), 5)
        with pytest.raises(aio.AioRpcError):
            await call

    assert consumer.spans == []


async def test_closing_is_idempotent_and_safe_before_start(consumer: RecordingConsumer) -> None:
    server = OtlpGrpcServer(OtlpGrpcConfig(port=0), consumer, Admission(AdmissionConfig()))
    await server.aclose()
    await server.start()
    await server.aclose()
    await server.aclose()


async def test_a_port_in_use_is_told_in_a_sentence(grpc_server: OtlpGrpcServer, consumer: RecordingConsumer) -> None:
    second = OtlpGrpcServer(OtlpGrpcConfig(port=grpc_server.port), consumer, Admission(AdmissionConfig()))

    with pytest.raises(ListenFailedError, match=rf"127\.0\.0\.1:{grpc_server.port}"):
        await second.start()


async def test_processes_can_share_a_port(consumer: RecordingConsumer) -> None:
    first = OtlpGrpcServer(OtlpGrpcConfig(port=0, reuse_port=True), consumer, Admission(AdmissionConfig()))
    await first.start()
    second = OtlpGrpcServer(OtlpGrpcConfig(port=first.port, reuse_port=True), consumer, Admission(AdmissionConfig()))
    await second.start()

    assert second.port == first.port
    await first.aclose()
    await second.aclose()
