"""What a form of export is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

_Item_contra = TypeVar("_Item_contra", contravariant=True)


class Form(Protocol[_Item_contra]):
    """Makes bytes of items, portion by portion, in bounded memory. An instance makes one file. Any thread may call, one at a time."""

    def begin(self) -> bytes:
        """What stands before all items."""
        ...

    def encode(self, items: Sequence[_Item_contra]) -> bytes:
        """What can be written now; the rest is kept until there is enough of it."""
        ...

    def end(self) -> bytes:
        """What is left."""
        ...
