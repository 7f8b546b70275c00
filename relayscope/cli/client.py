"""Asks the API, and says in one sentence why it did not answer."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeAlias

import httpx
import msgspec

from relayscope.cli.render.text import clean
from tracedata import CallerError, NotFoundError, PermanentError, RelayscopeError, RetryableError

Parameters: TypeAlias = Mapping[str, str | int | Sequence[str] | None]

_TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 5.0
_MAX_PORT = 65_535


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""
    line: int | None = None
    column: int | None = None


class RefusedQueryError(CallerError):
    """A query is refused, at this place in it; both count from 1."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def get(url: str, path: str, parameters: Parameters) -> bytes:
    """The body of the answer of ``path`` at the server ``url``. Parameters that are None are left out.

    Raises:
        CallerError: the server refuses a parameter, or the URL is none.
        NotFoundError: what was asked for is not there.
        RetryableError: the server cannot be reached, or cannot answer now.
        PermanentError: anything else.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return _asked(url, path, method="GET", parameters=given, body=None, timeout_s=_TIMEOUT_S)


def post(url: str, path: str, body: bytes, *, timeout_s: float = _TIMEOUT_S) -> bytes:
    """The same for a body of JSON that is sent.

    Raises:
        RefusedQueryError: the server says where in a query the fault lies.
        RelayscopeError: as ``get`` does.
    """
    return _asked(url, path, method="POST", parameters={}, body=body, timeout_s=timeout_s)


def _asked(
    url: str,
    path: str,
    *,
    method: str,
    parameters: Mapping[str, str | int | Sequence[str]],
    body: bytes | None,
    timeout_s: float,
) -> bytes:
    host = _host(url)
    timeout = httpx.Timeout(timeout_s, connect=_CONNECT_TIMEOUT_S)
    headers = {} if body is None else {"content-type": "application/json"}
    try:
        # A proxy of the environment cannot reach this machine's loopback interface.
        with httpx.Client(timeout=timeout, trust_env=not _is_loopback(host)) as client:
            response = client.request(method, url.rstrip("/") + path, params=parameters, content=body, headers=headers)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
        raise _no_url(url) from exc
    except UnicodeEncodeError as exc:
        raise CallerError("A parameter is not text in UTF-8.") from exc
    except httpx.ConnectError as exc:
        raise RetryableError(
            f"Nothing answers at {clean(url)}. Start it with `relayscope up`, or give its address with --url."
        ) from exc
    except httpx.HTTPError as exc:
        raise RetryableError(f"{clean(url)} did not answer properly ({type(exc).__name__}).") from exc
    if response.status_code != HTTPStatus.OK:
        raise _failure(url, response)
    return response.content


def _failure(url: str, response: httpx.Response) -> RelayscopeError:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    detail = clean(problem.detail)
    if not detail:
        return PermanentError(f"{clean(url)} answered {response.status_code}; is it Relayscope?")
    if problem.line is not None and problem.column is not None:
        return RefusedQueryError(detail, line=problem.line, column=problem.column)
    if response.status_code == HTTPStatus.BAD_REQUEST:
        return CallerError(detail)
    if response.status_code == HTTPStatus.NOT_FOUND:
        return NotFoundError(detail)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        return RetryableError(detail)
    return PermanentError(detail)


def _host(url: str) -> str:
    """The host of the URL. The library takes more for one than can be looked up."""
    try:
        parsed = httpx.URL(url)
        parsed.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise _no_url(url) from exc
    # A bracket or space that is out of place comes back escaped.
    if "%" in parsed.host or (parsed.port or 0) > _MAX_PORT:
        raise _no_url(url)
    return parsed.host


def _no_url(url: str) -> CallerError:
    return CallerError(f"{clean(url)} is not a URL such as http://127.0.0.1:8000.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
