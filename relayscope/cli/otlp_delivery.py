"""Sends OTLP/JSON over HTTP, as the specification wants senders to: with retries, and an eye on what was refused.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response. What was sent before is recognised by the store, so
anything can be sent again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus

import httpx
import msgspec

from relayscope.cli.client import client_of
from relayscope.cli.otlp_file import Fault, Part
from relayscope.cli.render.text import clean
from tracedata import PermanentError, RetryableError

_TIMEOUT_S = 120.0
_FIRST_PAUSE_S = 0.2
_MAX_PAUSE_S = 30.0
_RETRIED = frozenset(
    (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)
_REFUSED = frozenset((HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
_MEMBERS = {"traces": b"resourceSpans", "logs": b"resourceLogs"}


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some parts."""

    spans: int = 0
    log_records: int = 0
    refused: int = 0
    faults: Sequence[Fault] = ()

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(
            spans=self.spans + other.spans,
            log_records=self.log_records + other.log_records,
            refused=self.refused + other.refused,
            faults=[*self.faults, *other.faults],
        )


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int = 0
    rejected_log_records: int = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _PartialSuccess | None = None
    message: str = ""


# Not strict: numbers of 64 bits are text.
_answer = msgspec.json.Decoder(_Answer, strict=False).decode


class Delivery:
    """Sends parts to one receiver; several threads may use it at a time. ``patience_s`` bounds the wait for one that is busy."""

    def __init__(self, url: str, *, patience_s: float) -> None:
        self._url = url.rstrip("/")
        self._client = client_of(url, read_timeout_s=_TIMEOUT_S)
        self._patience_s = patience_s
        self._stopped = threading.Event()
        self._has_answered = False

    def stop(self) -> None:
        """Whoever waits for the receiver stops doing so."""
        self._stopped.set()

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def send(self, parts: Sequence[Part]) -> Delivered:
        """Sends parts of one signal. When something in them is refused, they are sent again in halves, until it is known where that is.

        Raises:
            RetryableError: the receiver cannot be reached, or stays busy.
            PermanentError: it answers as no receiver of OTLP does.
        """
        response = self._answered(parts)
        answer = _read(response)
        if response.status_code in _REFUSED:
            return self._halves(parts) or _fault(parts, sum(part.items for part in parts), answer.message)
        if response.status_code != HTTPStatus.OK:
            raise PermanentError(f"{clean(self._url)} answered {response.status_code}; is it an OTLP/HTTP endpoint?")
        partial = answer.partial_success or _PartialSuccess()
        if rejected := partial.rejected_spans + partial.rejected_log_records:
            return self._halves(parts) or _fault(parts, rejected, partial.error_message)
        return _delivered(parts)

    def _halves(self, parts: Sequence[Part]) -> Delivered | None:
        middle = len(parts) // 2
        return self.send(parts[:middle]) + self.send(parts[middle:]) if middle else None

    def _answered(self, parts: Sequence[Part]) -> httpx.Response:
        signal = parts[0].signal
        body = b'{"%b":[%b]}' % (_MEMBERS[signal], b",".join(part.entry for part in parts))
        deadline = time.monotonic() + self._patience_s
        pauses = _pauses()
        while True:
            wanted = 0.0
            try:
                response = self._client.post(
                    f"{self._url}/v1/{signal}", content=body, headers={"content-type": "application/json"}
                )
                self._has_answered = True
                if response.status_code not in _RETRIED:
                    return response
                wanted = _retry_after(response)
                trouble = f"answers {response.status_code}"
            except httpx.HTTPError as exc:
                if not self._has_answered:
                    raise RetryableError(
                        f"Nothing answers at {clean(self._url)}. Start it with `relayscope up`, or give the address of "
                        "OTLP/HTTP with --endpoint."
                    ) from exc
                trouble = f"does not answer ({type(exc).__name__})"
            pause = max(wanted, next(pauses))
            if time.monotonic() + pause > deadline or self._stopped.wait(pause):
                raise RetryableError(
                    f"{clean(self._url)} {trouble}, and did so for {self._patience_s:g} s. What was sent is stored; run the same "
                    "command again later"
                )


def _delivered(parts: Sequence[Part], *, refused: int = 0) -> Delivered:
    items = sum(part.items for part in parts) - refused
    return Delivered(spans=items) if parts[0].signal == "traces" else Delivered(log_records=items)


def _fault(parts: Sequence[Part], count: int, message: str) -> Delivered:
    """Some of one part were refused."""
    what = "spans" if parts[0].signal == "traces" else "log records"
    refused = min(count, parts[0].items)
    fault = Fault(parts[0].place, f"{refused:,} of {parts[0].items:,} {what} were refused: {clean(message)}")
    return _delivered(parts, refused=refused) + Delivered(refused=refused, faults=[fault])


def _read(response: httpx.Response) -> _Answer:
    try:
        return _answer(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Answer()


def _retry_after(response: httpx.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(2 * pause, _MAX_PAUSE_S)
