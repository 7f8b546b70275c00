"""What Relayscope sends must not come back to it: every span would make others, without end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import psutil

from relayscope.settings import Settings
from relayscope.settings.exporter import OtlpExporterSettings, OtlpHttpExporterSettings
from relayscope.settings.value import split_endpoint
from tracedata import CallerError


def refuse_own_ports(settings: Settings) -> None:
    """Whether what is sent would come back to us at once; ports that are 0 are known only once they are reserved.

    Raises:
        CallerError: it would.
    """
    protocols = settings.receivers.otlp.protocols
    ours = {split_endpoint(one)[1] for one in (protocols.grpc.endpoint, protocols.http.endpoint)}
    for setting, endpoint, (host, port) in _destinations(settings):
        if port in ours and _is_here(host):
            raise CallerError(
                f"{setting}: {endpoint} is where this Relayscope receives, so that every span would make another one; send "
                "them elsewhere"
            )


def _destinations(settings: Settings) -> Iterator[tuple[str, str, tuple[str, int]]]:
    """Setting, endpoint, and its host and port."""
    own = settings.service.telemetry.traces.endpoint
    if own is not None:
        yield "service.telemetry.traces.endpoint", own, split_endpoint(own)
    for name, exporter in settings.exporters.items():
        if isinstance(exporter, OtlpExporterSettings | OtlpHttpExporterSettings):
            yield f"exporters.{name}.endpoint", exporter.endpoint, exporter.address


def _is_here(host: str) -> bool:
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        # A name that means nothing now is not ours; the exporter will say so in the log.
        return False
    here = {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}
    return any(address in here or _is_ours(address) for address in map(_plain, found))


def _plain(address: str) -> str:
    """``::ffff:127.0.0.1`` is 127.0.0.1, and leads there."""
    parsed = ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return address if mapped is None else str(mapped)


def _is_ours(address: str) -> bool:
    """Loopback, and the address that means all of them. A link-local one names its interface after a percent sign."""
    parsed = ip_address(address.partition("%")[0])
    return parsed.is_loopback or parsed.is_unspecified
