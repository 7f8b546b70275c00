from __future__ import annotations

import gzip
import zlib

import pytest

from receiver.compression import gunzip
from receiver.error import DecodeFailedError, TooLargeError


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(gzip.compress(b"abc"), b"abc", id="one member"),
        pytest.param(gzip.compress(b""), b"", id="nothing inside"),
        pytest.param(gzip.compress(b"ab") + gzip.compress(b"") + gzip.compress(b"c"), b"abc", id="three members"),
        pytest.param(gzip.compress(b"x" * 10), b"x" * 10, id="exactly the limit"),
        pytest.param(gzip.compress(b"x" * 5) + gzip.compress(b"y" * 5), b"xxxxxyyyyy", id="the limit in two members"),
    ],
)
def test_members_are_joined(data: bytes, expected: bytes) -> None:
    assert gunzip(data, limit=10) == expected


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(gzip.compress(b"x" * 11), TooLargeError, id="one byte too many"),
        pytest.param(gzip.compress(b"x" * 6) * 2, TooLargeError, id="too much in two members"),
        pytest.param(gzip.compress(b"abc")[:-1], DecodeFailedError, id="cut off"),
        pytest.param(b"", DecodeFailedError, id="no header"),
        pytest.param(b"plain text", DecodeFailedError, id="not gzip"),
        pytest.param(zlib.compress(b"abc"), DecodeFailedError, id="zlib"),
        pytest.param(gzip.compress(b"abc") + b"tail", DecodeFailedError, id="garbage behind"),
        pytest.param(gzip.compress(b"abc")[:-8] + bytes(8), DecodeFailedError, id="wrong checksum"),
        pytest.param(gzip.compress(b"") * 65, DecodeFailedError, id="too many members"),
    ],
)
def test_what_is_not_sound_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        gunzip(data, limit=10)
