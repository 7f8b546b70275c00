"""A steady stream of spans from several threads, and the account of what was acknowledged."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Self

from relayscope.supervisor import Ready
from tests.support.exporter import Exporter, RefusedError, Transport
from tests.support.factory import span, trace_id
from tests.support.system import System
from tests.support.waiting import wait_until
from tracedata import Span

_SPANS_A_REQUEST = 20
# A request that nobody took may be sent again after a moment, as exporters do.
_RETRY_S = 0.05
# What a sender may see while servers come and go: OTLP's retryable codes, and a connection that broke.
_RETRYABLE = frozenset(("UNAVAILABLE", "CANCELLED", "503", "LOST"))
_TRANSPORTS = (Transport("grpc"), Transport("protobuf"), Transport("grpc", is_compressed=True), Transport("json"))


class _Sender:
    """One connection, one trace. Every request is repeated until it is acknowledged, as exporters do."""

    def __init__(self, ready: Ready, transport: Transport, stop: threading.Event) -> None:
        self.trace_id = trace_id()
        self.acknowledged: list[bytes] = []
        self.refusals: Counter[str] = Counter()
        self.gave_up = ""
        self._exporter = Exporter(ready, transport)
        self._stop = stop
        self.thread = threading.Thread(target=self._run, name=f"load-{transport.label}")

    def _run(self) -> None:
        with self._exporter:
            while not self._stop.is_set() and not self.gave_up:
                self._deliver([span(trace_id=self.trace_id) for _ in range(_SPANS_A_REQUEST)])

    def _deliver(self, spans: list[Span]) -> None:
        while not self._stop.is_set():
            try:
                response = self._exporter.export(spans)
            except RefusedError as refusal:
                self.refusals[refusal.code] += 1
                if refusal.code not in _RETRYABLE:
                    self.gave_up = str(refusal)
                    return
                self._stop.wait(_RETRY_S)
            else:
                assert not response.partial_success.rejected_spans
                self.acknowledged += [sent.span_id for sent in spans]
                return


class Load:
    """Sends while the block runs. Afterwards, or in between, ``check`` compares the store with the account."""

    def __init__(self, ready: Ready) -> None:
        self._stop = threading.Event()
        self._senders = [_Sender(ready, transport, self._stop) for transport in _TRANSPORTS]

    def __enter__(self) -> Self:
        for sender in self._senders:
            sender.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for sender in self._senders:
            sender.thread.join()

    def wait_for_more(self, count: int = 200) -> None:
        """Returns when every sender has so many more acknowledged spans."""
        goals = [(sender, len(sender.acknowledged) + count) for sender in self._senders]
        wait_until(
            lambda: all(len(sender.acknowledged) >= goal for sender, goal in goals) or self._gave_up(),
            f"{count} more spans are acknowledged to each sender; refusals: {self.refusals}",
            timeout_s=60.0,
        )
        assert not self._gave_up()

    def _gave_up(self) -> list[str]:
        return [sender.gave_up for sender in self._senders if sender.gave_up]

    @property
    def refusals(self) -> Counter[str]:
        """How often a request was refused, by code."""
        return sum((sender.refusals for sender in self._senders), Counter())

    def check(self, system: System) -> None:
        """Every acknowledged span is there, and no span twice."""
        assert not self._gave_up()
        for sender in self._senders:
            stored = Counter(_span_ids(system, sender.trace_id))
            assert not set(sender.acknowledged) - stored.keys(), "acknowledged spans are lost"
            assert max(stored.values()) == 1, "spans are stored twice"


def _span_ids(system: System, trace: bytes) -> list[bytes]:
    path = f"/api/v1/traces/{trace.hex()}/spans"
    found: list[bytes] = []
    page = system.get(path, limit=10_000)
    while True:
        found += [bytes.fromhex(node["spanId"]) for node in page["items"]]
        if page["nextCursor"] is None:
            return found
        page = system.get(path, limit=10_000, cursor=page["nextCursor"])
