"""Exporters for tests: impatient, so that what takes minutes in production takes none here."""

from __future__ import annotations

from collections import Counter

from relayscope.forward.encoding import pieces
from relayscope.forward.exporter import ExporterConfig
from relayscope.forward.parcel import Form, Piece
from relayscope.forward.queue import QueueConfig
from relayscope.forward.retry import RetryConfig
from tracedata import SignalName, Span

PATIENT = RetryConfig(initial_interval_s=0.02, max_interval_s=0.05, max_elapsed_time_s=0)


class ForwardRecord:
    """``relayscope.forward.instrument.ForwardInstruments`` as sums."""

    def __init__(self) -> None:
        self.sent_items = 0
        self.retries = 0
        self.lost: Counter[str] = Counter()
        self.most_items = 0
        self.items = 0

    def queued(self, exporter: str, *, items: int, size: int) -> None:  # noqa: ARG002 - sums tell enough
        self.items = items
        self.most_items = max(self.most_items, items)

    def sent(self, exporter: str, *, signal: SignalName, items: int) -> None:  # noqa: ARG002 - sums tell enough
        self.sent_items += items

    def failed(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:  # noqa: ARG002 - sums tell enough
        self.lost[reason] += items

    def dropped(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:  # noqa: ARG002 - sums tell enough
        self.lost[reason] += items

    def retried(self, exporter: str) -> None:  # noqa: ARG002 - sums tell enough
        self.retries += 1


def config(
    *, max_items: int = 1000, consumers: int = 1, retry: RetryConfig = PATIENT, grace_s: float = 5.0
) -> ExporterConfig:
    """An exporter that begins again at once and never gives up."""
    queue = QueueConfig(max_items=max_items, max_bytes=1 << 20, max_request_bytes=1 << 20)
    return ExporterConfig(name="otlp/test", queue=queue, retry=retry, consumers=consumers, grace_period_s=grace_s)


def piece_of(*spans: Span, form: Form = "protobuf") -> Piece:
    """The spans in one piece."""
    (piece,) = pieces(spans, signal="traces", form=form)
    assert piece is not None
    return piece
