"""One table from error families to the codes of gRPC and HTTP, and what an answer says about an error.

Sources: https://opentelemetry.io/docs/specs/otlp/#failures and https://cloud.google.com/apis/design/errors. Senders
retry after ``UNAVAILABLE`` and 503; they never retry after ``INTERNAL`` and 500, so those are left for bugs.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping

import grpc
import msgspec
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receiver.error import MethodNotAllowedError, TooLargeError, UnsupportedMediaError
from receiver.host import Refusal
from tracedata import NotFoundError, PermanentError, RelayscopeError, RetryableError

_LOG = logging.getLogger(__name__)
_MAX_RETRY_AFTER_S = 3600


class _Codes(msgspec.Struct, frozen=True):
    grpc: grpc.StatusCode
    http: int


# The first family that fits counts, so the narrow ones come first.
_CODES: tuple[tuple[type[Exception], _Codes], ...] = (
    (RetryableError, _Codes(grpc.StatusCode.UNAVAILABLE, 503)),
    (TooLargeError, _Codes(grpc.StatusCode.RESOURCE_EXHAUSTED, 413)),
    (UnsupportedMediaError, _Codes(grpc.StatusCode.INVALID_ARGUMENT, 415)),
    (MethodNotAllowedError, _Codes(grpc.StatusCode.UNIMPLEMENTED, 405)),
    (NotFoundError, _Codes(grpc.StatusCode.NOT_FOUND, 404)),
    (PermanentError, _Codes(grpc.StatusCode.INVALID_ARGUMENT, 400)),
)
_INTERNAL = _Codes(grpc.StatusCode.INTERNAL, 500)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender is told. ``retry_after_s`` is set only when the same request can succeed later."""

    grpc_code: grpc.StatusCode
    http_status: int
    message: str
    retry_after_s: float | None = None

    def status(self) -> Status:
        """The body over HTTP, and the details over gRPC."""
        status = Status(code=self.grpc_code.value[0], message=self.message)
        if self.retry_after_s is not None:
            delay = Duration()
            delay.FromNanoseconds(round(self.retry_after_s * 1e9))
            status.details.add().Pack(RetryInfo(retry_delay=delay))
        return status

    def retry_after_header(self) -> str | None:
        """Whole seconds, one at least, because the header has no fractions."""
        if self.retry_after_s is None:
            return None
        return str(max(1, math.ceil(self.retry_after_s)))


def failure_of(error: Exception) -> Failure:
    """What to answer for ``error``. Errors that nobody raised on purpose become a fixed sentence and a log line."""
    codes = next((codes for family, codes in _CODES if isinstance(error, family)), _INTERNAL)
    if codes is _INTERNAL and not isinstance(error, RelayscopeError):
        _log_unexpected(error)
    return Failure(
        grpc_code=codes.grpc,
        http_status=codes.http,
        message="Internal error; the log has the place." if codes is _INTERNAL else str(error),
        retry_after_s=_retry_after(error),
    )


def misdirection(refusal: Refusal) -> Failure:
    """What to answer a request that is not for this server. The code of gRPC stands in the body only."""
    code = grpc.StatusCode.PERMISSION_DENIED if refusal.status == 403 else grpc.StatusCode.INVALID_ARGUMENT
    return Failure(grpc_code=code, http_status=refusal.status, message=refusal.message)


def rejection_message(rejections: Mapping[str, int]) -> str:
    """Reason classes with their counts, such as ``invalid_span_id: 2, invalid_trace_id: 1``."""
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(rejections.items()))


def _retry_after(error: Exception) -> float | None:
    if not isinstance(error, RetryableError):
        return None
    wanted = error.retry_after_s
    return min(max(wanted, 0.0), _MAX_RETRY_AFTER_S) if math.isfinite(wanted) else 1.0


def _log_unexpected(error: Exception) -> None:
    # The text of a foreign error can quote data, so only its type and the way through our code are told.
    way = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("Unexpected %s while receiving:\n%s", type(error).__name__, way)
