"""The ports: is each free, ours, or somebody else's?"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import psutil

from relayscope.doctor.finding import Finding, failed, ok
from relayscope.doctor.system import is_alive, url_of
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint

_CHILD_MODULE = "relayscope.process"


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A place where ``up`` listens, and the flag that moves it. ``is_api`` says that the API answers there."""

    name: str
    flag: str
    host: str
    port: int
    is_api: bool


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The process that listens on a port. ``parent`` is the one that started it."""

    pid: int
    parent: int
    name: str
    is_relayscope: bool


def listeners(settings: Settings) -> Sequence[Listener]:
    """The five, in the order in which people think of them."""
    service, otlp = settings.service, settings.receivers.otlp.protocols
    places = (
        ("port http", "--http-port", service.http.endpoint),
        ("port jaeger http", "--jaeger-http-port", service.jaeger.http),
        ("port jaeger grpc", "--jaeger-grpc-port", service.jaeger.grpc),
        ("port otlp grpc", "--otlp-grpc-port", otlp.grpc.endpoint),
        ("port otlp http", "--otlp-http-port", otlp.http.endpoint),
    )
    apis = {service.http.endpoint, service.jaeger.http}
    return [
        Listener(name=name, flag=flag, host=host, port=port, is_api=endpoint in apis)
        for name, flag, endpoint in places
        for host, port in [split_endpoint(endpoint)]
    ]


class System(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a Relayscope that runs with these settings.

    ``is_answering`` says that some Relayscope's API answers on their HTTP port. ``supervisor`` is the process that uses
    their data folder: none when nobody does, so that whoever holds the ports is another Relayscope; 0 when that cannot
    be known.
    """

    is_answering: bool
    supervisor: int | None

    def owns(self, owner: Owner | None) -> bool:
        return self.supervisor == 0 or (
            self.supervisor is not None and (owner is None or owner.parent == self.supervisor)
        )


def check_ports(settings: Settings, system: System) -> Sequence[Finding]:
    """What stands on each of the ports."""
    places = listeners(settings)
    owners = _owners()
    findings = []
    for index, place in enumerate(places):
        twin = next((other for other in places[:index] if place.port and _is_same(place, other)), None)
        owner = owners.get(place.port)
        findings.append(_twin(place, twin) if twin else check_port(place, owner=owner, system=system))
    return findings


def check_port(place: Listener, *, owner: Owner | None, system: System) -> Finding:
    """``owner`` is the process that listens there, where this user may know it."""
    address = f"{place.host}:{place.port}"
    if not place.port:
        return ok(place.name, f"{place.host}, any free port")
    state = _try(place)
    if state == "free":
        return ok(place.name, f"{address} is free")
    if state == "foreign":
        advice = "Give an address of this machine: --host."
        return failed(place.name, f"{place.host} is no address of this machine", advice=advice)
    if state == "forbidden":
        advice = f"Choose a port above 1023 with {place.flag}."
        return failed(place.name, f"this user may not listen on {address}", advice=advice)
    # Whose port it is stays unknown when another user listens there, or when nothing is served there yet.
    is_relayscope = owner.is_relayscope if owner else _is_alive(place) if place.is_api else system.is_answering
    if is_relayscope and system.owns(owner):
        seen = f" (process {owner.pid})" if owner else ", as it seems"
        return ok(place.name, f"{address} is held by the running Relayscope{seen}")
    holder = f"{owner.name} (process {owner.pid})" if owner else "another program"
    if is_relayscope:
        holder = f"a Relayscope with another data folder{f' (process {owner.parent})' if owner else ''}"
    advice = f"Stop it, or choose another port with {place.flag} (0 takes any free one)."
    return failed(place.name, f"{address} is taken by {holder}", advice=advice)


def _is_alive(place: Listener) -> bool:
    return is_alive(url_of(host=place.host, port=place.port))


def _twin(place: Listener, twin: Listener) -> Finding:
    detail = f"{place.host}:{place.port} is also that of {twin.name}"
    return failed(place.name, detail, advice=f"Choose another port with {place.flag}.")


def _is_same(one: Listener, other: Listener) -> bool:
    return one.port == other.port and (one.host == other.host or "0.0.0.0" in {one.host, other.host})  # noqa: S104


def _try(place: Listener) -> Literal["free", "taken", "forbidden", "foreign"]:
    """Binds, as ``up`` does before it starts, and lets go at once."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((place.host, place.port))
    except PermissionError:
        return "forbidden"
    except OSError as exc:
        return "taken" if exc.errno == errno.EADDRINUSE else "foreign"
    return "free"


def _owners() -> Mapping[int, Owner]:
    """Who listens on which port, as far as this user may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        return {}
    pids = {
        connection.laddr.port: connection.pid
        for connection in connections
        # The address is an empty tuple for sockets without one, which do not listen.
        if connection.laddr and connection.status == psutil.CONN_LISTEN and connection.pid
    }
    found = {port: _owner(pid) for port, pid in pids.items()}
    return {port: owner for port, owner in found.items() if owner}


def _owner(pid: int) -> Owner | None:
    try:
        process = psutil.Process(pid)
        is_relayscope = _CHILD_MODULE in process.cmdline()
        return Owner(pid=pid, parent=process.ppid(), name=process.name(), is_relayscope=is_relayscope)
    except psutil.Error:
        return None
