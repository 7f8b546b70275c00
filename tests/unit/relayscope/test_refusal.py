"""Requests that are not for this server are in the metrics, though no application sees them."""

from __future__ import annotations

import httpx
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from receiver.admission import Admission, AdmissionConfig
from receiver.host import Refusal
from receiver.http_app import OtlpHttpApp
from receiver.intake import Intake
from relayscope.api.refusal import refusing
from relayscope.metrics import ApiMetrics, IngestMetrics
from tests.support.recording_consumer import RecordingConsumer

_REFUSAL = Refusal(421, "not here")


async def _asked(app: ASGIApp) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.post("/v1/traces", content=b"")


async def test_the_api_counts_them() -> None:
    registry = CollectorRegistry()
    instruments = ApiMetrics(registry)
    response = await _asked(refusing(_REFUSAL.status, _REFUSAL.message, instruments=instruments))

    assert response.json()["title"] == "Misdirected Request"
    labels = {"method": "POST", "route": "other", "status": "4xx"}
    assert registry.get_sample_value("relayscope_api_request_seconds_count", labels) == 1


async def test_otlp_counts_them() -> None:
    registry = CollectorRegistry()
    admission = Admission(AdmissionConfig())
    intake = Intake(
        RecordingConsumer(),
        decoding=admission.decoding,
        workspace_id=1,
        max_objects=1000,
        transport="http",
        instruments=IngestMetrics(registry),
    )
    response = await _asked(OtlpHttpApp(intake, admission, max_request_bytes=1000).refuse(_REFUSAL))

    assert response.json() == {"code": 3, "message": "not here"}
    labels = {"transport": "http", "code": "421"}
    assert registry.get_sample_value("relayscope_requests_refused_total", labels) == 1
