from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from receiver import otlp_json, protobuf
from relayscope.forward.encoding import pieces
from relayscope.forward.exporter import Exporter
from relayscope.forward.file_sink import FileSink
from relayscope.forward.forwarder import Forwarder, ForwarderConfig, Forwarding
from relayscope.forward.parcel import Form, Parcel
from relayscope.forward.rotating_file import RotatingFile, RotationConfig
from relayscope.ingest import build_processors
from relayscope.settings import Settings
from tests.support import factory
from tests.support.canonical import canonical
from tests.support.forward import ForwardRecord, config
from tests.support.recording_consumer import RecordingConsumer
from tests.support.waiting_async import until
from tracedata import UNOBSERVED, Batch, Pipeline, Receipt, RetryableError, Span


class MemorySink:
    """Keeps what it is given; while ``gate`` is cleared, it takes nothing."""

    form: ClassVar[Form] = "protobuf"

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def spans(self) -> list[Span]:
        taken = (parcel.message for parcel in self.parcels if parcel.signal == "traces")
        return [span for message in taken for span in protobuf.decode_traces(message, 1).spans]

    async def start(self) -> None:
        """Nothing to prepare."""

    async def send(self, parcel: Parcel) -> int:
        await self.gate.wait()
        self.parcels.append(parcel)
        return 0

    async def aclose(self) -> None:
        """Nothing to close."""


class Refusing:
    """A store that cannot store one of the rows."""

    async def consume(self, batch: Batch) -> Receipt:
        return Receipt(accepted=len(batch.spans) - 1, rejections={"unstorable": 1})


def _forwarder(
    *sinks: MemorySink | FileSink, told: ForwardRecord | None = None, max_waiting: int = 10_000, max_items: int = 10_000
) -> Forwarder:
    told = told or ForwardRecord()
    exporters = [Exporter(config(max_items=max_items, grace_s=2), sink, instruments=told) for sink in sinks]
    return Forwarder(ForwarderConfig(max_waiting=max_waiting), exporters)


async def test_only_what_was_stored_is_sent_on() -> None:
    sink, store = MemorySink(), RecordingConsumer()
    forwarder = _forwarder(sink)
    await forwarder.start()
    pipeline = Forwarding(store, forwarder)
    store.gate.clear()
    waiting = asyncio.create_task(pipeline.consume(factory.batch(factory.span(name="stored"))))
    await store.entered.wait()
    assert sink.parcels == []
    store.gate.set()
    assert (await waiting).accepted == 1
    store.error = RetryableError("the store is away")
    with pytest.raises(RetryableError, match="the store is away"):
        await pipeline.consume(factory.batch(factory.span(name="not stored")))
    await forwarder.aclose()
    assert [span.name for span in sink.spans] == ["stored"]


async def test_of_a_batch_with_rows_that_the_store_refused_nothing_is_sent_on() -> None:
    sink, told = MemorySink(), ForwardRecord()
    forwarder = _forwarder(sink, told=told)
    await forwarder.start()
    await Forwarding(Refusing(), forwarder).consume(factory.batch(factory.span(), factory.span()))
    await forwarder.aclose()
    assert (sink.parcels, told.lost) == ([], {"unstored": 2})


async def test_all_exporters_get_all_of_it_whatever_its_size() -> None:
    one, other = MemorySink(), MemorySink()
    forwarder = _forwarder(one, other)
    await forwarder.start()
    spans = [factory.span() for _ in range(1001)]
    await Forwarding(RecordingConsumer(), forwarder).consume(factory.batch(*spans))
    await forwarder.aclose()
    expected = [canonical(span) for span in spans]
    assert [canonical(span) for span in one.spans] == expected
    assert [canonical(span) for span in other.spans] == expected


async def test_an_exporter_that_takes_nothing_keeps_nothing_from_the_others() -> None:
    stuck, sound, told = MemorySink(), MemorySink(), ForwardRecord()
    stuck.gate.clear()
    forwarder = _forwarder(stuck, sound, told=told, max_items=10)
    await forwarder.start()
    pipeline = Forwarding(RecordingConsumer(), forwarder)
    for place in range(100):
        await pipeline.consume(factory.batch(factory.span()))
        await until(lambda place=place: len(sound.spans) == place + 1, "the sound one has it")  # type: ignore[misc]  # a lambda
    assert (len(stuck.spans), told.lost) == (0, {"queue_full": 90})
    stuck.gate.set()
    await forwarder.aclose()
    assert len(stuck.spans) == 10


