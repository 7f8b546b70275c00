"""Spans and log records that come in parts, more than once, in any order, to two writers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from storage.postgres.writer import WriterConfig
from tests.support.database import writing
from tests.support.factory import resent, span, trace_id
from tracedata import Attributes, Batch, Interaction, LogRecord, Span


@dataclass(frozen=True)
class Delivery:
    """Spans and log records by number, and how they come: batches, each for one of two writers; something may come twice."""

    items: Sequence[Span | LogRecord]
    batches: Sequence[tuple[int, Sequence[int]]]

    def __repr__(self) -> str:
        numbers = {one.span_id: number for number, one in enumerate(self.items) if isinstance(one, Span)}
        traces: dict[bytes, int] = {}
        told = [
            f"{number}: trace {traces.setdefault(one.trace_id, len(traces))} "
            + (
                f"below {numbers.get(one.parent_span_id)} {dict(one.attributes)}"
                if isinstance(one, Span)
                else f"record of {numbers[one.span_id]}"
            )
            for number, one in enumerate(self.items)
        ]
        return f"{told}, {self.batches}"

    @property
    def spans(self) -> list[Span]:
        return [one for one in self.items if isinstance(one, Span)]

    @property
    def records(self) -> list[LogRecord]:
        return [one for one in self.items if isinstance(one, LogRecord)]


@st.composite
def deliveries(
    draw: st.DrawFn, attributes: st.SearchStrategy[Attributes], record: Callable[[Span, str], LogRecord]
) -> Delivery:
    """Some traces of spans with drawn attributes, below one another; some have a log record that tells an answer."""
    spans: list[Span] = []
    for _ in range(draw(st.integers(1, 3))):
        trace = trace_id()
        own: list[Span] = []
        for number in range(draw(st.integers(1, 5))):
            parent = draw(st.sampled_from([b"", *(one.span_id for one in own)]))
            own.append(span(trace_id=trace, parent_span_id=parent, attributes=draw(attributes), at_us=number))
        spans += own
    told = draw(st.lists(st.sampled_from(spans), max_size=3, unique_by=lambda one: one.span_id))
    items: list[Span | LogRecord] = [*spans, *(record(one, draw(st.sampled_from(["a", "b"]))) for one in told)]
    coming = [number for number in range(len(items)) for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
    order = draw(st.permutations(coming))
    batches: list[tuple[int, Sequence[int]]] = []
    while order:
        size = draw(st.integers(1, len(order)))
        batches.append((draw(st.integers(0, 1)), order[:size]))
        order = order[size:]
    return Delivery(items=items, batches=batches)


async def deliver(dsn: str, workspace_id: int, delivery: Delivery, processed: Callable[[Batch], Batch]) -> None:
    """Sends everything through two writers at once; ``processed`` is what the pipeline makes of a batch."""
    async with writing(WriterConfig(dsn=dsn)) as one, writing(WriterConfig(dsn=dsn)) as other:
        writers = (one, other)

        async def send(number: int) -> None:
            for writer, numbers in delivery.batches:
                if writer == number:
                    items = [delivery.items[item] for item in numbers]
                    spans = [resent(item) for item in items if isinstance(item, Span)]
                    records = [item for item in items if isinstance(item, LogRecord)]
                    sent = Batch(workspace_id=workspace_id, spans=spans, log_records=records)
                    await writers[number].consume(processed(sent))

        await asyncio.gather(send(0), send(1))


def assert_same(found: Sequence[Interaction], wanted: Sequence[Interaction], delivery: Delivery) -> None:
    """Told by number, since what hypothesis shows of spans is very long."""
    assert list(found) == list(wanted), f"{delivery!r}: {_numbered(found, delivery)}, not {_numbered(wanted, delivery)}"


def _numbered(interactions: Sequence[Interaction], delivery: Delivery) -> list[tuple[object, ...]]:
    numbers = {one.span_id: number for number, one in enumerate(delivery.items) if isinstance(one, Span)}
    return [
        (numbers[one.span_id], [numbers[source.span_id] for source in one.sources], one.response, one.user_id)
        for one in interactions
    ]
