from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from receiver import otlp_json, protobuf
from relayscope.otlp.document import encode, logs_document, traces_document
from relayscope.otlp.wire import logs_bytes, traces_bytes
from tests.support import factory
from tests.support.canonical import canonical
from tests.support.factory import MAX_INT64, MAX_UINT32, MAX_UINT64
from tests.support.otlp_message import logs_request, traces_request
from tracedata import LogRecord, Resource, Scope, Span

Through: TypeAlias = "Callable[..., list[Span]]"
LogThrough: TypeAlias = "Callable[..., list[LogRecord]]"

NO_RECEIPT: factory.SpanFields = {"redactions": {}, "redacted_keys": {}, "redaction_policy": ""}


def _protobuf(*spans: Span) -> list[Span]:
    return [*protobuf.decode_traces(traces_request(spans).SerializeToString(), 1).spans]


def _wire(*spans: Span) -> list[Span]:
    return [*protobuf.decode_traces(traces_bytes(spans), 1).spans]


def _json(*spans: Span) -> list[Span]:
    return [*otlp_json.decode_traces(encode(traces_document(spans)), 1).spans]


def _log_protobuf(*records: LogRecord) -> list[LogRecord]:
    return [*protobuf.decode_logs(logs_request(records).SerializeToString(), 1).log_records]


def _log_wire(*records: LogRecord) -> list[LogRecord]:
    return [*protobuf.decode_logs(logs_bytes(records), 1).log_records]


def _log_json(*records: LogRecord) -> list[LogRecord]:
    return [*otlp_json.decode_logs(encode(logs_document(records)), 1).log_records]


SPAN_FORMS = pytest.mark.parametrize("through", [_protobuf, _wire, _json], ids=["message", "wire", "json"])
LOG_FORMS = pytest.mark.parametrize("through", [_log_protobuf, _log_wire, _log_json], ids=["message", "wire", "json"])


@SPAN_FORMS
@pytest.mark.parametrize(
    "span",
    [
        pytest.param(factory.full_span(**NO_RECEIPT), id="every-field"),
        pytest.param(
            factory.span(attributes={"s": "", "b": False, "i": 0, "d": 0.0, "y": b"", "n": None, "a": [], "m": {}}),
            id="empty-values-of-every-type",
        ),
        pytest.param(
            factory.span(attributes={"deep": [1, 1.0, True, b"\xff", None, {"in": [{"further": -0.0}]}]}), id="nested"
        ),
        pytest.param(
            factory.span(start_time_unix_nano=MAX_UINT64, end_time_unix_nano=MAX_UINT64, flags=MAX_UINT32),
            id="largest-numbers",
        ),
        pytest.param(factory.span(attributes={"i": MAX_INT64, "least": -MAX_INT64 - 1}), id="largest-integers"),
        pytest.param(factory.span(kind=77, status_code=9), id="enums-without-a-name"),
        pytest.param(factory.span(resource=Resource(), scope=Scope(), name=""), id="nothing"),
    ],
)
def test_a_span_goes_out_as_it_is(through: Through, span: Span) -> None:
    (found,) = through(span)
    assert canonical(found) == canonical(span)


@LOG_FORMS
@pytest.mark.parametrize(
    "record",
    [
        pytest.param(factory.full_log_record(redactions={}, redacted_keys={}, redaction_policy=""), id="every-field"),
        pytest.param(factory.log_record(body=None, trace_id=b"", span_id=b""), id="no-body-no-trace"),
        pytest.param(factory.log_record(body=""), id="empty-body"),
    ],
)
def test_a_log_record_goes_out_as_it_is(through: LogThrough, record: LogRecord) -> None:
    (found,) = through(record)
    assert canonical(found) == canonical(record)


@SPAN_FORMS
def test_receipts_of_redaction_stay_here(through: Through) -> None:
    (found,) = through(factory.full_span())
    assert (found.redactions, found.redaction_policy) == ({}, "")


def test_neighbours_share_resource_and_scope_and_keep_their_order() -> None:
    cart, till = factory.resource("cart"), factory.resource("till")
    # Equal to the first one, but another object, as spans that were read back are.
    again = factory.resource("cart")
    spans = [factory.span(resource=one, name=str(place)) for place, one in enumerate((cart, again, till, cart))]
    request = traces_request(spans)
    assert [len(one.scope_spans[0].spans) for one in request.resource_spans] == [2, 1, 1]
    assert [span.name for span in _protobuf(*spans)] == ["0", "1", "2", "3"]


def test_resources_that_differ_in_type_alone_are_not_taken_for_one() -> None:
    spans = [factory.span(resource=Resource(attributes={"n": number})) for number in (1, 1.0, True)]
    assert [canonical(span) for span in _protobuf(*spans)] == [canonical(span) for span in spans]


@pytest.mark.parametrize("encode_spans", [lambda spans: traces_request(spans).SerializeToString(), traces_bytes])
@pytest.mark.parametrize("value", [2**63, "\ud800"], ids=["integer-too-large", "lone-surrogate"])
def test_what_has_no_place_in_otlp_is_an_error(encode_spans: Callable[[list[Span]], bytes], value: int | str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        encode_spans([factory.span(attributes={"deep": [value]})])
