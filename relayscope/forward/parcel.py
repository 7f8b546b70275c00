"""What is sent: encoded spans or log records, in pieces that can be joined without encoding them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from tracedata import SignalName

Form: TypeAlias = Literal["protobuf", "json"]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A whole export request with some items of one batch, in one form. Shared by all exporters that want that form."""

    signal: SignalName
    data: bytes
    items: int


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of one signal that are sent together."""

    signal: SignalName
    pieces: Sequence[Piece]

    @property
    def items(self) -> int:
        return sum(piece.items for piece in self.pieces)

    @property
    def size(self) -> int:
        return sum(len(piece.data) for piece in self.pieces)

    @property
    def message(self) -> bytes:
        """The pieces as one request in protobuf, in which repeated fields are joined by joining the bytes.

        See https://protobuf.dev/programming-guides/encoding/#last-one-wins.
        """
        return b"".join(piece.data for piece in self.pieces)

    @property
    def lines(self) -> bytes:
        """The pieces in JSON, a line each."""
        return b"".join(b"%b\n" % piece.data for piece in self.pieces)
