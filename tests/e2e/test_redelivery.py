"""The same request again makes no copies; different spans with one id are both kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from tests.support.canonical import same_spans
from tests.support.exporter import TRANSPORTS, Exporter, Transport
from tests.support.factory import full_span, trace_id
from tests.support.rest_answer import spans_of_trace
from tests.support.system import System
from tracedata import Span

_DELIVERIES = 5


def _stored(system: System, trace: bytes) -> list[Span]:
    return spans_of_trace(system.get(f"/api/v1/traces/{trace.hex()}"))


def _spans(count: int) -> list[Span]:
    trace = trace_id()
    return [
        full_span(trace_id=trace, name=f"span {number}", redactions={}, redacted_keys={}, redaction_policy="")
        for number in range(count)
    ]


def test_one_request_sent_five_times_is_stored_once(system: System) -> None:
    sent = _spans(7)

    with Exporter(system.ready, Transport("grpc")) as exporter:
        answers = [exporter.export(sent) for _ in range(_DELIVERIES)]

    assert not any(answer.HasField("partial_success") for answer in answers)
    assert same_spans(_stored(system, sent[0].trace_id), sent)


def test_one_request_sent_at_the_same_time_over_every_transport_is_stored_once(system: System) -> None:
    sent = _spans(50)
    # Several connections each, so that they are spread over both workers.
    transports = TRANSPORTS * _DELIVERIES

    with ThreadPoolExecutor(len(transports)) as pool:
        answers = list(pool.map(lambda transport: _export(system, transport, sent), transports))

    assert answers == [0] * len(transports)
    assert same_spans(_stored(system, sent[0].trace_id), sent)


def _export(system: System, transport: Transport, spans: Sequence[Span]) -> int:
    with Exporter(system.ready, transport) as exporter:
        return exporter.export(spans).partial_success.rejected_spans


def test_a_request_that_is_half_known_adds_the_other_half(system: System) -> None:
    sent = _spans(10)

    with Exporter(system.ready, Transport("protobuf")) as exporter:
        exporter.export(sent[:5])
        exporter.export(sent)

    assert same_spans(_stored(system, sent[0].trace_id), sent)


def test_different_spans_with_one_id_are_both_there(system: System) -> None:
    (span,) = _spans(1)
    twins = [span, replace(span, name="another"), replace(span, attributes={"http.status_code": 200.0})]

    with Exporter(system.ready, Transport("grpc")) as exporter:
        exporter.export(twins)
        exporter.export(twins[::-1])

    assert same_spans(_stored(system, span.trace_id), twins)
    (trace,) = system.jaeger(f"/api/traces/{span.trace_id.hex()}")
    assert sorted(span["operationName"] for span in trace["spans"]) == ["another", "span 0", "span 0"]
