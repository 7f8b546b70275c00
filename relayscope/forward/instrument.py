"""What forwarding tells about itself. Counts and words of our own; names of exporters are the operator's."""

from __future__ import annotations

from typing import Protocol

from tracedata import SignalName


class ForwardInstruments(Protocol):
    """Must not raise. Items are spans and log records."""

    def queued(self, exporter: str, *, items: int, size: int) -> None:
        """What waits for this exporter now, that which is under way included."""
        ...

    def sent(self, exporter: str, *, signal: SignalName, items: int) -> None:
        """The destination has taken them."""
        ...

    def failed(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:
        """They were offered to the destination, and will not be again."""
        ...

    def dropped(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:
        """They were never offered to the destination."""
        ...

    def retried(self, exporter: str) -> None:
        """A request failed and is sent again."""
        ...
