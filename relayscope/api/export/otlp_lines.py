"""OTLP/JSON: one ``ExportTraceServiceRequest`` a line, as the Collector's file exporter writes it.

Sources: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/ and
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Fields with the default of their type are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from relayscope.otlp.document import encode, resource_document, scope_document, span_document
from tracedata import Resource, Scope, Span

# A line ends after so many spans, or bytes: far below what receivers take at a time.
MAX_LINE_SPANS = 1_000
MAX_LINE_BYTES = 1024 * 1024


class OtlpLines:
    """See ``Form``. Where a line ends depends on the spans alone, so that the same spans make the same bytes."""

    def __init__(self) -> None:
        self._line = _Line()

    def begin(self) -> bytes:
        return b""

    def encode(self, items: Sequence[Span]) -> bytes:
        done: list[bytes] = []
        for span in items:
            self._line.add(span)
            if self._line.is_full:
                done.append(self.end())
        return b"".join(done)

    def end(self) -> bytes:
        line, self._line = self._line, _Line()
        return line.encoded()


class _Line:
    """Spans by their resources and scopes, in the order in which these came first."""

    def __init__(self) -> None:
        self._scopes_of: dict[tuple[bytes, str], dict[tuple[bytes, str], list[bytes]]] = {}
        # By identity; the second field keeps the object, so that no other one gets its identity meanwhile.
        self._resources: dict[int, tuple[bytes, Resource]] = {}
        self._scopes: dict[int, tuple[bytes, Scope]] = {}
        self._spans = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._spans >= MAX_LINE_SPANS or self._bytes >= MAX_LINE_BYTES

    def add(self, span: Span) -> None:
        resource, scope = span.resource, span.scope
        if id(resource) not in self._resources:
            self._resources[id(resource)] = (encode(resource_document(resource)), resource)
        if id(scope) not in self._scopes:
            self._scopes[id(scope)] = (encode(scope_document(scope)), scope)
        of_resource = self._scopes_of.setdefault((self._resources[id(resource)][0], resource.schema_url), {})
        key = (self._scopes[id(scope)][0], scope.schema_url)
        if key not in of_resource:
            self._bytes += len(key[0]) + len(self._resources[id(resource)][0])
        encoded = encode(span_document(span))
        of_resource.setdefault(key, []).append(encoded)
        self._spans += 1
        self._bytes += len(encoded)

    def encoded(self) -> bytes:
        if not self._spans:
            return b""
        resources = [
            _with_schema(
                b'{"resource":%b,"scopeSpans":[%b]' % (resource, b",".join(map(_scope_spans, scopes.items()))), schema
            )
            for (resource, schema), scopes in self._scopes_of.items()
        ]
        return b'{"resourceSpans":[%b]}\n' % b",".join(resources)


def _scope_spans(entry: tuple[tuple[bytes, str], list[bytes]]) -> bytes:
    (scope, schema), spans = entry
    return _with_schema(b'{"scope":%b,"spans":[%b]' % (scope, b",".join(spans)), schema)


def _with_schema(opened: bytes, schema_url: str) -> bytes:
    return opened + (b',"schemaUrl":%b}' % encode(schema_url) if schema_url else b"}")
