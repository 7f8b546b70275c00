"""OTLP/HTTP as an ASGI application: ``POST /v1/traces`` and ``POST /v1/logs``.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp. Every answer has the content type of its request; where
that is missing or unknown, or the path does not exist, errors are JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from receiver.admission import Admission, Hold, SlowSenderError
from receiver.compression import gunzip, told_size
from receiver.error import MethodNotAllowedError, TooLargeError, UnsupportedMediaError
from receiver.host import Application, Refusal
from receiver.intake import Intake
from receiver.signal import SIGNALS, Encoding, Signal
from receiver.status import Failure, failure_of, misdirection
from tracedata import NotFoundError

# ASGI's own types: https://asgi.readthedocs.io/en/latest/specs/main.html. Their values differ from key to key, hence Any.
_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SIGNALS = {signal.path: signal for signal in SIGNALS}
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_CONTENT_TYPES = (_PROTOBUF, _JSON)
# How long room is kept for a body that was announced and does not arrive.
_CLAIM_S = 1.0
_PLAIN_ENCODINGS = frozenset(("", "identity", "none"))


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    content_type: str
    content_encoding: str
    content_length: int


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class OtlpHttpApp:
    """Answers exports once what they bring is durable."""

    def __init__(self, intake: Intake, admission: Admission, *, max_request_bytes: int) -> None:
        self._intake = intake
        self._admission = admission
        self._limit = max_request_bytes

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        request = _request(scope)
        try:
            answer = await self._answer(request, receive)
        except Exception as exc:  # noqa: BLE001  # The top of a task: whatever happens becomes a code.
            answer = _refusal(request, exc)
            self._intake.refused(str(answer.status))
        if answer is not None:
            await _respond(answer, send)

    def refuse(self, refusal: Refusal) -> Application:
        """What answers a request that is not for this server."""

        async def answer(scope: _Scope, _receive: _Receive, send: _Send) -> None:
            self._intake.refused(str(refusal.status))
            await _respond(_failed(_request(scope), misdirection(refusal)), send)

        return answer

    async def _answer(self, request: _Request, receive: _Receive) -> _Answer | None:
        signal = _checked(request, limit=self._limit)
        with self._admission.admit() as hold:
            # All of it at once, so that what cannot end well does not begin.
            hold.resize(request.content_length)
            body = await self._body(receive, hold)
            if body is None:
                return None
            hold.resize(len(body))
            if request.content_encoding == "gzip":
                body = _decompressed(body, hold, limit=self._limit)
            pending = self._intake.accept(body, _encoding(signal, request, body))
            # The intake lets go of it once it is decoded.
            del body
            return _encoded(200, request.content_type, signal.response_of(await pending))

    async def _body(self, receive: _Receive, hold: Hold) -> bytes | None:
        """The whole body, or nothing when the sender went away in the middle of it."""
        claim = asyncio.get_running_loop().call_later(_CLAIM_S, hold.lapse)
        try:
            async with asyncio.timeout(self._admission.read_timeout_s):
                return await self._read(receive, hold)
        except TimeoutError as exc:
            raise SlowSenderError("The body did not arrive in time.") from exc
        finally:
            claim.cancel()

    async def _read(self, receive: _Receive, hold: Hold) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > self._limit:
                raise _too_large(self._limit)
            hold.arrive(size)
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _decompressed(body: bytes, hold: Hold, *, limit: int) -> bytes:
    """Holds what comes out in place of ``body``, and nothing comes out for which there is no room."""
    # An honest sender tells the size; a dishonest one gains nothing, since no more comes out than there is room.
    hold.resize(len(body) + min(told_size(body), limit))
    room = hold.room - len(body)
    try:
        plain = gunzip(body, limit=min(limit, room))
    except TooLargeError:
        if room < limit:
            hold.resize(len(body) + limit)
        raise
    hold.resize(len(plain))
    return plain


def _request(scope: _Scope) -> _Request:
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        # A header that is repeated means its values in one list.
        headers[name] = headers[name] + b"," + value if name in headers else value
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    length = headers.get(b"content-length", b"")
    return _Request(
        method=scope["method"],
        path=scope["path"],
        content_type=content_type.partition(";")[0].strip().lower(),
        content_encoding=headers.get(b"content-encoding", b"").decode("latin-1").strip().lower(),
        content_length=int(length) if length.isdigit() and len(length) < 19 else 0,
    )


def _checked(request: _Request, *, limit: int) -> Signal:
    """What the request is about; refuses what needs no look at the body."""
    signal = _SIGNALS.get(request.path)
    if signal is None:
        places = ", ".join(f"{signal.name} are taken at {path}" for path, signal in _SIGNALS.items())
        raise NotFoundError(f"There is nothing here; {places}.")
    if request.method != "POST":
        raise MethodNotAllowedError(f"{signal.path} takes POST only.")
    if request.content_type not in _CONTENT_TYPES:
        raise UnsupportedMediaError(f"The content type must be {_PROTOBUF} or {_JSON}.")
    if request.content_encoding != "gzip" and request.content_encoding not in _PLAIN_ENCODINGS:
        raise UnsupportedMediaError("The content encoding must be gzip or identity.")
    if request.content_length > limit:
        raise _too_large(limit)
    return signal


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The body exceeds {limit} bytes.")


def _encoding(signal: Signal, request: _Request, body: bytes) -> Encoding:
    # An empty request is a success. In protobuf nothing is the empty message; in JSON it has to be said.
    return signal.json if body and request.content_type == _JSON else signal.protobuf


def _refusal(request: _Request, error: Exception) -> _Answer:
    answer = _failed(request, failure_of(error))
    if not isinstance(error, SlowSenderError):
        return answer
    # Whatever still arrives belongs to the request that was given up.
    return msgspec.structs.replace(answer, headers=(*answer.headers, (b"connection", b"close")))


def _failed(request: _Request, failure: Failure) -> _Answer:
    headers: list[tuple[bytes, bytes]] = []
    if failure.http_status == 405:
        headers.append((b"allow", b"POST"))
    retry_after = failure.retry_after_header()
    if retry_after is not None:
        headers.append((b"retry-after", retry_after.encode()))
    content_type = request.content_type if request.content_type in _CONTENT_TYPES else _JSON
    status = failure.status()
    if content_type == _JSON:
        # Only the plain members: details are typed messages whose JSON form no exporter reads.
        del status.details[:]
    answer = _encoded(failure.http_status, content_type, status)
    return msgspec.structs.replace(answer, headers=tuple(headers))


def _encoded(status: int, content_type: str, message: Message) -> _Answer:
    if content_type == _PROTOBUF:
        return _Answer(status=status, content_type=content_type, body=message.SerializeToString())
    text = json_format.MessageToJson(message, indent=None)
    return _Answer(status=status, content_type=content_type, body=text.encode())


async def _respond(answer: _Answer, send: _Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
