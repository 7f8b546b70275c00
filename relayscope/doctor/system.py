"""The running system, seen through its API."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeVar

import httpx
import msgspec

from relayscope.doctor.finding import Finding, failed, ok, warning
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint

_T = TypeVar("_T")

# A little more than the API itself waits for its store.
_TIMEOUT_S = 8.0
_CONNECT_TIMEOUT_S = 2.0
_READY, _HEALTH, _SYSTEM = "ready", "health", "system"


class _Live(msgspec.Struct, frozen=True):
    status: str


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""


class _Health(msgspec.Struct, frozen=True):
    status: str
    version: str


def local_url(settings: Settings) -> str | None:
    """Where the API of these settings is, seen from this machine; none when its port is any free one."""
    host, port = split_endpoint(settings.service.http.endpoint)
    return url_of(host=host, port=port) if port else None


def url_of(*, host: str, port: int) -> str:
    """The URL at which something that listens on an address can be asked from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - all addresses include the loopback
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_alive(url: str) -> bool:
    """Whether a Relayscope answers there."""
    try:
        return _decoded(_get(url, "/healthz"), _Live) == _Live(status="ok")
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def check_system(url: str, *, version: str | None) -> Sequence[Finding]:
    """Asks a running Relayscope whether it is ready and healthy."""
    try:
        return [check_ready(url, _get(url, "/readyz")), check_health(_get(url, "/api/v1/telemetry/health"), version)]
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        advice = "It is overloaded or hangs: look at its log, and start it again."
        return [failed(_READY, f"{url} does not answer properly ({type(exc).__name__})", advice=advice)]


def check_ready(url: str, response: httpx.Response) -> Finding:
    if response.status_code == HTTPStatus.OK:
        return ok(_READY, f"{url} is ready")
    problem = _decoded(response, _Problem)
    detail = f"{url} answers {response.status_code}: {problem.detail if problem else 'no reason given'}"
    return failed(_READY, detail, advice="Look at the database above, and at the log of `relayscope up`.")


def check_health(response: httpx.Response, version: str | None) -> Finding:
    health = _decoded(response, _Health)
    if health is None or response.status_code != HTTPStatus.OK:
        advice = "Look at the database above, and at the log of `relayscope up`."
        return failed(_HEALTH, f"not known (the API answers {response.status_code})", advice=advice)
    if health.status != "ok":
        return failed(_HEALTH, health.status, advice="A crash could lose acknowledged spans: see durability above.")
    if version is not None and health.version != version:
        advice = "Start `relayscope up` again, so that both are the same."
        return warning(_HEALTH, f"ok; version {health.version} runs, this is {version}", advice=advice)
    return ok(_HEALTH, f"ok, version {health.version}")


def check_nothing_answers(*, asked: str | None, holder: int | None) -> Finding:
    """Nothing answers at the URL that was asked for, if any, and ``holder`` uses the data folder."""
    if holder is not None:
        advice = "Give its address: --url. It printed it when it started, and `--ready-file` holds its ports."
        detail = f"process {holder or 'unknown'} uses the data folder, but nothing answers at {asked or 'a known URL'}"
        return warning(_SYSTEM, detail, advice=advice)
    if asked is not None:
        return warning(_SYSTEM, f"nothing answers at {asked}", advice="Start it: `relayscope up`; or correct --url.")
    return ok(_SYSTEM, "not running; start it with `relayscope up`")


def _get(url: str, path: str) -> httpx.Response:
    timeout = httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S)
    # A proxy of the environment cannot reach this machine's loopback interface.
    with httpx.Client(timeout=timeout, trust_env=not _is_loopback(httpx.URL(url).host)) as client:
        return client.get(url.rstrip("/") + path)


def _decoded(response: httpx.Response, answer: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except msgspec.MsgspecError:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
