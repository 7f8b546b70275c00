"""OTLP over HTTP, in protobuf."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from typing import ClassVar, Literal

import httpx
import msgspec

from relayscope.forward.answer import http_error, rejected_items
from relayscope.forward.parcel import Form, Parcel
from relayscope.forward.tls import TlsConfig
from tracedata import PermanentError, RetryableError

# What an answer may hold at most; more is not read.
_MAX_ANSWER_BYTES = 64 * 1024
# Four fifths of what the highest level saves, in a third of the time.
_LEVEL = 1
_GZIP = 31


class HttpSinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is that to which the paths of the signals are added; header names are in lower case."""

    url: str
    tls: TlsConfig = TlsConfig()
    headers: Mapping[str, str] = {}
    compression: Literal["none", "gzip"] = "none"
    timeout_s: float = 5.0


class HttpSink:
    """One client, which keeps its connections."""

    form: ClassVar[Form] = "protobuf"

    def __init__(self, config: HttpSinkConfig) -> None:
        self._config = config
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """See ``Sink``."""
        headers = {
            "user-agent": "relayscope",
            **self._config.headers,
            "accept-encoding": "identity",
            "content-type": "application/x-protobuf",
        }
        if self._config.compression == "gzip":
            headers["content-encoding"] = "gzip"
        is_tls = self._config.url.startswith("https://")
        self._client = httpx.AsyncClient(
            headers=headers, timeout=self._config.timeout_s, verify=self._config.tls.context() if is_tls else True
        )

    async def send(self, parcel: Parcel) -> int:
        """See ``Sink``."""
        if self._client is None:
            raise PermanentError("not started")
        body = parcel.message
        if self._config.compression == "gzip":
            body = await asyncio.to_thread(_compressed, body)
        try:
            # The client's own timeout is that of each step.
            async with asyncio.timeout(self._config.timeout_s):
                return await self._post(self._client, body, parcel)
        except TimeoutError:
            raise RetryableError("no answer in time", retry_after_s=0.0) from None
        except httpx.InvalidURL:
            raise PermanentError("the endpoint is no URL") from None
        except httpx.HTTPError as exc:
            # Its text names the endpoint, and can quote an answer.
            raise RetryableError(type(exc).__name__, retry_after_s=0.0) from None

    async def _post(self, client: httpx.AsyncClient, body: bytes, parcel: Parcel) -> int:
        url = f"{self._config.url.rstrip('/')}/v1/{parcel.signal}"
        # Cookies of a destination would pile up, and go back to it with what they say.
        client.cookies.clear()
        async with client.stream("POST", url, content=body) as answer:
            if not answer.is_success:
                raise http_error(answer.status_code, answer.headers.get("retry-after"))
            return rejected_items(await _start_of(answer), parcel.signal)

    async def aclose(self) -> None:
        """Ends requests that are under way."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


async def _start_of(answer: httpx.Response) -> bytes:
    """The body; nothing when it is longer than any that says something.

    As it came: a compressed one was not asked for, and a few bytes of it can be hundreds of megabytes.
    """
    body = b""
    async for part in answer.aiter_raw(_MAX_ANSWER_BYTES):
        body += part
        if len(body) > _MAX_ANSWER_BYTES:
            return b""
    return body


def _compressed(data: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return compressor.compress(data) + compressor.flush()
