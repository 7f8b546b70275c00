"""The kernel: what spans, log records, interactions and decisions are, who passes batches to whom, and which errors mean what.

Imports nothing but the standard library and msgspec.
"""

from tracedata.batch import NO_REJECTIONS, Batch
from tracedata.decision import Decision
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
    SignalName,
    WriterInstruments,
)
from tracedata.interaction import Interaction
from tracedata.log_record import LogRecord
from tracedata.pipeline import Consumer, Pipeline, Processor, Receipt
from tracedata.span import (
    Attributes,
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
    "Decision",
    "Event",
    "GroupProbe",
    "IngestInstruments",
    "Interaction",
    "Link",
    "LogRecord",
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
    "SignalName",
    "Span",
    "SpanKind",
    "StatusCode",
    "Value",
    "WriterInstruments",
]
