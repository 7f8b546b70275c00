"""Traces as Jaeger's newer HTTP API writes them: OTLP/JSON with numeric enums and hexadecimal ids.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. A field with its default is left out, but for
``resource``, ``scope``, ``status`` and ``value``, which Jaeger always writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from relayscope.api.rendering import encode_each
from relayscope.otlp.document import Document, resource_part, scope_part, span_document
from tracedata import Resource, Scope, Span


def traces_data(traces: Iterable[Sequence[Span]]) -> Document:
    """``TracesData``: whole traces, one after the other; no scope's spans are of two traces."""
    return {"resourceSpans": [part for spans in traces for part in _of_trace(spans)]}


def _of_trace(spans: Sequence[Span]) -> Iterable[Document]:
    """In the order in which resources and scopes come first."""
    # By identity: spans of one read share them, and the spans keep them alive. Equal ones may stand twice.
    resources: dict[int, tuple[Resource, dict[int, tuple[Scope, list[Span]]]]] = {}
    for span in spans:
        _, scopes = resources.setdefault(id(span.resource), (span.resource, {}))
        scopes.setdefault(id(span.scope), (span.scope, []))[1].append(span)
    for resource, scopes in resources.values():
        yield resource_part(
            resource,
            scopeSpans=[scope_part(scope, spans=encode_each(map(_span, within))) for scope, within in scopes.values()],
        )


def _span(span: Span) -> Document:
    document = span_document(span)
    document.setdefault("status", {})
    if not any(span.parent_span_id):
        document.pop("parentSpanId", None)
    return document
