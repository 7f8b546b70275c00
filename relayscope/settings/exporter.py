"""What can be set of where spans and log records go on to, once they are stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from relayscope.settings.value import MIB, Section, split_endpoint
from tracedata import SignalName

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
# What both protocols take: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests.
_HEADER = re.compile(r"[a-z0-9_.-]{1,128}")
# What gRPC and HTTP say themselves.
_RESERVED = ("content-", "grpc-", "host", "te", "transfer-encoding", "user-agent")


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Names in lower case. No message holds a value, since it may be a secret."""
    found = {name.lower(): value for name, value in headers.items()}
    for name, value in found.items():
        if not _HEADER.fullmatch(name) or name.startswith(_RESERVED) or name.endswith("-bin"):
            raise ValueError("a name is no name of a header, or one that the protocol sets itself")
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"the value of {name} is not printable ASCII")
    return found


Headers = Annotated[dict[str, str], AfterValidator(_checked_headers)]


class TlsSettings(Section):
    """How the destination is known, and we to it."""

    insecure: bool = Field(default=False, description="Whether the destination speaks no TLS.")
    ca_file: Path | None = Field(None, description="Authorities to trust, in PEM; by default those of the system.")
    cert_file: Path | None = Field(None, description="Our own certificate, in PEM, for destinations that ask for one.")
    key_file: Path | None = Field(None, description="Its key, in PEM.")


class QueueSettings(Section):
    """What waits to be sent, in each worker. When it is full, what is new is dropped and counted."""

    queue_size: int = Field(50_000, ge=1, description="Spans and log records that wait in a worker at most.")
    max_bytes: int = Field(32 * MIB, ge=64 * 1024, description="Bytes of them at most.")


class RemoteQueueSettings(QueueSettings):
    """The same, over a network."""

    num_consumers: int = Field(1, ge=1, le=64, description="Requests of a worker that are under way at a time.")


class RetrySettings(Section):
    """What becomes of a request that could succeed later."""

    enabled: bool = Field(default=True, description="Whether it is sent again.")
    initial_interval_s: float = Field(5.0, gt=0, description="The first pause.")
    multiplier: float = Field(1.5, ge=1, description="How much longer each pause is than the one before.")
    randomization_factor: float = Field(0.5, ge=0, le=1, description="How far pauses are spread, either way.")
    max_interval_s: float = Field(30.0, gt=0, description="The longest pause, unless the destination asks for more.")
    max_elapsed_time_s: float = Field(300.0, ge=0, description="After this long it is given up; 0 is never.")


class RotationSettings(Section):
    """How much of a file is kept."""

    max_megabytes: int = Field(100, ge=1, le=1_000_000, description="A larger file is set aside, and a new one begun.")
    max_backups: int = Field(10, ge=0, le=10_000, description="Files that were set aside and are kept, by worker.")


def _signals() -> list[SignalName]:
    return ["traces", "logs"]


class AnyExporterSettings(Section):
    """What all kinds have."""

    signals: list[SignalName] = Field(
        default_factory=_signals, min_length=1, description="What is sent: `traces`, `logs`, or both."
    )
    sending_queue: QueueSettings = QueueSettings()


class RemoteExporterSettings(AnyExporterSettings):
    """What goes over the network."""

    sending_queue: RemoteQueueSettings = RemoteQueueSettings()
    tls: TlsSettings = TlsSettings()
    headers: Headers = Field(
        default={}, repr=False, description="Headers of every request, such as `authorization`; never shown."
    )
    compression: Literal["none", "gzip"] = Field("none", description="Whether requests are compressed.")
    timeout_s: float = Field(5.0, gt=0, le=600, description="A request without an answer for longer has failed.")
    retry_on_failure: RetrySettings = RetrySettings()


def _checked_grpc(endpoint: str) -> str:
    url = _split(endpoint if "://" in endpoint else f"//{endpoint}")
    if url.scheme not in {"", "http", "https"} or url.path.strip("/") or url.query:
        raise ValueError("expected host:port, or http://host:port without TLS")
    split_endpoint(url.netloc)
    return endpoint


def _checked_http(endpoint: str) -> str:
    url = _split(endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise ValueError("expected a URL such as http://collector:4318, to which /v1/traces and /v1/logs are added")
    return endpoint


def _split(endpoint: str) -> SplitResult:
    """Raises ``ValueError`` without quoting the endpoint, in which a password could stand."""
    try:
        url = urlsplit(endpoint)
        _ = url.port
    except ValueError:
        raise ValueError("is no address") from None
    if url.username or url.password:
        raise ValueError("holds a user or a password; give them in headers")
    return url


class OtlpExporterSettings(RemoteExporterSettings):
    """OTLP over gRPC."""

    endpoint: Annotated[str, AfterValidator(_checked_grpc)] = Field(
        description="`host:port`, or `http://host:port` without TLS."
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return split_endpoint(self.endpoint.rpartition("://")[2].rstrip("/"))

    @property
    def is_plain(self) -> bool:
        """Whether it is spoken without TLS."""
        return self.tls.insecure or self.endpoint.startswith("http://")


class OtlpHttpExporterSettings(RemoteExporterSettings):
    """OTLP over HTTP, in protobuf."""

    endpoint: Annotated[str, AfterValidator(_checked_http)] = Field(
        description="The URL to which `/v1/traces` and `/v1/logs` are added."
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        url = urlsplit(self.endpoint)
        return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)


class ConsoleExporterSettings(AnyExporterSettings):
    """Lines on standard error, for people who try something."""

    format: Literal["text", "json"] = Field("text", description="A line for each, or OTLP/JSON.")


class FileExporterSettings(AnyExporterSettings):
    """OTLP/JSON, one request a line, as the Collector's file exporter writes it."""

    path: Path = Field(description="The file; each worker puts its name before the ending: `spans.ingest-0.jsonl`.")
    rotation: RotationSettings = RotationSettings()
    compression: Literal["none", "gzip"] = Field(
        "none", description="Whether files that were set aside are compressed."
    )
    retry_on_failure: RetrySettings = RetrySettings()


ExporterSettings: TypeAlias = (
    OtlpExporterSettings | OtlpHttpExporterSettings | ConsoleExporterSettings | FileExporterSettings
)
EXPORTERS: Mapping[str, type[ExporterSettings]] = {
    "otlp": OtlpExporterSettings,
    "otlphttp": OtlpHttpExporterSettings,
    "console": ConsoleExporterSettings,
    "file": FileExporterSettings,
}
"""What stands before the slash of a name, and what can be set below it."""


def _by_kind(tree: object) -> object:
    """Each exporter as what its name says it is; errors have its name in their place."""
    if not isinstance(tree, Mapping):
        raise ValueError("must be a section, with exporters below it")  # noqa: TRY004 - what pydantic expects
    for name in tree:
        kind, slash, own = str(name).partition("/")
        if kind not in EXPORTERS or (slash and not _NAME.fullmatch(own)):
            raise ValueError(
                f"{name} is no name of an exporter; one is {', '.join(EXPORTERS)}, alone or with a slash and a name of "
                "letters, digits, dots, dashes and underscores, such as otlp/collector"
            )
    found: dict[str, ExporterSettings] = {}
    for kind, model in EXPORTERS.items():
        chosen = {
            name: {} if value is None else value for name, value in tree.items() if name.partition("/")[0] == kind
        }
        found.update(TypeAdapter(dict[str, model]).validate_python(chosen))  # type: ignore[valid-type]  # made at run time
    return {name: found[name] for name in tree}


Exporters = Annotated[dict[str, ExporterSettings], BeforeValidator(_by_kind)]
