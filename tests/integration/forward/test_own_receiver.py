"""One Relayscope sends to another: our senders against our receivers, which know nothing of each other's code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest

from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from relayscope.forward.build import build_forwarder
from relayscope.forward.forwarder import Forwarding
from relayscope.settings import Settings
from tests.support import factory
from tests.support.canonical import canonical
from tests.support.forward import ForwardRecord
from tests.support.recording_consumer import RecordingConsumer
from tests.support.waiting_async import until
from tracedata import RetryableError

_COUNT = 2500


@pytest.fixture
def other() -> RecordingConsumer:
    """The store of the one that is sent to."""
    return RecordingConsumer()


@pytest.fixture(params=["otlp", "otlphttp"])
async def endpoint(request: pytest.FixtureRequest, other: RecordingConsumer) -> AsyncIterator[tuple[str, str]]:
    """A kind of exporter, and where it finds the other."""
    server: OtlpGrpcServer | OtlpHttpServer
    if request.param == "otlp":
        server = OtlpGrpcServer(OtlpGrpcConfig(port=0), other, Admission(AdmissionConfig()))
    else:
        server = OtlpHttpServer(OtlpHttpConfig(port=0), other, Admission(AdmissionConfig()))
    await server.start()
    yield request.param, f"http://127.0.0.1:{server.port}"
    await server.aclose()


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_what_one_stores_the_other_stores(
    endpoint: tuple[str, str], other: RecordingConsumer, compression: Literal["none", "gzip"]
) -> None:
    kind, url = endpoint
    settings = Settings(
        exporters={
            f"{kind}/other": {
                "endpoint": url,
                "compression": compression,
                "retry_on_failure": {"initial_interval_s": 0.05, "max_interval_s": 0.05},
            }
        }
    )
    told = ForwardRecord()
    forwarder = build_forwarder(settings, slot="ingest-0", instruments=told)
    await forwarder.start()
    pipeline = Forwarding(RecordingConsumer(), forwarder)
    spans = [factory.span(attributes={"place": place, "text": "x" * 500}) for place in range(_COUNT)]
    record = factory.log_record()
    # At first it says 503 and UNAVAILABLE, with a time to come again.
    other.error = RetryableError("not now", retry_after_s=0.1)
    await pipeline.consume(factory.batch(*spans))
    await pipeline.consume(factory.log_batch(record))
    await until(lambda: told.retries, "it was refused once")
    other.error = None
    await until(lambda: told.sent_items == _COUNT + 1, "all has arrived")
    await forwarder.aclose()
    assert [canonical(span) for span in other.spans] == [canonical(span) for span in spans]
    assert [canonical(one) for batch in other.batches for one in batch.log_records] == [canonical(record)]
    assert told.lost == {}
