"""The benchmark's spans, as export requests in protobuf.

A 12-attribute span of about 520 bytes; every tenth span is an LLM call with prompt, answer and a response id of its own, and every
tenth of those names somebody by address and phone number; traces of 20 spans over five
services. What repeats is encoded once; ids and times are put in front of it, since protobuf's fields may come in any order.

Spans start within the last second, or, for a store that has been filled for days, anywhere in the days that are asked for.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

SERVICES = ("gateway", "router", "rule-engine", "provider", "billing")
_SPANS_PER_TRACE = 20
_LLM_EVERY = 10
_PERSONAL_EVERY = 10
_TEMPLATES_PER_KIND = 40
_MARK = "relayscope.bench.probe"
EVENT_KEY = "relayscope.bench.event"
_RESPONSE_ID = "gen_ai.response.id"
_RESPONSE_ID_BYTES = 12
_ATTRIBUTE = b"\x4a"
_LLM_OPERATION = "chat gpt-4.1-mini"
# trace_id, span_id, parent_span_id, start and end with their field tags: see opentelemetry/proto/trace/v1/trace.proto.
_HEAD = struct.Struct("<2s16s2s8s2s8scQcQ")
_RESOURCE_SPANS, _SPANS_OF_SCOPE, _SCOPE_SPANS = b"\x0a", b"\x12", b"\x12"
_NS_PER_S = 1_000_000_000
_S_PER_DAY = 86_400
_WORDS = (
    "route request model budget latency cache provider token answer question policy limit region retry stream context "
    "summary invoice customer order shipment status refund delivery support agent search result document section"
).split()


class Request(msgspec.Struct, frozen=True):
    """An encoded ``ExportTraceServiceRequest``, the number of spans in it, and the id of its first trace."""

    data: bytes
    spans: int
    trace_id: bytes


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """When spans start: on one of ``count`` days from ``first`` on (counted from the epoch), drawn for each request.

    The time of day goes from ``fractions[0]`` to ``fractions[1]`` of a day as the requests do, since that is how spans
    arrive: in every partition near the newest ones.
    """

    first: int
    count: int
    fractions: tuple[float, float] = (0.0, 1.0)

    def moment_ns(self, dice: random.Random, *, progress: float) -> int:
        """A moment at least a second after the start of its day, and at least one before its end."""
        low, high = self.fractions
        of_day = 1 + (low + (high - low) * progress) * (_S_PER_DAY - 2)
        return int(((self.first + dice.randrange(self.count)) * _S_PER_DAY + of_day) * _NS_PER_S)


def requests(*, seed: int, spans: int, sizes: tuple[int, int], days: Days | None = None) -> Sequence[Request]:
    """Requests of ``sizes[0]`` to ``sizes[1]`` spans each, ``spans`` in all. Ids differ between seeds."""
    dice = random.Random(seed)
    templates = _Templates(dice)
    made: list[Request] = []
    done = 0
    while done < spans:
        size = min(spans - done, dice.randint(*sizes))
        now = days.moment_ns(dice, progress=done / spans) if days else time.time_ns()
        made.append(_request(dice, templates, size=size, now=now))
        done += size
    return made


def marked_request(trace_id: bytes) -> bytes:
    """An encoded request with one span, which is recognised by its trace."""
    now = time.time_ns()
    span = Span(
        trace_id=trace_id, span_id=trace_id[:8], name=_MARK, start_time_unix_nano=now, end_time_unix_nano=now + 1000
    )
    spans = ScopeSpans(spans=[span]).SerializeToString()
    return _field(_RESOURCE_SPANS, _resource(_MARK) + _field(_SCOPE_SPANS, spans))


def event_request(trace_id: bytes, *, value: str, at_ns: int) -> bytes:
    """An encoded request with one span, one event of which has an attribute ``EVENT_KEY``."""
    event = Span.Event(name=_MARK, time_unix_nano=at_ns, attributes=_attributes({EVENT_KEY: value}))
    span = Span(
        trace_id=trace_id,
        span_id=trace_id[:8],
        name=_MARK,
        start_time_unix_nano=at_ns,
        end_time_unix_nano=at_ns,
        events=[event],
    )
    spans = ScopeSpans(spans=[span]).SerializeToString()
    return _field(_RESOURCE_SPANS, _resource(_MARK) + _field(_SCOPE_SPANS, spans))


def _request(dice: random.Random, templates: _Templates, *, size: int, now: int) -> Request:
    by_service: dict[str, list[bytes]] = {service: [] for service in SERVICES}
    first, trace_id, parent = b"", b"", b""
    for number in range(size):
        if number % _SPANS_PER_TRACE == 0:
            trace_id, parent = dice.randbytes(16), bytes(8)
            first = first or trace_id
        span_id = dice.randbytes(8)
        start = now - dice.randrange(_NS_PER_S)
        end = start + dice.randrange(1_000, 500_000_000)
        head = _HEAD.pack(
            b"\x0a\x10", trace_id, b"\x12\x08", span_id, b"\x22\x08", parent, b"\x39", start, b"\x41", end
        )
        service = dice.choice(SERVICES)
        body = templates.llm_span(dice) if number % _LLM_EVERY == 0 else dice.choice(templates.plain)
        by_service[service].append(_field(_SPANS_OF_SCOPE, head + body))
        parent = span_id
    return Request(b"".join(_resource_spans(templates, by_service)), size, first)


def _resource_spans(templates: _Templates, by_service: Mapping[str, Sequence[bytes]]) -> Iterator[bytes]:
    for service, encoded in by_service.items():
        if encoded:
            scope_spans = templates.scope + b"".join(encoded)
            yield _field(_RESOURCE_SPANS, templates.resources[service] + _field(_SCOPE_SPANS, scope_spans))


class _Templates:
    def __init__(self, dice: random.Random) -> None:
        self.plain = [_plain_span(dice).SerializeToString() for _ in range(_TEMPLATES_PER_KIND)]
        self.llm = [
            _llm_span(dice, is_personal=number % _PERSONAL_EVERY == 0).SerializeToString()
            for number in range(_TEMPLATES_PER_KIND)
        ]
        self.resources = {service: _resource(service) for service in SERVICES}
        self.scope = ScopeSpans(scope=InstrumentationScope(name="relayscope.bench", version="1")).SerializeToString()
        (attribute,) = _attributes({_RESPONSE_ID: _response_id(bytes(_RESPONSE_ID_BYTES))})
        # The value comes last.
        self._response_id_head = attribute.SerializeToString()[: -2 * _RESPONSE_ID_BYTES]

    def llm_span(self, dice: random.Random) -> bytes:
        """A call like others, with a response id like no other: whoever gets the same id twice takes the two for one call."""
        written = dice.randbytes(_RESPONSE_ID_BYTES).hex().encode()
        return dice.choice(self.llm) + _field(_ATTRIBUTE, self._response_id_head + written)


def _resource(service: str) -> bytes:
    attributes = {"service.name": service, "service.version": "1.2.3", "host.name": "bench-1", "cloud.region": "eu-1"}
    return _field(b"\x0a", Resource(attributes=_attributes(attributes)).SerializeToString())


def _plain_span(dice: random.Random) -> Span:
    status = dice.choice((200, 200, 200, 201, 404, 500))
    route = f"/api/v1/{dice.choice(_WORDS)}/{{id}}"
    attributes = {
        "http.request.method": dice.choice(("GET", "POST")),
        "http.route": route,
        "http.response.status_code": status,
        "url.path": route.replace("{id}", str(dice.randrange(10**6))),
        "server.address": "gateway.internal.example.com",
        "server.port": 8443,
        "user_agent.original": "bench-client/2.4 (linux; x86_64)",
        "network.protocol.version": "1.1",
        "request.id": dice.randbytes(12).hex(),
        "tenant.tier": dice.choice(("free", "pro", "enterprise")),
        "cache.hit": dice.random() < 0.5,
        "queue.wait_ms": dice.random() * 20,
    }
    code = Status.STATUS_CODE_ERROR if status >= 500 else Status.STATUS_CODE_UNSET
    return Span(
        name=f"GET {route}", kind=Span.SPAN_KIND_SERVER, attributes=_attributes(attributes), status=Status(code=code)
    )


def _llm_span(dice: random.Random, *, is_personal: bool) -> Span:
    attributes: dict[str, str | float | bool] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini-2025-04-14",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.usage.input_tokens": dice.randrange(50, 900),
        "gen_ai.usage.output_tokens": dice.randrange(20, 600),
        "server.address": "api.openai.example.com",
        "gen_ai.conversation.id": dice.randbytes(8).hex(),
        "gen_ai.input.messages": _message(dice, role="user", words=90, is_personal=is_personal),
        "gen_ai.output.messages": _message(dice, role="assistant", words=130, is_personal=False),
    }
    return Span(name=_LLM_OPERATION, kind=Span.SPAN_KIND_CLIENT, attributes=_attributes(attributes))


def _response_id(number: bytes) -> str:
    return f"chatcmpl-{number.hex()}"


def _message(dice: random.Random, *, role: str, words: int, is_personal: bool) -> str:
    content = " ".join(dice.choices(_WORDS, k=words))
    if is_personal:
        number = dice.randrange(10_000)
        content = f"{content} write to customer.{number}@example.com or call +1 415 555 {number:04d}"
    return msgspec.json.encode([{"role": role, "parts": [{"type": "text", "content": content}]}]).decode()


def _attributes(values: Mapping[str, str | float | bool]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]


def _any_value(value: str | float | bool) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def _field(tag: bytes, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    length, varint = len(data), bytearray()
    while length > 0x7F:
        varint.append(length & 0x7F | 0x80)
        length >>= 7
    varint.append(length)
    return tag + bytes(varint) + data
