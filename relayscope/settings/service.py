"""What can be set of processes, and of what they tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from relayscope.settings.value import LOOPBACK, AllowedHost, Endpoint, Section


class HttpSettings(Section):
    """The HTTP API."""

    endpoint: Endpoint = Field(f"{LOOPBACK}:8000", description="Where the page and the REST API listen.")
    allowed_hosts: list[AllowedHost] = Field(
        [],
        description="Names besides the private ones that the API answers to, and whose pages may send something; "
        "`*.example.com` for all below one, `*` for any.",
    )


class JaegerSettings(Section):
    """The ports where Jaeger's clients look."""

    http: Endpoint = Field(f"{LOOPBACK}:16686", description="The same application, where Jaeger's clients look.")
    grpc: Endpoint = Field(f"{LOOPBACK}:16685", description="Where gRPC queries listen.")
    ui: Path | None = Field(
        None,
        description="A folder with an unpacked build of Jaeger's web page, which is then shown at `/` instead of ours.",
    )
    max_clock_skew_s: float = Field(
        0.0,
        ge=0,
        le=86_400,
        description="By how much spans of hosts with other clocks may be moved when Jaeger's clients are shown a trace; with 0 "
        "spans only get a warning.",
    )
    allow_purge: bool = Field(
        default=False,
        description="For conformance tests on a database that holds nothing else: `POST /purge` removes everything that was received.",
    )


class LogSettings(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="Lines on standard error; `auto` is text on a terminal and JSON elsewhere."
    )
    file: Path | None = Field(
        None, description="A file that gets the log as JSON lines besides; `relayscope doctor` reads it."
    )


class TraceTelemetrySettings(Section):
    """Spans of our own."""

    endpoint: Endpoint | None = Field(
        None, description="Spans about Relayscope itself go to this OTLP/gRPC endpoint, which must be another system."
    )
    tls: bool = Field(default=False, description="Whether that endpoint speaks TLS.")
    ratio: float = Field(0.1, ge=0, le=1, description="The share of requests of which spans are sent.")


class TelemetrySettings(Section):
    """What Relayscope tells about itself, besides logs and `/metrics`."""

    traces: TraceTelemetrySettings = TraceTelemetrySettings()


class ServiceSettings(Section):
    """Processes and the addresses they answer on."""

    http: HttpSettings = HttpSettings()
    jaeger: JaegerSettings = JaegerSettings()
    logs: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=64, description="Ingest processes; one a core."
    )
    shutdown_grace_s: float = Field(10.0, ge=0, description="How long running requests may take to finish at a stop.")
