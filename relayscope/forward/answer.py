"""What an answer means for the sender, in both protocols of OTLP.

Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response and #otlphttp-response. What is not in the tables of
retryable codes is permanent. Nothing that the destination says in words is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracedata import PermanentError, RelayscopeError, RetryableError, SignalName

_RETRYABLE_GRPC = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
_RETRYABLE_HTTP = frozenset((429, 502, 503, 504))


def rejected_items(body: bytes, signal: SignalName) -> int:
    """How many items an answer of success says were left out; none when it cannot be read, since it is a success."""
    try:
        if signal == "traces":
            return max(0, ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans)
        return max(0, ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records)
    except DecodeError:
        return 0


def grpc_error(code: grpc.StatusCode, trailers: Mapping[str, bytes | str]) -> RelayscopeError:
    """The error for a call that ended with ``code``."""
    asked_s = _retry_info(trailers.get("grpc-status-details-bin"))
    # Without a time, it says that there will never be enough of what is lacking.
    if code in _RETRYABLE_GRPC or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and asked_s is not None):
        return RetryableError(code.name, retry_after_s=asked_s or 0.0)
    return PermanentError(code.name)


def http_error(status: int, retry_after: str | None) -> RelayscopeError:
    """The error for an answer that is no success."""
    if status in _RETRYABLE_HTTP:
        return RetryableError(str(status), retry_after_s=_seconds(retry_after))
    return PermanentError(str(status))


def _retry_info(details: bytes | str | None) -> float | None:
    if not isinstance(details, bytes):
        return None
    try:
        for detail in Status.FromString(details).details:
            info = RetryInfo()
            if detail.Unpack(info):
                seconds: float = info.retry_delay.ToNanoseconds() / 1e9
                return max(0.0, seconds)
    except DecodeError:
        return None
    return None


def _seconds(retry_after: str | None) -> float:
    """The header's seconds, or those until its date: https://www.rfc-editor.org/rfc/rfc9110#name-retry-after."""
    if retry_after is None:
        return 0.0
    if retry_after.isascii() and retry_after.isdecimal():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
