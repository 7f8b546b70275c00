"""The kernel: what a span is, who passes batches to whom, and which errors mean what.

Imports nothing but the standard library and msgspec.
"""

from tracedata.error import (
    CallerError,
    NotFoundError,
    PermanentError,
    RelayscopeError,
    RetryableError,
)
from tracedata.instrument import (
    UNOBSERVED,
    GroupProbe,
    IngestInstruments,
    ReceiverInstruments,
    RedactionInstruments,
    RequestProbe,
    WriterInstruments,
)
from tracedata.pipeline import Consumer, Pipeline, Processor, Receipt
from tracedata.span import (
    NO_REJECTIONS,
    Attributes,
    Batch,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    SpanKind,
    StatusCode,
    Value,
)

__all__ = [
    "NO_REJECTIONS",
    "UNOBSERVED",
    "Attributes",
    "Batch",
    "CallerError",
    "Consumer",
    "Event",
    "GroupProbe",
    "IngestInstruments",
    "Link",
    "NotFoundError",
    "PermanentError",
    "Pipeline",
    "Processor",
    "Receipt",
    "ReceiverInstruments",
    "RedactionInstruments",
    "RelayscopeError",
    "RequestProbe",
    "Resource",
    "RetryableError",
    "Scope",
    "Span",
    "SpanKind",
    "StatusCode",
    "Value",
    "WriterInstruments",
]
