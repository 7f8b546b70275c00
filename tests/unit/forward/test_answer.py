from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from relayscope.forward.answer import grpc_error, http_error, rejected_items
from relayscope.forward.retry import Retry, RetryConfig
from tracedata import RetryableError

# https://opentelemetry.io/docs/specs/otlp/#failures
_RETRYABLE = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


def _asking(seconds: float) -> dict[str, bytes | str]:
    status = Status()
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    status.details.add().Pack(RetryInfo(retry_delay=delay))
    return {"grpc-status-details-bin": status.SerializeToString()}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_codes_of_grpc(code: grpc.StatusCode) -> None:
    assert isinstance(grpc_error(code, {}), RetryableError) == (code.name in _RETRYABLE)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504])
def test_statuses_of_http(status: int) -> None:
    assert isinstance(http_error(status, None), RetryableError) == (status in {429, 502, 503, 504})


def test_resources_that_are_exhausted_for_a_while() -> None:
    error = grpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, _asking(2.5))
    assert isinstance(error, RetryableError)
    assert error.retry_after_s == 2.5


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        pytest.param("7", 7, 7, id="seconds"),
        pytest.param(format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True), 3000, 7200, id="date"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0, id="past"),
        pytest.param("soon", 0, 0, id="neither"),
        pytest.param("9" * 5000, 1, 1e9, id="absurd"),
    ],
)
def test_retry_after(header: str, least: float, most: float) -> None:
    error = http_error(503, header)
    assert isinstance(error, RetryableError)
    assert least <= error.retry_after_s <= most


def test_an_answer_that_cannot_be_read_is_still_a_success() -> None:
    assert rejected_items(b"\xff\xff\xff", "traces") == 0


def test_pauses_grow_are_spread_and_end() -> None:
    config = RetryConfig(initial_interval_s=1, multiplier=2, max_interval_s=4, max_elapsed_time_s=100)
    retry = Retry(config, born=0, dice=random.Random(1))
    pauses = [retry.pause(0) or 0 for _ in range(5)]
    assert all(middle / 2 <= pause <= middle * 1.5 for pause, middle in zip(pauses, (1, 2, 4, 4, 4), strict=True))
    assert len(set(pauses)) == 5
    assert retry.pause(99.9) is None


def test_a_destination_is_waited_for_as_long_as_it_asks_but_not_for_ever() -> None:
    retry = Retry(RetryConfig(max_elapsed_time_s=0), born=0, dice=random.Random(1))
    assert retry.pause(0, asked_s=120) == 120
    assert retry.pause(1e9, asked_s=1e9) == 600


def test_a_request_is_not_sent_again_when_that_is_off() -> None:
    assert Retry(RetryConfig(enabled=False), born=0, dice=random.Random(1)).pause(0) is None
