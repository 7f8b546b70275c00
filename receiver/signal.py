"""The signals that are taken: where their requests come in, how they are read, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, TypeAlias

import msgspec
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver import otlp_json, protobuf, wire
from receiver.status import rejection_message
from tracedata import Batch, Receipt, SignalName

# Takes the bytes and the largest number of objects in them; raises when there are more.
Check: TypeAlias = Callable[[bytes, int], None]


class Decode(Protocol):
    """Yields at least one batch. Errors come with the first."""

    def __call__(self, data: bytes, workspace_id: int, *, max_items: int) -> Iterator[Batch]: ...


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes of a signal are read, and what is looked at before that."""

    signal: SignalName
    check: Check
    decode: Decode


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal of OTLP: its gRPC service and its HTTP path, its encodings, and how a receipt is answered.

    In the answer, ``partial_success`` is set only when something was rejected, as OTLP demands.
    """

    name: SignalName
    service: str
    path: str
    protobuf: Encoding
    json: Encoding
    response_of: Callable[[Receipt], Message]


def _traces_response(receipt: Receipt) -> ExportTraceServiceResponse:
    response = ExportTraceServiceResponse()
    if receipt.rejected:
        response.partial_success.rejected_spans = receipt.rejected
        response.partial_success.error_message = rejection_message(receipt.rejections)
    return response


def _logs_response(receipt: Receipt) -> ExportLogsServiceResponse:
    response = ExportLogsServiceResponse()
    if receipt.rejected:
        response.partial_success.rejected_log_records = receipt.rejected
        response.partial_success.error_message = rejection_message(receipt.rejections)
    return response


TRACES = Signal(
    name="traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    path="/v1/traces",
    protobuf=Encoding(
        signal="traces", check=partial(wire.check_protobuf, layout=wire.TRACES), decode=protobuf.slice_traces
    ),
    json=Encoding(signal="traces", check=wire.check_json, decode=otlp_json.slice_traces),
    response_of=_traces_response,
)
LOGS = Signal(
    name="logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    path="/v1/logs",
    protobuf=Encoding(signal="logs", check=partial(wire.check_protobuf, layout=wire.LOGS), decode=protobuf.slice_logs),
    json=Encoding(signal="logs", check=wire.check_json, decode=otlp_json.slice_logs),
    response_of=_logs_response,
)
SIGNALS = (TRACES, LOGS)
