"""One table from error families to gRPC's codes."""

from __future__ import annotations

import logging
from typing import NamedTuple

import grpc

from tracedata import CallerError, NotFoundError, PermanentError, RetryableError

_LOG = logging.getLogger(__name__)


class UnsupportedError(PermanentError):
    """What this system does not do, however it is asked."""


# The first family that fits counts, so the narrow ones come first.
_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (RetryableError, grpc.StatusCode.UNAVAILABLE),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (UnsupportedError, grpc.StatusCode.UNIMPLEMENTED),
    (CallerError, grpc.StatusCode.INVALID_ARGUMENT),
    (PermanentError, grpc.StatusCode.INTERNAL),
)


class Failure(NamedTuple):
    """What a caller is told."""

    code: grpc.StatusCode
    message: str


def failure_of(error: Exception) -> Failure:
    """What to answer for an error. One that nobody raised on purpose becomes a fixed sentence and a log line."""
    for family, code in _CODES:
        if isinstance(error, family):
            return Failure(code, str(error))
    _LOG.error("a query over gRPC failed", exc_info=error)
    return Failure(grpc.StatusCode.INTERNAL, "Internal error; the log has the place.")
