from __future__ import annotations

import logging

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from receiver.error import DecodeFailedError, MethodNotAllowedError, TooLargeError, UnsupportedMediaError
from receiver.status import failure_of, rejection_message
from tracedata import CallerError, NotFoundError, PermanentError, RetryableError


@pytest.mark.parametrize(
    ("error", "code", "http"),
    [
        (RetryableError("x"), grpc.StatusCode.UNAVAILABLE, 503),
        (PermanentError("x"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (CallerError("x"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (DecodeFailedError("x"), grpc.StatusCode.INVALID_ARGUMENT, 400),
        (TooLargeError("x"), grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
        (UnsupportedMediaError("x"), grpc.StatusCode.INVALID_ARGUMENT, 415),
        (NotFoundError("x"), grpc.StatusCode.NOT_FOUND, 404),
        (MethodNotAllowedError("x"), grpc.StatusCode.UNIMPLEMENTED, 405),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_family_has_its_codes(error: Exception, code: grpc.StatusCode, http: int) -> None:
    failure = failure_of(error)

    assert (failure.grpc_code, failure.http_status, failure.message) == (code, http, "x")
    assert failure.status().code == code.value[0]


@pytest.mark.parametrize(
    ("wanted", "seconds", "header"),
    [
        (0.25, 0.25, "1"),
        (1.0, 1.0, "1"),
        (1.5, 1.5, "2"),
        (-3.0, 0.0, "1"),
        (float("nan"), 1.0, "1"),
        (1e9, 3600, "3600"),
    ],
)
def test_a_retryable_failure_says_when(wanted: float, seconds: float, header: str) -> None:
    failure = failure_of(RetryableError("full", retry_after_s=wanted))
    info = RetryInfo()

    assert failure.status().details[0].Unpack(info)
    assert info.retry_delay.ToTimedelta().total_seconds() == seconds
    assert failure.retry_after_header() == header


def test_a_permanent_failure_says_nothing_about_retrying() -> None:
    failure = failure_of(PermanentError("no"))

    assert not failure.status().details
    assert failure.retry_after_header() is None


def test_an_unexpected_error_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        failure = failure_of(_raised(KeyError("secret")))

    assert (failure.grpc_code, failure.http_status) == (grpc.StatusCode.INTERNAL, 500)
    assert "KeyError" in caplog.text
    assert "_raised" in caplog.text
    assert "secret" not in caplog.text + failure.message


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except KeyError as caught:
        return caught


def test_rejections_are_told_by_class_and_count() -> None:
    assert rejection_message({"b": 2, "a": 1}) == "a: 1, b: 2"
