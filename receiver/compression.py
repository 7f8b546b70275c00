"""Gzip with a bound on what comes out."""

from __future__ import annotations

import zlib

from receiver.error import DecodeFailedError, TooLargeError

# 16 selects gzip's header and trailer, 15 the largest window.
_GZIP_WBITS = 16 + 15
# The last four bytes of a member: https://www.rfc-editor.org/rfc/rfc1952#page-8.
_SIZE_BYTES = 4
# Every member costs a copy of what follows it; senders that flush in between need a handful.
_MAX_MEMBERS = 64


def gunzip(data: bytes, *, limit: int) -> bytes:
    """``data`` decompressed, all members of it; never allocates more than ``limit`` bytes and one.

    Raises:
        TooLargeError: more than ``limit`` bytes would come out.
        DecodeFailedError: the data is corrupt, cut off, or in too many members.
    """
    parts: list[bytes] = []
    left = limit
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(_GZIP_WBITS)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error as exc:
            raise DecodeFailedError("The gzip body is corrupt.") from exc
        if len(part) > left:
            raise TooLargeError(f"The decompressed body exceeds {limit} bytes.")
        if not member.eof:
            raise DecodeFailedError("The gzip body is cut off.")
        parts.append(part)
        left -= len(part)
        data = member.unused_data
        if not data:
            return parts[0] if len(parts) == 1 else b"".join(parts)
    raise DecodeFailedError(f"The gzip body has more than {_MAX_MEMBERS} members.")


def told_size(data: bytes) -> int:
    """The decompressed size of the last member as ``data`` tells it, which need not be true."""
    return int.from_bytes(data[-_SIZE_BYTES:], "little")
