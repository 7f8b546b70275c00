from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver import otlp_json, protobuf
from relayscope.otlp.document import encode, logs_document, traces_document
from relayscope.otlp.wire import logs_bytes, traces_bytes
from tests.support.canonical import canonical
from tests.support.otlp_message import logs_request, traces_request
from tests.support.strategies import log_records, spans, unhurried
from tracedata import LogRecord, Span


@settings(unhurried, max_examples=40)
@given(st.lists(spans(allow_nan=True), max_size=4))
def test_spans_go_out_in_both_forms_as_they_are(sent: list[Span]) -> None:
    expected = canonical(sent)
    assert canonical(protobuf.decode_traces(traces_request(sent).SerializeToString(), 1).spans) == expected
    # The fast way, and its naive twin.
    assert traces_bytes(sent) == traces_request(sent).SerializeToString()
    assert canonical(otlp_json.decode_traces(encode(traces_document(sent)), 1).spans) == expected


@settings(unhurried, max_examples=40)
@given(st.lists(log_records(allow_nan=True), max_size=4))
def test_log_records_go_out_in_both_forms_as_they_are(sent: list[LogRecord]) -> None:
    expected = canonical(sent)
    assert canonical(protobuf.decode_logs(logs_request(sent).SerializeToString(), 1).log_records) == expected
    assert logs_bytes(sent) == logs_request(sent).SerializeToString()
    assert canonical(otlp_json.decode_logs(encode(logs_document(sent)), 1).log_records) == expected
