"""From settings to a forwarder. Imported only when there is something to forward to."""

from __future__ import annotations

from urllib.parse import urlsplit

from relayscope.forward.console_sink import ConsoleSink
from relayscope.forward.encoding import MAX_REQUEST_BYTES
from relayscope.forward.exporter import Exporter, ExporterConfig
from relayscope.forward.file_sink import FileSink, path_of
from relayscope.forward.forwarder import Forwarder, ForwarderConfig
from relayscope.forward.grpc_sink import GrpcSink, GrpcSinkConfig
from relayscope.forward.http_sink import HttpSink, HttpSinkConfig
from relayscope.forward.instrument import ForwardInstruments
from relayscope.forward.queue import QueueConfig
from relayscope.forward.retry import RetryConfig
from relayscope.forward.rotating_file import RotatingFile, RotationConfig
from relayscope.forward.sink import Sink
from relayscope.forward.tls import TlsConfig
from relayscope.settings import Settings
from relayscope.settings.exporter import (
    ConsoleExporterSettings,
    ExporterSettings,
    OtlpExporterSettings,
    OtlpHttpExporterSettings,
    RemoteQueueSettings,
    TlsSettings,
)

_MEGABYTE = 1_000_000


def build_forwarder(settings: Settings, *, slot: str, instruments: ForwardInstruments) -> Forwarder:
    """All exporters of one process, which is at ``slot``."""
    grace_s = settings.service.shutdown_grace_s
    exporters = [
        Exporter(_config(name, one, grace_s=grace_s), build_sink(one, slot=slot), instruments=instruments)
        for name, one in settings.exporters.items()
    ]
    return Forwarder(ForwarderConfig(), exporters)


def build_sink(exporter: ExporterSettings, *, slot: str) -> Sink:
    """The destination of one exporter, as the process at ``slot`` speaks to it."""
    if isinstance(exporter, OtlpExporterSettings):
        return GrpcSink(
            GrpcSinkConfig(
                target=exporter.endpoint.rpartition("://")[2].rstrip("/"),
                is_plain=exporter.is_plain,
                tls=_tls(exporter.tls),
                headers=exporter.headers,
                compression=exporter.compression,
                timeout_s=exporter.timeout_s,
            )
        )
    if isinstance(exporter, OtlpHttpExporterSettings):
        return HttpSink(
            HttpSinkConfig(
                url=urlsplit(exporter.endpoint).geturl(),
                tls=_tls(exporter.tls),
                headers=exporter.headers,
                compression=exporter.compression,
                timeout_s=exporter.timeout_s,
            )
        )
    if isinstance(exporter, ConsoleExporterSettings):
        return ConsoleSink(line_format=exporter.format)
    return FileSink(
        RotatingFile(
            RotationConfig(
                path=path_of(exporter.path, slot=slot),
                max_bytes=exporter.rotation.max_megabytes * _MEGABYTE,
                max_backups=exporter.rotation.max_backups,
                is_compressed=exporter.compression == "gzip",
            )
        )
    )


def _config(name: str, exporter: ExporterSettings, *, grace_s: float) -> ExporterConfig:
    queue = exporter.sending_queue
    # Nobody asks for the lines of the console again.
    retry = None if isinstance(exporter, ConsoleExporterSettings) else exporter.retry_on_failure
    return ExporterConfig(
        name=name,
        queue=QueueConfig(max_items=queue.queue_size, max_bytes=queue.max_bytes, max_request_bytes=MAX_REQUEST_BYTES),
        retry=RetryConfig(**retry.model_dump()) if retry else RetryConfig(enabled=False),
        signals=tuple(exporter.signals),
        # Lines have one order only.
        consumers=queue.num_consumers if isinstance(queue, RemoteQueueSettings) else 1,
        grace_period_s=grace_s,
    )


def _tls(tls: TlsSettings) -> TlsConfig:
    return TlsConfig(ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
