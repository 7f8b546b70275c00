"""What receivers and writers tell about their work, for metrics and for spans of our own.

Everything is told once a request or once a group, never once a span, and nothing told is a data value: counts, sizes,
seconds, and words from our own code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, Self, TypeAlias

from tracedata.batch import Batch
from tracedata.pipeline import Receipt

# What a request brings.
SignalName: TypeAlias = Literal["traces", "logs"]


class RequestProbe(Protocol):
    """One export while it is handled."""

    def decoded(self, batch: Batch) -> None:
        """The bytes are a batch now, or the first one of several. Called once at most."""
        ...

    def accepted(self, receipt: Receipt) -> None:
        """Its spans or log records are durable. Called once at most."""
        ...


class GroupProbe(Protocol):
    """One commit while it is made."""

    def committed(self, *, spans: int, log_records: int) -> None:
        """So many of each are durable. Not called for a group that fails."""
        ...


class ReceiverInstruments(Protocol):
    """What a receiver tells. Must not raise."""

    def request(self, *, transport: str, signal: SignalName, size: int) -> AbstractContextManager[RequestProbe]:
        """Around the handling of one export of ``size`` bytes; ``transport`` is ``grpc`` or ``http``."""
        ...

    def refused(self, *, transport: str, code: str) -> None:
        """A request was answered with an error; ``code`` is gRPC's name or HTTP's number."""
        ...


class WriterInstruments(Protocol):
    """What a writer tells. Must not raise."""

    def queued(self, *, rows: int, size: int) -> None:
        """What waits for a commit now: rows, and their bytes."""
        ...

    def origin(self) -> object | None:
        """What stands for the request that is being handled, to be given to ``group``; none when nobody wants it."""
        ...

    def group(self, *, rows: int, origins: Sequence[object]) -> AbstractContextManager[GroupProbe]:
        """Around the writing of one group, up to its commit."""
        ...


class RedactionInstruments(Protocol):
    """What the redaction of a batch tells. Must not raise."""

    def redacted(
        self,
        *,
        keys: Mapping[str, Mapping[str, int]],
        seconds: float,
        cache_hits: int,
        cache_misses: int,
        cache_bytes: int,
    ) -> None:
        """What was replaced, by attribute key and entity; how long that took; the cache since the start, and now.

        Keys are as stored, so they are redacted themselves, but there can be any number of them.
        """
        ...


class IngestInstruments(ReceiverInstruments, WriterInstruments, RedactionInstruments, Protocol):
    """What an ingest worker tells."""


class _Silence:
    """Takes everything, does nothing; its own context manager, so that it costs next to nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def decoded(self, batch: Batch) -> None:
        """Nobody listens."""

    def accepted(self, receipt: Receipt) -> None:
        """Nobody listens."""

    def committed(self, *, spans: int, log_records: int) -> None:
        """Nobody listens."""

    def request(self, *, transport: str, signal: SignalName, size: int) -> _Silence:  # noqa: ARG002 - nobody listens
        return self

    def refused(self, *, transport: str, code: str) -> None:
        """Nobody listens."""

    def queued(self, *, rows: int, size: int) -> None:
        """Nobody listens."""

    def redacted(
        self,
        *,
        keys: Mapping[str, Mapping[str, int]],
        seconds: float,
        cache_hits: int,
        cache_misses: int,
        cache_bytes: int,
    ) -> None:
        """Nobody listens."""

    def origin(self) -> object | None:
        return None

    def group(self, *, rows: int, origins: Sequence[object]) -> _Silence:  # noqa: ARG002 - nobody listens
        return self


UNOBSERVED: IngestInstruments = _Silence()
