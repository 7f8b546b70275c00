"""Values that settings of several sections are made of."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

LOOPBACK = "127.0.0.1"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """``host:port`` as two values; an IPv6 host stands in brackets.

    Raises:
        ValueError: it is not of that form.
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ValueError(f"{endpoint!r} is not of the form host:port")
    if int(port) > 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _checked_endpoint(endpoint: str) -> str:
    split_endpoint(endpoint)
    return endpoint


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_MAX_HOST_CHARS = 253


def parse_allowed_host(text: str) -> str:
    """A name, an address, ``*.name`` or ``*`` as it is compared: in lower case, without brackets and a last dot.

    Raises:
        ValueError: it is none of these.
    """
    host = text.lower()
    if host.startswith("[") or host.count(":") > 1:
        return _address(host.removeprefix("[").removesuffix("]"))
    host = host.removesuffix(".")
    # ``*.`` is somebody's mistake, and must not mean every host.
    if text == "*" or (len(host) <= _MAX_HOST_CHARS and _HOST.fullmatch(host)):
        return host
    raise ValueError("expected a host without scheme, port and path: traces.example.com, *.example.com, 10.0.0.5, or *")


def _address(text: str) -> str:
    try:
        return str(IPv6Address(text.partition("%")[0]))
    except AddressValueError:
        raise ValueError("expected an IPv6 address without a port, such as [fd00::5]") from None


AllowedHost = Annotated[str, AfterValidator(parse_allowed_host)]
_AGE = re.compile(r"([1-9][0-9]{0,5})(h|d|w)")
_AGE_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """A span of time such as ``12h``, ``30d`` or ``8w``.

    Raises:
        ValueError: it is not of that form, or longer than time itself.
    """
    match = _AGE.fullmatch(text)
    age = int(match[1]) * _AGE_UNITS[match[2]] if match else timedelta()
    if not timedelta() < age <= timedelta(days=36_500):
        raise ValueError("expected hours, days or weeks, such as 12h, 30d or 8w")
    return age


def _checked_age(text: str) -> str:
    parse_age(text)
    return text


Age = Annotated[str, AfterValidator(_checked_age)]


def _checked_url(url: str) -> str:
    if not url.strip():
        raise ValueError(
            "is empty (a variable that is not set?); name a PostgreSQL, or leave it out for the embedded one"
        )
    return url


# An empty one must not be taken for none: the data would go where nobody looks for it.
DatabaseUrl = Annotated[str, AfterValidator(_checked_url)]
MIB = 1 << 20


class Section(BaseModel):
    """A part of what can be set; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
