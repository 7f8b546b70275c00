"""Batches run through processors in order, then reach the consumer."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.factory import batch, span
from tracedata import Batch, Pipeline, Receipt, RetryableError


class Collector:
    """A consumer that keeps what it gets."""

    def __init__(self) -> None:
        self.consumed: list[Batch] = []

    async def consume(self, batch: Batch) -> Receipt:
        self.consumed.append(batch)
        return Receipt(accepted=len(batch.spans), rejections=batch.rejections)


class Refuser:
    """A consumer that is never ready."""

    async def consume(self, batch: Batch) -> Receipt:
        message = f"not ready for {len(batch.spans)} spans"
        raise RetryableError(message, retry_after_s=3)


class Suffix:
    """A processor that appends to the names of spans."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix

    def process(self, batch: Batch) -> Batch:
        return replace(batch, spans=[replace(one, name=one.name + self._suffix) for one in batch.spans])


class Rejecter:
    """A processor that leaves out every span."""

    def process(self, batch: Batch) -> Batch:
        return replace(batch, spans=(), rejections={**batch.rejections, "unwanted": len(batch.spans)})


async def test_processors_run_in_the_order_given() -> None:
    collector = Collector()
    await Pipeline([Suffix("a"), Suffix("b"), Suffix("c")], collector).consume(batch(span(name="")))
    assert [one.name for consumed in collector.consumed for one in consumed.spans] == ["abc"]


async def test_without_processors_the_batch_itself_is_handed_over() -> None:
    collector, sent = Collector(), batch(span())
    receipt = await Pipeline([], collector).consume(sent)
    assert collector.consumed[0] is sent
    assert (receipt.accepted, receipt.rejected) == (1, 0)


async def test_what_processors_reject_is_in_the_receipt() -> None:
    receipt = await Pipeline([Rejecter()], Collector()).consume(batch(span(), span()))
    assert receipt == Receipt(accepted=0, rejections={"unwanted": 2})


async def test_the_batch_that_was_passed_on_is_unchanged() -> None:
    sent = batch(span(name="kept"))
    await Pipeline([Suffix("!"), Rejecter()], Collector()).consume(sent)
    assert [one.name for one in sent.spans] == ["kept"]
    assert dict(sent.rejections) == {}


async def test_pipelines_are_consumers() -> None:
    collector = Collector()
    inner = Pipeline([Suffix("b")], collector)
    await Pipeline([Suffix("a")], inner).consume(batch(span(name="")))
    assert [one.name for one in collector.consumed[0].spans] == ["ab"]


async def test_errors_of_the_consumer_pass_through() -> None:
    with pytest.raises(RetryableError, match="not ready for 1 spans") as caught:
        await Pipeline([Suffix("a")], Refuser()).consume(batch(span()))
    assert caught.value.retry_after_s == 3


async def test_changing_the_list_of_processors_later_changes_nothing() -> None:
    collector, processors = Collector(), [Suffix("a")]
    pipeline = Pipeline(processors, collector)
    processors.append(Suffix("b"))
    await pipeline.consume(batch(span(name="")))
    assert [one.name for one in collector.consumed[0].spans] == ["a"]


def test_rejected_adds_up_all_reasons() -> None:
    assert Receipt(accepted=1, rejections={"no_trace_id": 2, "too_large": 3}).rejected == 5