async def test_what_waits_to_be_encoded_is_bounded() -> None:
    sink, told = MemorySink(), ForwardRecord()
    forwarder = _forwarder(sink, told=told, max_waiting=10)
    receipt = Receipt(accepted=1)
    # It has not started yet, so nothing is taken from what waits.
    for _ in range(25):
        forwarder.offer(factory.batch(factory.span()), receipt)
    assert told.lost == {"busy": 15}
    await forwarder.start()
    await forwarder.aclose()
    assert len(sink.spans) == 10


async def test_what_comes_after_the_stop_is_counted() -> None:
    told = ForwardRecord()
    forwarder = _forwarder(MemorySink(), told=told)
    await forwarder.aclose()
    forwarder.offer(factory.batch(factory.span()), Receipt(accepted=1))
    assert told.lost == {"stopped": 1}


async def test_a_stop_in_the_middle_counts_everything_once() -> None:
    sink, told = MemorySink(), ForwardRecord()
    sink.gate.clear()
    exporter = Exporter(config(max_items=1500, grace_s=0), sink, instruments=told)
    forwarder = Forwarder(ForwarderConfig(max_waiting=3000), [exporter])
    await forwarder.start()
    pipeline = Forwarding(RecordingConsumer(), forwarder)
    for _ in range(4):
        await pipeline.consume(factory.batch(*(factory.span() for _ in range(1000))))
    await forwarder.aclose()
    assert told.sent_items + told.lost.total() == 4000
    assert told.items == 0


async def test_an_exporter_gets_the_signals_that_it_wants() -> None:
    sink, told = MemorySink(), ForwardRecord()
    exporter = Exporter(replace(config(), signals=("logs",)), sink, instruments=told)
    forwarder = Forwarder(ForwarderConfig(), [exporter])
    await forwarder.start()
    pipeline = Forwarding(RecordingConsumer(), forwarder)
    await pipeline.consume(factory.batch(factory.span()))
    await pipeline.consume(factory.log_batch(factory.log_record()))
    await forwarder.aclose()
    assert [parcel.signal for parcel in sink.parcels] == ["logs"]
    assert told.lost == {}


async def test_what_is_sent_on_was_redacted_and_is_what_was_stored(tmp_path: Path) -> None:
    sink, store = MemorySink(), RecordingConsumer()
    path = tmp_path / "spans.jsonl"
    rotation = RotationConfig(path=path, max_bytes=1 << 20, max_backups=1)
    forwarder = _forwarder(sink, FileSink(RotatingFile(rotation)))
    await forwarder.start()
    settings = Settings(storage={"data_dir": tmp_path})
    pipeline = Pipeline(build_processors(settings, instruments=UNOBSERVED), Forwarding(store, forwarder))
    address = "jane.doe@example.com"
    await pipeline.consume(
        factory.batch(
            factory.span(
                name=f"GET /users/{address}",
                attributes={"mail": address, "deep": [{"to": address}], "http.response.status_code": 200},
                events=[replace(factory.full_event(), attributes={"said": f"write to {address}"})],
                status_message=f"no user {address}",
            )
        )
    )
    await forwarder.aclose()
    no_receipt = factory.SpanFields(redactions={}, redacted_keys={}, redaction_policy="")
    (stored,) = store.spans
    assert stored.redactions
    (written,) = otlp_json.decode_traces(path.read_bytes(), 1).spans
    for found in (sink.spans[0], written):
        assert canonical(found) == canonical(replace(stored, **no_receipt))
        assert "jane" not in repr(found)
        assert "<EMAIL_ADDRESS>" in repr(found)


def test_pieces_are_no_larger_than_they_may_be_unless_one_item_is() -> None:
    spans = [factory.span(attributes={"text": "x" * size}) for size in (10, 5000, 10, 10, 10)]
    found = [piece for piece in pieces(spans, signal="traces", form="protobuf", max_bytes=1000) if piece]
    assert sum(piece.items for piece in found) == 5
    assert {piece.items for piece in found if len(piece.data) > 1000} == {1}


def test_what_cannot_be_encoded_does_not_take_its_neighbours_along() -> None:
    spans = [factory.span(), factory.span(attributes={"n": 2**70}), factory.span()]
    found = [*pieces(spans, signal="traces", form="protobuf")]
    assert found.count(None) == 1
    assert sum(piece.items for piece in found if piece) == 2
