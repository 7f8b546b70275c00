"""What can be set of what comes in."""

from __future__ import annotations

from pydantic import Field

from relayscope.settings.value import LOOPBACK, MIB, Endpoint, Section


class OtlpGrpcSettings(Section):
    """OTLP over gRPC."""

    endpoint: Endpoint = Field(f"{LOOPBACK}:4317", description="Where OTLP/gRPC listens.")
    max_request_bytes: int = Field(20 * MIB, ge=1024, description="Larger requests are refused.")
    max_connection_idle_s: float = Field(300.0, gt=0, description="Connections without calls for longer are closed.")


class OtlpHttpSettings(Section):
    """OTLP over HTTP."""

    endpoint: Endpoint = Field(f"{LOOPBACK}:4318", description="Where OTLP/HTTP listens.")
    max_request_bytes: int = Field(
        20 * MIB, ge=1024, description="Larger bodies are refused, before and after decompression."
    )


class OtlpProtocolSettings(Section):
    """Both ways in."""

    grpc: OtlpGrpcSettings = OtlpGrpcSettings()
    http: OtlpHttpSettings = OtlpHttpSettings()


class OtlpSettings(Section):
    """The OTLP receiver."""

    protocols: OtlpProtocolSettings = OtlpProtocolSettings()
    max_bytes_in_flight: int = Field(
        32 * MIB, ge=MIB, description="Bytes of unanswered requests that a worker holds before it refuses more."
    )
    max_requests_in_flight: int = Field(
        1024, ge=1, description="Unanswered requests that a worker holds before it refuses more."
    )
    max_objects: int = Field(
        1_250_000, ge=1000, description="Requests with more messages (spans, attributes, values, events) are refused."
    )
    read_timeout_s: float = Field(30.0, gt=0, description="A request that takes longer to arrive is refused.")


class ReceiverSettings(Section):
    """What comes in, and where."""

    otlp: OtlpSettings = OtlpSettings()
