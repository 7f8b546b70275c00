"""Values as fields of PostgreSQL's binary COPY format, by the type of their column, for rows whose columns are declared.

The hot path of spans and log records has packers of its own, in ``storage.postgres.row``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from storage.postgres.row import NULL, PG_EPOCH_US
from storage.postgres.storable import mended

_LENGTH = struct.Struct("!i")
# Takes none, or what its column takes.
Packer = Callable[[Any], bytes]


def _packed(form: str) -> Packer:
    packer = struct.Struct(f"!i{form}")
    size = packer.size - _LENGTH.size

    def pack(value: Any) -> bytes:  # noqa: ANN401 - whatever the form takes
        return NULL if value is None else packer.pack(size, value)

    return pack


SMALLINT, INTEGER, BIGINT, BOOLEAN = _packed("h"), _packed("i"), _packed("q"), _packed("?")


def pack_bytea(value: bytes | None) -> bytes:
    """Bytes as they are."""
    return NULL if value is None else _LENGTH.pack(len(value)) + value


def pack_text(value: str | None) -> bytes:
    """Text; raises ``UnicodeEncodeError`` for a lone surrogate."""
    return NULL if value is None else pack_bytea(value.encode())


def pack_jsonb(data: bytes | None) -> bytes:
    """JSON text."""
    return NULL if data is None else pack_bytea(b"\x01" + data)


def pack_timestamp(us: int) -> bytes:
    """A moment in Unix microseconds."""
    return BIGINT(us - PG_EPOCH_US)


class RowPacker:
    """Packs rows whose values come in the order of ``columns``. A column that ``packers`` does not name is text."""

    def __init__(self, columns: Sequence[str], packers: Mapping[str, Packer]) -> None:
        self._count = struct.pack("!h", len(columns))
        self._packers = [packers.get(name, pack_text) for name in columns]

    def pack(self, row: Sequence[object]) -> bytes:
        """One row, of as many values as there are columns."""
        try:
            return self._packed(row)
        except UnicodeEncodeError:
            # A lone surrogate, which nobody but a JSON text within a text can bring here.
            return self._packed([mended(value) for value in row])

    def _packed(self, row: Sequence[object]) -> bytes:
        return self._count + b"".join(
            [
                # Half of the columns are empty, and a call is what costs.
                NULL if value is None else pack(value)
                for pack, value in zip(self._packers, row, strict=True)
            ]
        )
