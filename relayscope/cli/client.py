"""Asks the API, and says in one sentence why it did not answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple, TypeAlias

import httpx
import msgspec

from relayscope.cli.render.text import clean
from tracedata import CallerError, NotFoundError, PermanentError, RelayscopeError, RetryableError

Parameters: TypeAlias = Mapping[str, str | int | Sequence[str] | None]

_TIMEOUT_S = 60.0
# A stream is silent while the database sums up.
_STREAM_TIMEOUT_S = 900.0
_CONNECT_TIMEOUT_S = 5.0
_MAX_PORT = 65_535


class PlacedError(CallerError):
    """A query is at fault; ``excerpt`` is its line, and below it a caret at the place."""

    def __init__(self, message: str, *, excerpt: str) -> None:
        super().__init__(message)
        self.excerpt = excerpt


class _Position(msgspec.Struct, frozen=True):
    excerpt: str


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""
    position: _Position | None = None


def get(url: str, path: str, parameters: Parameters) -> bytes:
    """The body of the answer of ``path`` at the server ``url``. Parameters that are None are left out.

    Raises:
        CallerError: the server refuses a parameter, or the URL is none.
        NotFoundError: what was asked for is not there.
        RetryableError: the server cannot be reached, or cannot answer now.
        PermanentError: anything else.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    with _answered(url, "GET", path, params=given) as response:
        return _read(url, response)


def post(url: str, path: str, body: bytes, *, media_type: str, timeout_s: float = _TIMEOUT_S) -> bytes:
    """The body of the answer to ``body``. Raises as ``get`` does."""
    headers = {"content-type": media_type}
    with _answered(url, "POST", path, content=body, headers=headers, read_timeout_s=timeout_s) as response:
        return _read(url, response)


def put(url: str, path: str) -> bytes:
    """The body of the answer to a PUT without a body. Raises as ``get`` does."""
    with _answered(url, "PUT", path) as response:
        return _read(url, response)


def delete(url: str, path: str) -> None:
    """Raises as ``get`` does."""
    with _answered(url, "DELETE", path):
        pass


def post_for_lines(url: str, path: str, body: bytes, *, media_type: str, accepted: str) -> Iterator[bytes]:
    """The lines of the answer to ``body``, as they come. Raises as ``get`` does."""
    headers = {"content-type": media_type, "accept": accepted}
    with _answered(url, "POST", path, content=body, headers=headers, read_timeout_s=_STREAM_TIMEOUT_S) as response:
        try:
            rest = b""
            for piece in response.iter_bytes():
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
        except httpx.HTTPError as exc:
            raise _no_answer(url, exc) from exc


def client_of(url: str, *, read_timeout_s: float = _TIMEOUT_S) -> httpx.Client:
    """What speaks HTTP with the host of the URL.

    Raises:
        CallerError: it is no URL.
    """
    timeout = httpx.Timeout(read_timeout_s, connect=_CONNECT_TIMEOUT_S)
    # A proxy of the environment cannot reach this machine's loopback interface.
    return httpx.Client(timeout=timeout, trust_env=not _is_loopback(_host(url)))


class Download(NamedTuple):
    """A long answer while it comes. ``headers`` are those of HTTP; walking ``pieces`` raises ``BrokenOffError`` where it ends too early."""

    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class BrokenOffError(PermanentError):
    """An answer ended before it was whole."""


@contextmanager
def download(url: str, path: str, *, parameters: Parameters, body: bytes | None = None) -> Iterator[Download]:
    """The answer of ``path``, or to the JSON ``body``, for the time of the block. Raises as ``get`` does."""
    given = {name: value for name, value in parameters.items() if value is not None}
    # As it is: whoever wants it compressed does that where it is kept.
    headers = {"accept-encoding": "identity", **({"content-type": "application/json"} if body is not None else {})}
    with _answered(
        url,
        "GET" if body is None else "POST",
        path,
        params=given,
        content=body,
        headers=headers,
        read_timeout_s=_STREAM_TIMEOUT_S,
    ) as response:
        yield Download(response.headers, _pieces(url, response))


def _pieces(url: str, response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.HTTPError as exc:
        raise BrokenOffError(
            f"{clean(url)} broke the transfer off ({type(exc).__name__}); the log of the server says why"
        ) from exc


@contextmanager
def _answered(
    url: str,
    method: str,
    path: str,
    *,
    params: Mapping[str, str | int | Sequence[str]] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    read_timeout_s: float = _TIMEOUT_S,
) -> Iterator[httpx.Response]:
    """A response whose status is good, and whose body was not read yet."""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(client_of(url, read_timeout_s=read_timeout_s))
            address = url.rstrip("/") + path
            response = stack.enter_context(
                client.stream(method, address, params=params, content=content, headers=headers)
            )
            if not response.is_success:
                response.read()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as exc:
            raise _no_url(url) from exc
        except UnicodeEncodeError as exc:
            raise CallerError("A parameter is not text in UTF-8.") from exc
        except httpx.ConnectError as exc:
            raise RetryableError(
                f"Nothing answers at {clean(url)}. Start it with `relayscope up`, or give its address with --url."
            ) from exc
        except httpx.HTTPError as exc:
            raise _no_answer(url, exc) from exc
        if not response.is_success:
            raise _failure(url, response)
        yield response


def _read(url: str, response: httpx.Response) -> bytes:
    try:
        return response.read()
    except httpx.HTTPError as exc:
        raise _no_answer(url, exc) from exc


def _no_answer(url: str, exc: httpx.HTTPError) -> RetryableError:
    return RetryableError(f"{clean(url)} did not answer properly ({type(exc).__name__}).")


def _failure(url: str, response: httpx.Response) -> RelayscopeError:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    # What is wrong with a rule set has several lines.
    detail = "\n".join(map(clean, problem.detail.split("\n")))
    if not detail:
        return PermanentError(f"{clean(url)} answered {response.status_code}; is it Relayscope?")
    if response.status_code == HTTPStatus.BAD_REQUEST and problem.position is not None:
        return PlacedError(detail, excerpt="\n".join(map(clean, problem.position.excerpt.split("\n"))))
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
