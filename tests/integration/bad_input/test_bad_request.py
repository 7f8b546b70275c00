"""Bad inputs that are larger than one span, over every transport."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.integration.bad_input.conftest import Send
from tests.support.exporter import Encoding
from tests.support.factory import resource, span, trace_id
from tests.support.otlp import export_json, export_request
from tests.support.store import Store
from tests.support.wire import attribute, delimited
from tracedata import Resource, Scope, Span, Value

_ENCODINGS: tuple[Encoding, ...] = ("grpc", "protobuf", "json")
_LONG = secrets.token_hex(4_500)
_MANY = 100_000


def _encoded(encoding: Encoding, *spans: Span) -> bytes:
    return export_json(spans).encode() if encoding == "json" else export_request(spans).SerializeToString()


@pytest.mark.parametrize("encoding", _ENCODINGS)
@pytest.mark.parametrize(
    ("name", "service"),
    [
        pytest.param(_LONG, _LONG[:255], id="9-KB-service"),
        pytest.param(7, "", id="number"),
        pytest.param(["a", "b"], "", id="array"),
        pytest.param({"a": "b"}, "", id="map"),
        pytest.param(True, "", id="truth"),
        pytest.param(b"\x00\xff", "", id="bytes"),
        pytest.param(None, "", id="nothing"),
    ],
)
async def test_service_names_of_any_type_and_size(
    postgres_store: Store, send: Send, *, encoding: Encoding, name: Value, service: str
) -> None:
    odd = span(resource=Resource(attributes={"service.name": name}))
    sound = span(trace_id=odd.trace_id)

    answer = await send(encoding, _encoded(encoding, odd, sound))

    stored = {one.span_id: one for one in await postgres_store.trace(odd.trace_id)}
    assert (answer.code, answer.rejected) == ("OK", 0)
    assert stored[odd.span_id].resource.attributes == {"service.name": name}
    assert stored[sound.span_id].resource == resource()
    assert set(await postgres_store.reader.services(1)) == {service, "checkout"} - {""}


@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_a_9_kb_scope(postgres_store: Store, send: Send, encoding: Encoding) -> None:
    odd = span(scope=Scope(name=_LONG, version=_LONG))

    answer = await send(encoding, _encoded(encoding, odd))

    (stored,) = await postgres_store.trace(odd.trace_id)
    assert (answer.code, stored.scope) == ("OK", odd.scope)


@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_a_trace_of_100000_spans(postgres_store: Store, send: Send, encoding: Encoding) -> None:
    large = trace_id()
    ids = [number.to_bytes(8, "big") for number in range(1, _MANY + 1)]

    if encoding == "json":
        spans = ",".join(f'{{"traceId":"{large.hex()}","spanId":"{one.hex()}","name":"s"}}' for one in ids)
        body = f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'.encode()
    else:
        spans_of_wire = (delimited(2, delimited(1, large) + delimited(2, one) + delimited(5, b"s")) for one in ids)
        body = delimited(1, delimited(2, b"".join(spans_of_wire)))

    answer = await send(encoding, body)

    assert (answer.code, answer.rejected) == ("OK", 0)
    assert {one.span_id for one in await postgres_store.trace(large)} == set(ids)


@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_two_spans_that_are_each_others_parent(postgres_store: Store, send: Send, encoding: Encoding) -> None:
    one = span()
    two = span(trace_id=one.trace_id, parent_span_id=one.span_id)
    one = span(trace_id=one.trace_id, span_id=one.span_id, parent_span_id=two.span_id)

    answer = await send(encoding, _encoded(encoding, one, two))

    assert answer.code == "OK"
    stored = await postgres_store.trace(one.trace_id)
    assert {each.span_id: each.parent_span_id for each in stored} == {
        one.span_id: two.span_id,
        two.span_id: one.span_id,
    }


@pytest.mark.parametrize("encoding", ["grpc", "protobuf"])
async def test_logs_posted_as_traces_are_rejected(send: Send, encoding: Encoding) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5, severity_number=9)
    record.body.string_value = "secret"

    answer = await send(encoding, request.SerializeToString())

    assert (answer.code, answer.rejected, answer.message) == ("OK", 1, "invalid_trace_id: 1")


async def test_logs_posted_as_traces_in_json_hold_no_spans(send: Send) -> None:
    answer = await send("json", b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}')

    assert (answer.code, answer.rejected) == ("OK", 0)


_COUNT = 8 * 1024 * 1024


def _in_a_span(content: bytes) -> bytes:
    return delimited(1, delimited(2, delimited(2, content)))


@pytest.mark.parametrize("encoding", ["grpc", "protobuf"])
@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(lambda: b"\x0a\x00" * _COUNT, id="resources"),
        pytest.param(lambda: delimited(1, b"\x12\x00" * _COUNT), id="scopes"),
        pytest.param(lambda: delimited(1, delimited(2, b"\x12\x00" * _COUNT)), id="spans"),
        pytest.param(lambda: _in_a_span(b"\x4a\x00" * _COUNT), id="attributes"),
        pytest.param(lambda: _in_a_span(b"\x5a\x00" * _COUNT), id="events"),
        pytest.param(lambda: _in_a_span(b"\x6a\x00" * _COUNT), id="links"),
        pytest.param(lambda: _in_a_span(attribute("k", delimited(5, b"\x0a\x00" * _COUNT))), id="values"),
        pytest.param(lambda: b"\x8a\x80\x00\x80\x00" * (_COUNT // 4), id="padded-tags"),
    ],
)
async def test_count_bombs(send: Send, *, encoding: Encoding, bomb: Callable[[], bytes]) -> None:
    answer = await send(encoding, bomb())

    assert answer.code == ("RESOURCE_EXHAUSTED" if encoding == "grpc" else "413")
    assert answer.message == "The request holds more than 1250000 objects."
    assert not answer.can_be_retried


@pytest.mark.parametrize("member", ["spans", "events", "attributes", "links"])
async def test_count_bombs_of_json(send: Send, member: str) -> None:
    empty = "[" + "{}," * 2_000_000 + "{}]"
    span_text = empty if member == "spans" else f'[{{"{member}":{empty}}}]'

    answer = await send("json", f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":{span_text}}}]}}]}}'.encode())

    assert (answer.code, answer.can_be_retried) == ("413", False)


async def test_braces_in_text_are_no_objects(postgres_store: Store, send: Send) -> None:
    sent = span(attributes={"prompt": "{" * 1_000_000, "answer": '"{' * 500_000})

    answer = await send("json", _encoded("json", sent))

    assert answer.code == "OK"
    (stored,) = await postgres_store.trace(sent.trace_id)
    assert stored.attributes == sent.attributes


@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_what_is_too_long_or_too_many_is_cut_and_marked(
    postgres_store: Store, send: Send, encoding: Encoding
) -> None:
    long, many = span(attributes={"prompt": "x" * (2 << 20)}), span(attributes={f"k{n}": n for n in range(2_000)})
    sound = span()

    answer = await send(encoding, _encoded(encoding, long, many, sound))

    assert (answer.code, answer.rejected) == ("OK", 0)
    (cut,) = await postgres_store.trace(long.trace_id)
    assert cut.attributes == {"prompt": "x" * (1 << 20), "relayscope.truncated": ["value_length"]}
    (fewer,) = await postgres_store.trace(many.trace_id)
    assert (len(fewer.attributes), fewer.dropped_attributes_count) == (1_025, 976)
    assert len(await postgres_store.trace(sound.trace_id)) == 1
