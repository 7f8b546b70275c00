"""Which requests over HTTP are for this server, by their ``Host`` and ``Origin``.

A page in a browser can reach a listener that only this machine or this network should reach: its owner lets a name in
the public DNS resolve to 127.0.0.1, and the browser takes page and listener for one site (DNS rebinding). What the
owner cannot change is the ``Host`` that the browser sends. So names that somebody else can own are refused, and
addresses and names that nobody can register are served. A page can also send a request to another site without reading
the answer; the browser says so in ``Origin``, which it sends with every request but of the methods that only read, and which programs do
not send. Sources: the Fetch standard, section "Origin header"; RFC 9110 sections 7.2 and 15.5.20, RFC 9112 section 3.2,
RFC 6454, RFC 6761.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Any

import msgspec

SETTING = "service.http.allowed_hosts"

# Reserved, or not delegated by those who run the DNS. ``svc`` and ``cluster.local`` are Kubernetes'. Not ``local``:
# whoever is on the same link answers for a name there, by multicast DNS.
_PRIVATE = (".localhost", ".internal", ".home.arpa", ".test", ".svc", ".cluster.local")
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_DEFAULT_PORTS = {b"http": 80, b"https": 443}
# A name has 253 characters at most; the rest is for a scheme and a port.
_MAX_BYTES = 300
# Of each kind of verdict. Whoever sends more names than that pays with parsing them.
_REMEMBERED = 256
_AUTHORITY = re.compile(
    rb"(?:\[(?P<address>[0-9a-f:.]+)(?:%[\w.~%-]+)?\]|(?P<name>[\w-]+(?:\.[\w-]+)*)\.?)(?::(?P<port>[0-9]{0,5}))?",
    re.IGNORECASE,
)


class Refusal(msgspec.Struct, frozen=True):
    """Why a request is not served: the HTTP status, and a sentence for who sent it."""

    status: int
    message: str


class _Authority(msgspec.Struct, frozen=True):
    """A host in lower case, an IPv6 address in its shortest form, and the port if one was given."""

    name: str
    port: int | None


class HostRule:
    """Decides by the headers of a request; the verdicts on the names that were seen last are remembered.

    ``allowed`` are names and addresses in lower case, ``*.example.com`` for all names below one, and ``*`` for no check
    at all. ``bound`` are the hosts that are listened on. Where nothing can be read, ``judges_pages_only`` lets programs send under
    any name.
    """

    def __init__(
        self, allowed: Iterable[str] = (), *, bound: Iterable[str] = (), judges_pages_only: bool = False
    ) -> None:
        entries = frozenset(allowed)
        self._is_off = "*" in entries
        self._below = tuple(entry[1:] for entry in entries if entry.startswith("*."))
        self._names = entries
        self._judges_pages_only = judges_pages_only
        self._bound = frozenset(host.lower() for host in bound)
        self._of_host = lru_cache(maxsize=_REMEMBERED)(self._judge_host)
        self._of_origin = lru_cache(maxsize=_REMEMBERED)(self._judge_origin)

    # ``Any``: the values of an ASGI scope differ from key to key.
    def refusal(self, scope: Mapping[str, Any]) -> Refusal | None:
        """Why the request with this ASGI scope is not served; nothing when it is."""
        if self._is_off:
            return None
        hosts: list[bytes] = []
        origins: list[bytes] = []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
        if self._judges_pages_only and not origins:
            return None
        refused = self._refuse_hosts(hosts, version=scope["http_version"])
        if refused is not None or not origins or scope["method"] in _SAFE_METHODS:
            return refused
        return self._refuse_origins(origins, hosts)

    def _refuse_hosts(self, hosts: list[bytes], *, version: str) -> Refusal | None:
        if len(hosts) == 1:
            return self._of_host(hosts[0]) if len(hosts[0]) <= _MAX_BYTES else _MALFORMED
        # Programs of HTTP/1.0, such as probes of load balancers, may leave it out. A browser never does.
        return None if not hosts and version == "1.0" else _NOT_ONE

    def _refuse_origins(self, origins: list[bytes], hosts: list[bytes]) -> Refusal | None:
        if len(origins) > 1 or len(origins[0]) > _MAX_BYTES:
            return _foreign(None)
        return self._of_origin(origins[0], hosts[0] if hosts else b"")

    def _judge_host(self, host: bytes) -> Refusal | None:
        authority = _parsed(host)
        if authority is None:
            return _MALFORMED
        name = authority.name
        is_served = _is_ours(name) or name in self._bound or self._is_allowed(name)
        return None if is_served else _misdirected(name)

    def _judge_origin(self, origin: bytes, host: bytes) -> Refusal | None:
        scheme, _, rest = origin.partition(b"://")
        there, here = _parsed(rest), _parsed(host)
        if there is None:
            return _foreign(None)
        # A proxy may end TLS, so the scheme says nothing but which port is left out.
        default = _DEFAULT_PORTS.get(scheme.lower())
        is_own = here is not None and there.name == here.name and _port(there, default) == _port(here, default)
        return None if is_own or self._is_allowed(there.name) else _foreign(there.name)

    def _is_allowed(self, name: str) -> bool:
        return name in self._names or name.endswith(self._below)


def _is_ours(name: str) -> bool:
    """Whether nobody can make a browser come here under this name: addresses, names without a dot, private ones."""
    # No top-level domain is a number: RFC 3696 section 2. Such a host is an IPv4 address, perhaps a short one.
    return ":" in name or "." not in name or name.rpartition(".")[2].isdecimal() or name.endswith(_PRIVATE)


def _parsed(text: bytes) -> _Authority | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if match["name"] is not None:
        return _Authority(match["name"].decode("ascii").lower(), port)
    try:
        return _Authority(str(IPv6Address(match["address"].decode("ascii"))), port)
    except AddressValueError:
        return None


def _port(authority: _Authority, default: int | None) -> int | None:
    return default if authority.port is None else authority.port


_MALFORMED = Refusal(400, "The header Host must be a name or an address, an IPv6 one in brackets, perhaps with a port.")
# RFC 9112 section 3.2 wants 400 for these. Of several, a proxy and we might believe different ones.
_NOT_ONE = Refusal(400, "A request has one header Host.")


def _misdirected(name: str) -> Refusal:
    return Refusal(
        421, f"This server does not answer as {name}. If that is a name of yours for it, add {name} to {SETTING}."
    )


def _foreign(name: str | None) -> Refusal:
    if name is None:
        return Refusal(403, "A page whose origin is hidden or unknown may not send this.")
    return Refusal(
        403,
        f"A page of {name} may not send this: it is of another origin. If you trust its pages, add {name} to {SETTING}.",
    )


# ASGI has no types that frameworks and servers agree on.
Application = Callable[..., Any]


def guarded(app: Application, rule: HostRule, refuse: Callable[[Refusal], Application]) -> Application:
    """``app``, which sees only what is served; all else is answered by the application that ``refuse`` makes."""

    # Not a coroutine of its own: every request would pay for it.
    def answer(scope: Mapping[str, Any], receive: Application, send: Application) -> Awaitable[None]:
        refusal = rule.refusal(scope) if scope["type"] == "http" else None
        served: Callable[..., Awaitable[None]] = app if refusal is None else refuse(refusal)
        return served(scope, receive, send)

    return answer
