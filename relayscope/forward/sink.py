"""A destination: takes parcels, one call each."""

from __future__ import annotations

from typing import Protocol

from relayscope.forward.parcel import Form, Parcel


class Sink(Protocol):
    """What an exporter sends to. ``aclose`` is idempotent and safe before ``start``; neither waits for the network."""

    @property
    def form(self) -> Form:
        """What its pieces have to be."""
        ...

    async def start(self) -> None:
        """Raises ``PermanentError`` when it can never work, such as a file in a folder that nobody may write to."""
        ...

    async def send(self, parcel: Parcel) -> int:
        """Returns how many of the items the destination has refused for good.

        Raises:
            RetryableError: the same parcel can be sent again; all of it, or some of it, may have arrived.
            PermanentError: it fails again. The message is a code, and no words of the destination: those can quote data.
        """
        ...

    async def aclose(self) -> None: ...
