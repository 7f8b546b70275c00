"""The account of spans: what was sent, and what of it was acknowledged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from relayscope.demo.emission import Emitter
from relayscope.demo.service import SeededIdGenerator
from relayscope.demo.simulation import Simulation

_NOW_NS = 1_767_225_600_000_000_000


class Exporter(SpanExporter):
    """Answers one export after the other with ``answers``, and with success from then on."""

    def __init__(self, *answers: SpanExportResult | Exception) -> None:
        self.answers = list(answers)
        self.exported: list[int] = []
        self.closed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.exported.append(len(spans))
        answer = self.answers.pop(0) if self.answers else SpanExportResult.SUCCESS
        if isinstance(answer, Exception):
            raise answer
        return answer

    def shutdown(self) -> None:
        self.closed += 1


def _emit(emitter: Emitter, *, spans: int, status: StatusCode = StatusCode.UNSET) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in emitter.processors:
        provider.add_span_processor(processor)
    for number in range(spans):
        span = provider.get_tracer("test").start_span(str(number), context=Context())
        span.set_status(status)
        span.end()


def test_acknowledged_spans_are_those_sent() -> None:
    emitter = Emitter(Exporter())
    _emit(emitter, spans=3)
    account = emitter.flush()
    emitter.close()
    assert len(account.sent) == 3
    assert account.acknowledged == account.sent
    assert not account.unacknowledged


@pytest.mark.parametrize(
    "answer", [SpanExportResult.FAILURE, OSError("no route to host")], ids=["failure", "exception"]
)
def test_spans_of_a_failed_export_are_unacknowledged(
    answer: SpanExportResult | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    emitter = Emitter(Exporter(answer))
    _emit(emitter, spans=2)
    lost = emitter.flush()
    _emit(emitter, spans=1)
    kept = emitter.flush()
    emitter.close()
    assert len(lost.unacknowledged) == 2
    assert not lost.services_acknowledged
    assert len(kept.acknowledged) == 1
    assert not kept.unacknowledged


def test_only_the_failed_request_of_several_is_unacknowledged() -> None:
    exporter = Exporter(SpanExportResult.SUCCESS, SpanExportResult.FAILURE)
    emitter = Emitter(exporter)
    _emit(emitter, spans=600)
    account = emitter.flush()
    emitter.close()
    assert len(account.sent) == 600
    assert len(account.unacknowledged) == exporter.exported[1]


def test_a_flush_starts_a_new_account() -> None:
    emitter = Emitter(Exporter())
    _emit(emitter, spans=1)
    first = emitter.flush()
    second = emitter.flush()
    emitter.close()
    assert first.sent
    assert not second.sent


def test_errors_are_counted() -> None:
    emitter = Emitter(Exporter())
    _emit(emitter, spans=2, status=StatusCode.ERROR)
    _emit(emitter, spans=1)
    account = emitter.flush()
    emitter.close()
    assert account.errors == 2


def test_close_exports_the_rest_and_is_idempotent() -> None:
    exporter = Exporter()
    emitter = Emitter(exporter)
    _emit(emitter, spans=2)
    emitter.close()
    emitter.close()
    assert exporter.exported == [2]
    assert exporter.closed == 1


def test_the_account_names_every_service_of_a_simulation() -> None:
    emitter = Emitter(Exporter())
    simulation = Simulation(seed=1, processors=emitter.processors)
    for _ in range(20):
        simulation.play(before_ns=_NOW_NS)
    account = emitter.flush()
    emitter.close()
    assert not account.unacknowledged
    assert len(account.services_acknowledged) == 10


def test_ids_are_never_zero() -> None:
    class Zero:
        def getrandbits(self, _bits: int) -> int:
            return 0

    ids = SeededIdGenerator(Zero())  # type: ignore[arg-type]  # only this method is used
    assert ids.generate_span_id() == 1
    assert ids.generate_trace_id() == 1
