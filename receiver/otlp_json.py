"""OTLP traces in JSON to batches.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and https://protobuf.dev/programming-guides/json/:
names in lowerCamelCase, ids in hexadecimal, 64-bit integers as strings or numbers, doubles as numbers or strings,
enums as numbers (names are taken too), ``null`` for a field that is not set, unknown fields ignored.
"""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from receiver.error import DecodeFailedError
from receiver.identity import INVALID_PARENT, MALFORMED_SPAN, id_from_hex, parent_id_from_hex, rejection
from receiver.repair import REPAIRED_KEY, marked, mended_json, repaired_json, text_fault
from tracedata import Batch, Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

MAX_DEPTH = 64
"""Levels of ``AnyValue`` in an attribute; a plain value is one level. What is below is cut."""

_KINDS = {f"SPAN_KIND_{kind.name}": int(kind) for kind in SpanKind}
_STATUS_CODES = {f"STATUS_CODE_{code.name}": int(code) for code in StatusCode}
_URL_SAFE = str.maketrans("-_", "+/")
_NULL = msgspec.Raw(b"null")


class _Kind(int):
    """A span kind, given as number or name."""


class _StatusCode(int):
    """A status code, given as number or name."""


class _Bytes(bytes):
    """Bytes, given in either alphabet of base64, padded or not."""


