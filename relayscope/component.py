"""What starts and stops."""

from __future__ import annotations

from typing import Protocol


class Component(Protocol):
    """Something that starts and stops. ``aclose`` is idempotent, safe before ``start``, and drains."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...
