"""Spans in Jaeger's own model, as its older query service sends them. The rules are those of the HTTP form; times keep nanoseconds."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from relayscope.api.generated.jaeger.api_v2 import model_pb2 as pb
from relayscope.api.generated.jaeger.api_v2.query_pb2 import SpansResponseChunk
from relayscope.api.jaeger import model
from relayscope.api.jaeger.translation import translate_trace
from relayscope.api.rpc.otlp import MAX_PIECE_BYTES
from tracedata import Span

_NS_PER_S = 1_000_000_000
_FRAME_BYTES = 8
_REFERENCES = {"CHILD_OF": pb.CHILD_OF, "FOLLOWS_FROM": pb.FOLLOWS_FROM}


def encode_chunks(spans: Sequence[Span]) -> list[bytes]:
    """Serialised ``SpansResponseChunk`` with these spans of one trace, in their order. Nothing for no spans."""
    chunks: list[bytes] = []
    waiting: list[pb.Span] = []
    size = 0
    for message in _messages(spans):
        cost = message.ByteSize() + _FRAME_BYTES
        if waiting and size + cost > MAX_PIECE_BYTES:
            chunks.append(SpansResponseChunk(spans=waiting).SerializeToString())
            waiting, size = [], 0
        waiting.append(message)
        size += cost
    return [*chunks, SpansResponseChunk(spans=waiting).SerializeToString()] if waiting else chunks


def _messages(spans: Sequence[Span]) -> Iterable[pb.Span]:
    if not spans:
        return
    trace = translate_trace(spans[0].trace_id, spans)
    processes = {name: _process(process) for name, process in trace.processes.items()}
    for span, shown in zip(spans, trace.spans, strict=True):
        yield _span(span, shown, processes[shown.process_id])


def _span(span: Span, shown: model.Span, process: pb.Process) -> pb.Span:
    return pb.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        operation_name=span.name,
        references=[_reference(reference) for reference in shown.references],
        flags=shown.flags,
        start_time=_timestamp(span.start_time_unix_nano),
        duration=_duration(max(span.duration_ns, 0)),
        tags=[_key_value(tag) for tag in shown.tags],
        logs=[
            pb.Log(timestamp=_timestamp(event.time_unix_nano), fields=[_key_value(field) for field in log.fields])
            for event, log in zip(span.events, shown.logs, strict=True)
        ],
        # Each span brings its process, as Jaeger's do: ids of processes would differ from page to page.
        process=process,
        warnings=shown.warnings or (),
    )


def _process(process: model.Process) -> pb.Process:
    return pb.Process(service_name=process.service_name, tags=[_key_value(tag) for tag in process.tags])


def _reference(reference: model.Reference) -> pb.SpanRef:
    return pb.SpanRef(
        trace_id=bytes.fromhex(reference.trace_id).rjust(16, b"\0"),
        span_id=bytes.fromhex(reference.span_id),
        ref_type=_REFERENCES[reference.ref_type],
    )


def _key_value(tag: model.KeyValue) -> pb.KeyValue:
    # Numbers that JSON cannot carry are text in the HTTP form.
    if tag.type == "bool":
        return pb.KeyValue(key=tag.key, v_type=pb.BOOL, v_bool=bool(tag.value))
    if tag.type == "int64":
        return pb.KeyValue(key=tag.key, v_type=pb.INT64, v_int64=int(tag.value))
    if tag.type == "float64":
        return pb.KeyValue(key=tag.key, v_type=pb.FLOAT64, v_float64=float(tag.value))
    if tag.type == "binary":
        return pb.KeyValue(key=tag.key, v_type=pb.BINARY, v_binary=base64.b64decode(str(tag.value)))
    return pb.KeyValue(key=tag.key, v_type=pb.STRING, v_str=str(tag.value))


def _timestamp(unix_nano: int) -> Timestamp:
    seconds, nanos = divmod(unix_nano, _NS_PER_S)
    return Timestamp(seconds=seconds, nanos=nanos)


def _duration(length_ns: int) -> Duration:
    seconds, nanos = divmod(length_ns, _NS_PER_S)
    return Duration(seconds=seconds, nanos=nanos)
