"""A sample reader that looks at everything: slow, obvious, and the oracle for every other implementation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from storage.sample import (
    MAX_VALUE_CHARS,
    AttributeKey,
    AttributePlace,
    AttributeValue,
    FailureSample,
    KeySample,
    SampleWindow,
    ValueSample,
    ValueType,
)
from tests.support.memory_store import MemoryStore
from tests.support.service_map import start_us
from tracedata import Attributes, Span, StatusCode, Value
from tracedata.typed_json import decode_value, encode_value


class MemorySamples:
    """``storage.sample.SampleReader`` over the store double; every sample is complete."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def attribute_keys(self, window: SampleWindow) -> KeySample:
        spans = self._spans(window)
        counts = Counter(
            (place, key, type_of(value))
            for span in spans
            for place, attributes in attributes_of(span)
            for key, value in attributes.items()
        )
        keys = [AttributeKey(place=place, key=key, type=kind, count=n) for (place, key, kind), n in counts.items()]
        return KeySample(keys=keys, sampled=len(spans), is_complete=True)

    async def attribute_values(
        self, window: SampleWindow, *, key: str, place: AttributePlace | None = None
    ) -> ValueSample:
        spans = self._spans(window)
        counts = Counter(
            (where, encode_value(attributes[key]))
            for span in spans
            for where, attributes in attributes_of(span)
            if key in attributes and place in (None, where)
        )
        values = [
            AttributeValue(place=where, value=decode_value(text), count=n)
            for (where, text), n in counts.items()
            if len(text.decode()) <= MAX_VALUE_CHARS
        ]
        return ValueSample(values=values, sampled=len(spans), is_complete=True)

    async def failed_spans(self, window: SampleWindow, *, operation: str, limit: int) -> FailureSample:
        spans = self._spans(window)
        failed = [span for span in spans if span.name == operation and span.status_code == StatusCode.ERROR]
        return FailureSample(spans=failed[:limit], sampled=len(spans), is_complete=len(failed) <= limit)

    def _spans(self, window: SampleWindow) -> list[Span]:
        found = [
            span
            for span in self._store.spans_of(window.workspace_id)
            if window.start_us <= start_us(span) <= window.end_us
            and window.service in (None, span.resource.service_name)
        ]
        return sorted(found, key=start_us, reverse=True)


def attributes_of(span: Span) -> Iterator[tuple[AttributePlace, Attributes]]:
    """The attribute maps of a span with their places."""
    yield "span", span.attributes
    yield "resource", span.resource.attributes
    yield "scope", span.scope.attributes
    for event in span.events:
        yield "event", event.attributes
    for link in span.links:
        yield "link", link.attributes


def type_of(value: Value) -> ValueType:
    """The type of a value in OTLP's words."""
    kinds: tuple[tuple[type, ValueType], ...] = (
        (str, "string"),
        (bool, "bool"),
        (int, "int"),
        (float, "double"),
        (bytes, "bytes"),
        (dict, "kvlist"),
    )
    if value is None:
        return "empty"
    return next((name for kind, name in kinds if isinstance(value, kind)), "array")
