"""Exporters against real servers that do what backends do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import pytest

from relayscope.forward.encoding import pieces
from relayscope.forward.exporter import Exporter, ExporterConfig
from relayscope.forward.forwarder import Forwarder, ForwarderConfig, Forwarding
from relayscope.forward.grpc_sink import GrpcSink, GrpcSinkConfig
from relayscope.forward.http_sink import HttpSink, HttpSinkConfig
from relayscope.forward.retry import RetryConfig
from relayscope.forward.sink import Sink
from tests.support import factory
from tests.support.canonical import canonical
from tests.support.destination import (
    AWAY,
    BREAKS,
    DENIES,
    FULL,
    HANGS,
    REFUSES,
    Answer,
    Destination,
    GrpcDestination,
    HttpDestination,
    RunningDestination,
)
from tests.support.forward import ForwardRecord, config, piece_of
from tests.support.recording_consumer import RecordingConsumer
from tests.support.waiting_async import until
from tracedata import Span

SECRET = "hunter2"
HEADERS = {"authorization": f"Bearer {SECRET}"}
NO_RECEIPT: factory.SpanFields = {"redactions": {}, "redacted_keys": {}, "redaction_policy": ""}

MakeSink: TypeAlias = "Callable[[int, float], Sink]"
# Longer than a loaded machine takes for an answer.
_LONG_S = 20.0


def _grpc_sink(port: int, timeout_s: float) -> Sink:
    return GrpcSink(GrpcSinkConfig(target=f"127.0.0.1:{port}", is_plain=True, headers=HEADERS, timeout_s=timeout_s))


def _http_sink(port: int, timeout_s: float) -> Sink:
    return HttpSink(HttpSinkConfig(url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout_s=timeout_s))


@pytest.fixture(params=["grpc", "http"])
def transport(request: pytest.FixtureRequest) -> tuple[RunningDestination, MakeSink]:
    if request.param == "grpc":
        return GrpcDestination(), _grpc_sink
    return HttpDestination(), _http_sink


@pytest.fixture
async def running(transport: tuple[RunningDestination, MakeSink]) -> AsyncIterator[tuple[Destination, Sink]]:
    destination, make_sink = transport
    await destination.start()
    yield destination.backend, make_sink(destination.backend.port, _LONG_S)
    destination.backend.released.set()
    await destination.aclose()


class _Started:
    """An exporter for the time of the block."""

    def __init__(self, sink: Sink, settings: ExporterConfig | None = None) -> None:
        self.record = ForwardRecord()
        self.exporter = Exporter(settings or config(), sink, instruments=self.record)

    async def __aenter__(self) -> tuple[Exporter, ForwardRecord]:
        await self.exporter.start()
        return self.exporter, self.record

    async def __aexit__(self, *_: object) -> None:
        await self.exporter.aclose()


def _same(found: list[Span], expected: list[Span]) -> bool:
    return [canonical(span) for span in found] == [canonical(span) for span in expected]


async def test_what_is_offered_arrives_as_it_is(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    spans = [factory.full_span(**NO_RECEIPT) for _ in range(3)]
    record = factory.full_log_record(redactions={}, redacted_keys={}, redaction_policy="")
    async with _Started(sink) as (exporter, told):
        exporter.offer(piece_of(*spans))
        (logs,) = pieces([record], signal="logs", form="protobuf")
        assert logs is not None
        exporter.offer(logs)
        await backend.has(4)
        assert _same(backend.spans, spans)
        assert canonical(backend.log_records[0]) == canonical(record)
        assert backend.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        await until(lambda: told.sent_items == 4, "all four are counted")


@pytest.mark.parametrize("answer", [AWAY, FULL], ids=["away", "full"])
async def test_what_can_succeed_later_is_sent_again(running: tuple[Destination, Sink], answer: Answer) -> None:
    backend, sink = running
    backend.answers.extend([answer, answer])
    span = factory.span()
    async with _Started(sink) as (exporter, told):
        exporter.offer(piece_of(span))
        await backend.has(1)
        assert _same(backend.spans, [span])
        await until(lambda: told.sent_items == 1, "it is counted")
        assert (told.retries, told.lost) == (2, {})


async def test_what_is_not_answered_is_sent_again(transport: tuple[RunningDestination, MakeSink]) -> None:
    destination, make_sink = transport
    await destination.start()
    backend = destination.backend
    backend.answers.extend([HANGS, HANGS])
    span = factory.span()
    async with _Started(make_sink(backend.port, 0.3)) as (exporter, told):
        exporter.offer(piece_of(span))
        await until(lambda: told.sent_items == 1, "it was taken")
        assert canonical(backend.spans[0]) == canonical(span)
        assert told.retries >= 2
        assert told.lost == {}
    backend.released.set()
    await destination.aclose()


@pytest.mark.parametrize(
    "answer",
    [REFUSES, BREAKS, DENIES, FULL._replace(status=413, retry_after_s=None)],
    ids=["refuses", "breaks", "denies", "too-large"],
)
async def test_what_fails_again_is_not_sent_again(running: tuple[Destination, Sink], answer: Answer) -> None:
    backend, sink = running
    backend.answers.append(answer)
    good = factory.span()
    async with _Started(sink) as (exporter, told):
        exporter.offer(piece_of(factory.span(), factory.span()))
        await backend.was_asked(1)
        exporter.offer(piece_of(good))
        await backend.has(1)
        assert _same(backend.spans, [good])
        assert (told.retries, told.lost) == (0, {"refused": 2})


async def test_what_a_success_leaves_out_is_counted_and_not_sent_again(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    backend.answers.append(Answer(rejected=2))
    async with _Started(sink) as (exporter, told):
        exporter.offer(piece_of(factory.span(), factory.span(), factory.span()))
        await until(lambda: told.sent_items, "it is counted")
        assert (told.sent_items, told.lost, len(backend.requests)) == (1, {"rejected": 2}, 1)


async def test_a_destination_that_comes_back_gets_what_waited(transport: tuple[RunningDestination, MakeSink]) -> None:
    destination, make_sink = transport
    await destination.start()
    port = destination.backend.port
    await destination.aclose()
    spans = [factory.full_span(**NO_RECEIPT) for _ in range(20)]
    async with _Started(make_sink(port, _LONG_S)) as (exporter, told):
        for span in spans:
            exporter.offer(piece_of(span))
        await until(lambda: told.retries >= 2, "it was tried in vain")
        await destination.start(port)
        await destination.backend.has(20)
        assert _same(destination.backend.spans, spans)
        assert told.lost == {}
        # What waited travelled together.
        assert len(destination.backend.requests) < 20
    await destination.aclose()


async def test_a_queue_is_bounded_and_what_is_new_is_dropped(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    backend.answers.extend([AWAY] * 1000)
    spans = [factory.span(name=str(place)) for place in range(50)]
    async with _Started(sink, config(max_items=10)) as (exporter, told):
        for span in spans:
            exporter.offer(piece_of(span))
        assert (told.most_items, told.lost) == (10, {"queue_full": 40})
        backend.answers.clear()
        await backend.has(10)
        assert _same(backend.spans, spans[:10])


async def test_patience_ends(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    backend.answers.extend([AWAY] * 1000)
    short = RetryConfig(initial_interval_s=0.02, max_interval_s=0.02, max_elapsed_time_s=0.1)
    async with _Started(sink, config(retry=short)) as (exporter, told):
        exporter.offer(piece_of(factory.span()))
        await until(lambda: told.lost == {"expired": 1}, "it was given up")
        assert len(backend.requests) >= 2


async def test_a_stop_sends_what_waits(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    spans = [factory.span() for _ in range(30)]
    async with _Started(sink) as (exporter, told):
        for span in spans:
            exporter.offer(piece_of(span))
    assert _same(backend.spans, spans)
    assert (told.sent_items, told.items) == (30, 0)


@pytest.mark.parametrize("answer", [AWAY, HANGS], ids=["away", "hangs"])
async def test_a_stop_does_not_wait_for_a_destination_that_is_away(
    running: tuple[Destination, Sink], answer: Answer
) -> None:
    backend, sink = running
    backend.answers.extend([answer] * 1000)
    long = RetryConfig(initial_interval_s=600, max_interval_s=600)
    settings = config(retry=long, grace_s=1.0)
    async with asyncio.timeout(10), _Started(sink, settings) as (exporter, told):
        for _ in range(5):
            exporter.offer(piece_of(factory.span()))
        await backend.was_asked(1)
    assert (told.lost.total(), told.sent_items, told.items) == (5, 0, 0)
    # What was under way is tried once more, and what waited behind it once.
    assert len(backend.requests) <= 3


async def test_ingest_goes_on_while_a_destination_hangs(running: tuple[Destination, Sink]) -> None:
    backend, sink = running
    backend.answers.extend([HANGS] * 1000)
    told, stored = ForwardRecord(), RecordingConsumer()
    forwarder = Forwarder(ForwarderConfig(), [Exporter(config(max_items=10, grace_s=0.1), sink, instruments=told)])
    await forwarder.start()
    pipeline = Forwarding(stored, forwarder)
    await pipeline.consume(factory.batch(factory.span()))
    await backend.was_asked(1)
    # Not one of the requests so far was answered, and none of these waits for it.
    for _ in range(200):
        await pipeline.consume(factory.batch(factory.span()))
    assert (len(stored.spans), len(backend.taken)) == (201, 0)
    await forwarder.aclose()
    assert told.lost.total() == 201
    assert told.most_items <= 10


async def test_a_log_line_holds_neither_secrets_nor_words_of_the_destination(
    running: tuple[Destination, Sink], caplog: pytest.LogCaptureFixture
) -> None:
    backend, sink = running
    backend.answers.extend([AWAY, REFUSES, DENIES, *[AWAY] * 20])
    async with _Started(sink, config(max_items=2)) as (exporter, told):
        for place in range(20):
            exporter.offer(piece_of(factory.span(name="call me at 0171 555")))
            await backend.was_asked(min(place + 1, 3))
    ours = [line for line in caplog.messages if "otlp/test" in line]
    assert ours
    # A line of each sort, however much goes wrong.
    assert len(ours) <= 4
    assert not [word for word in (SECRET, "secret words", "0171") if word in caplog.text]
    assert told.lost