class _Message(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """The wire's messages: every member can be missing or null."""


class _ArrayValue(_Message):
    values: list[_AnyValue] | None = None


class _KeyValueList(_Message):
    values: list[_KeyValue] | None = None


class _AnyValue(_Message):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    array_value: _ArrayValue | None = None
    kvlist_value: _KeyValueList | None = None
    bytes_value: _Bytes | None = None


class _KeyValue(_Message):
    key: str | None = None
    value: _AnyValue | None = None


class _Attributed(_Message):
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: int | None = None


class _Resource(_Attributed):
    pass


class _Scope(_Attributed):
    name: str | None = None
    version: str | None = None


class _Event(_Attributed):
    time_unix_nano: int | None = None
    name: str | None = None


class _Link(_Attributed):
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None


class _Status(_Message):
    message: str | None = None
    code: _StatusCode | None = None


class _Span(_Attributed):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None
    name: str | None = None
    kind: _Kind | None = None
    start_time_unix_nano: int | None = None
    end_time_unix_nano: int | None = None
    events: list[_Event] | None = None
    dropped_events_count: int | None = None
    links: list[_Link] | None = None
    dropped_links_count: int | None = None
    status: _Status | None = None


class _ScopeSpans(_Message):
    scope: _Scope | None = None
    spans: list[_Span] | None = None
    schema_url: str | None = None


class _ResourceSpans(_Message):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None
    schema_url: str | None = None


class _Request(_Message):
    resource_spans: list[_ResourceSpans] | None = None


class _LooseScopeSpans(_Message):
    """What fails by itself stays text until it is read by itself."""

    # In a union with None, the library takes nothing but null.
    scope: msgspec.Raw = _NULL
    spans: list[msgspec.Raw] | None = None
    schema_url: str | None = None


class _LooseResourceSpans(_Message):
    resource: msgspec.Raw = _NULL
    scope_spans: list[_LooseScopeSpans] | None = None
    schema_url: str | None = None


class _LooseRequest(_Message):
    resource_spans: list[_LooseResourceSpans] | None = None


_Part = TypeVar("_Part", _Span, _Scope, _Resource)


def _read_special(wanted: type, sent: object) -> object:
    if wanted is _Bytes:
        return _Bytes(_base64(sent))
    if wanted is _Kind:
        return _Kind(_enum(sent, _KINDS))
    return _StatusCode(_enum(sent, _STATUS_CODES))


def _base64(sent: object) -> bytes:
    if not isinstance(sent, str):
        raise TypeError("Expected base64 in a string")
    text = sent.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("Expected base64") from None


def _enum(sent: object, names: dict[str, int]) -> int:
    if isinstance(sent, str):
        if sent in names:
            return names[sent]
        if sent.isascii() and sent.isdecimal() and len(sent) < 19:
            return int(sent)
    if isinstance(sent, int) and not isinstance(sent, bool):
        return sent
    raise ValueError(f"Expected a number or one of {', '.join(names)}")


# Not strict: numbers are taken from strings. Members of type ``str`` stay strict.
_DECODER = msgspec.json.Decoder(_Request, strict=False, dec_hook=_read_special)
_LOOSE_DECODER = msgspec.json.Decoder(_LooseRequest)
_SPAN_DECODER = msgspec.json.Decoder(_Span, strict=False, dec_hook=_read_special)
_SCOPE_DECODER = msgspec.json.Decoder(_Scope, strict=False, dec_hook=_read_special)
_RESOURCE_DECODER = msgspec.json.Decoder(_Resource, strict=False, dec_hook=_read_special)


def decode_traces(data: bytes, workspace_id: int) -> Batch:
    """All spans of an ``ExportTraceServiceRequest`` in JSON in one batch; see ``decode_slices``."""
    (batch,) = decode_slices(data, workspace_id, max_spans=sys.maxsize)
    return batch


def decode_slices(data: bytes, workspace_id: int, *, max_spans: int) -> Iterator[Batch]:
    """The spans of an ``ExportTraceServiceRequest`` in JSON; equal to what its protobuf form decodes to.

    A span whose id is not one, or that has something of the wrong type, is counted in ``rejections``. Text that is not
    Unicode, nesting without end and numbers that are none are repaired. Each batch but the last has ``max_spans``.

    Raises:
        DecodeFailedError: there is no such message in it, or no sound span; the error's message has the JSON path.
            Never after the first batch.
    """
    rejections: dict[str, int] = {}
    try:
        request = _parsed(data)
    except DecodeFailedError as error:
        request = _salvaged(data, rejections, error)
    # The caller may have let go of it, too.
    del data
    yield from _slices(request, rejections, workspace_id=workspace_id, max_spans=max_spans)


def _parsed(data: bytes) -> _Request:
    try:
        return _DECODER.decode(data)
    except RecursionError as exc:
        raise DecodeFailedError("The request is nested too deep.") from exc
    except UnicodeDecodeError as exc:
        raise DecodeFailedError("The request is not OTLP/JSON: it is not UTF-8.") from exc
    except msgspec.DecodeError as exc:
        raise DecodeFailedError(f"The request is not OTLP/JSON: {exc}.") from exc


def _salvaged(data: bytes, rejections: dict[str, int], error: DecodeFailedError) -> _Request:
    """The spans that can be read one by one; ``error`` when there are none."""
    try:
        loose = _loosened(data)
        parts = [_tightened(sent, rejections) for sent in loose.resource_spans or ()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise error from None
    if not any(scope_spans.spans for part in parts for scope_spans in part.scope_spans or ()):
        raise error
    return _Request(resource_spans=parts)


def _loosened(data: bytes) -> _LooseRequest:
    try:
        # Enough for most, and faster by far than mending the whole of a large request.
        return _LOOSE_DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = mended_json(data)
    try:
        return _LOOSE_DECODER.decode(mended)
    except UnicodeDecodeError:
        return _LOOSE_DECODER.decode(repaired_json(mended))


def _tightened(sent: _LooseResourceSpans, rejections: dict[str, int]) -> _ResourceSpans:
    """What is sound in it; the spans of a resource or scope that is not sound are left out like those that are not."""
    try:
        resource = _part(_RESOURCE_DECODER, sent.resource) if sent.resource != _NULL else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        _reject(sum(len(loose.spans or ()) for loose in sent.scope_spans or ()), rejections)
        return _ResourceSpans()
    scope_spans = [_tightened_scope(loose, rejections) for loose in sent.scope_spans or ()]
    return _ResourceSpans(resource=resource, scope_spans=scope_spans, schema_url=sent.schema_url)


def _tightened_scope(sent: _LooseScopeSpans, rejections: dict[str, int]) -> _ScopeSpans:
    try:
        scope = _part(_SCOPE_DECODER, sent.scope) if sent.scope != _NULL else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        _reject(len(sent.spans or ()), rejections)
        return _ScopeSpans()
    spans: list[_Span] = []
    for raw in sent.spans or ():
        try:
            spans.append(_part(_SPAN_DECODER, raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            _reject(1, rejections)
    return _ScopeSpans(scope=scope, spans=spans, schema_url=sent.schema_url)


def _reject(count: int, rejections: dict[str, int]) -> None:
    if count:
        rejections[MALFORMED_SPAN] = rejections.get(MALFORMED_SPAN, 0) + count


def _part(decoder: msgspec.json.Decoder[_Part], raw: msgspec.Raw) -> _Part:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = mended_json(bytes(raw))
    try:
        # Nothing but brackets and numbers was at fault.
        return decoder.decode(mended)
    except UnicodeDecodeError:
        part: _Part = decoder.decode(repaired_json(mended))
    mark = _AnyValue(array_value=_ArrayValue(values=[_AnyValue(string_value=text_fault(mended))]))
    part.attributes = [*(part.attributes or ()), _KeyValue(key=REPAIRED_KEY, value=mark)]
    return part


def _slices(request: _Request, rejections: dict[str, int], *, workspace_id: int, max_spans: int) -> Iterator[Batch]:
    spans: list[Span] = []
    for resource_spans in request.resource_spans or ():
        resource = _resource(resource_spans)
        for scope_spans in resource_spans.scope_spans or ():
            scope = _scope(scope_spans)
            # Taken from the end of the list, so that no span is kept in both forms.
            pending = scope_spans.spans or []
            pending.reverse()
            while pending:
                sent = pending.pop()
                trace_id, span_id = id_from_hex(sent.trace_id), id_from_hex(sent.span_id)
                reason = rejection(trace_id, span_id)
                if reason is not None:
                    rejections[reason] = rejections.get(reason, 0) + 1
                    continue
                if len(spans) == max_spans:
                    batch = Batch(workspace_id=workspace_id, spans=spans, rejections=rejections)
                    spans, rejections = [], {}
                    yield batch
                    del batch
                spans.append(_span(sent, trace_id=trace_id, span_id=span_id, resource=resource, scope=scope))
    yield Batch(workspace_id=workspace_id, spans=spans, rejections=rejections)


def _resource(message: _ResourceSpans) -> Resource:
    resource = message.resource or _Resource()
    return Resource(
        attributes=_attributes(resource.attributes),
        dropped_attributes_count=resource.dropped_attributes_count or 0,
        schema_url=message.schema_url or "",
    )


def _scope(message: _ScopeSpans) -> Scope:
    scope = message.scope or _Scope()
    return Scope(
        name=scope.name or "",
        version=scope.version or "",
        attributes=_attributes(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes_count or 0,
        schema_url=message.schema_url or "",
    )


def _span(message: _Span, *, trace_id: bytes, span_id: bytes, resource: Resource, scope: Scope) -> Span:
    status = message.status or _Status()
    parent, attributes = parent_id_from_hex(message.parent_span_id), _attributes(message.attributes)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        resource=resource,
        scope=scope,
        parent_span_id=parent or b"",
        trace_state=message.trace_state or "",
        flags=message.flags or 0,
        name=message.name or "",
        kind=int(message.kind or 0),
        start_time_unix_nano=message.start_time_unix_nano or 0,
        end_time_unix_nano=message.end_time_unix_nano or 0,
        attributes=attributes if parent is not None else marked(attributes, INVALID_PARENT),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        events=[_event(event) for event in message.events or ()],
        dropped_events_count=message.dropped_events_count or 0,
        links=[_link(link) for link in message.links or ()],
        dropped_links_count=message.dropped_links_count or 0,
        status_code=int(status.code or 0),
        status_message=status.message or "",
    )


def _event(message: _Event) -> Event:
    return Event(
        time_unix_nano=message.time_unix_nano or 0,
        name=message.name or "",
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
    )


def _link(message: _Link) -> Link:
    return Link(
        trace_id=id_from_hex(message.trace_id),
        span_id=id_from_hex(message.span_id),
        trace_state=message.trace_state or "",
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        flags=message.flags or 0,
    )


def _attributes(pairs: Iterable[_KeyValue] | None, depth: int = 1) -> dict[str, Value]:
    return {pair.key or "": _value(pair.value, depth) for pair in pairs or ()}


def _value(message: _AnyValue | None, depth: int) -> Value:
    # One level more than is stored, so that sanitising sees that there was more, and marks it.
    if message is None or depth > MAX_DEPTH:
        return None
    for scalar in (message.string_value, message.bool_value, message.int_value, message.double_value):
        if scalar is not None:
            return scalar
    if message.array_value is not None:
        return [_value(item, depth + 1) for item in message.array_value.values or ()]
    if message.kvlist_value is not None:
        return _attributes(message.kvlist_value.values, depth + 1)
    return None if message.bytes_value is None else bytes(message.bytes_value)
