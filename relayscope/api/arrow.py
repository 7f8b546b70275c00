"""What writers of Arrow and Parquet stand on: pyarrow, which the extra ``relayscope[arrow]`` brings, and where it writes to."""

from __future__ import annotations

import importlib
import importlib.util
import io
from typing import Any


def is_installed() -> bool:
    """Whether pyarrow is there."""
    return importlib.util.find_spec("pyarrow") is not None


# Any: pyarrow has no types, and is there only with the extra.
def arrow_module(name: str) -> Any:  # noqa: ANN401 - as above
    """A module of pyarrow, loaded when it is needed."""
    return importlib.import_module(name)


class Sink(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever has a buffer
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
