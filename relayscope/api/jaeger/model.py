"""The JSON shapes of Jaeger's older HTTP API.

Source: jaegertracing/jaeger ``internal/uimodel``. A field is left out only where it has a default here; arrays are
never null, since clients iterate over them unguarded. Ids are lower-case hex, times and durations microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


# The bulk of every answer. It refers to nothing but scalars, so the cycle collector need not look at it.
class KeyValue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tag or a log field; ``type`` is one of string, bool, int64, float64, binary."""

    key: str
    type: str
    value: str | bool | int | float


class Reference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``ref_type`` is CHILD_OF or FOLLOWS_FROM."""

    ref_type: str = msgspec.field(name="refType")
    trace_id: str = msgspec.field(name="traceID")
    span_id: str = msgspec.field(name="spanID")


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at one moment of a span."""

    timestamp: int
    fields: Sequence[KeyValue]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What emitted spans: a resource."""

    service_name: str = msgspec.field(name="serviceName")
    tags: Sequence[KeyValue]


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``flags`` is left out when it is zero."""

    trace_id: str = msgspec.field(name="traceID")
    span_id: str = msgspec.field(name="spanID")
    flags: int = 0
    operation_name: str = msgspec.field(name="operationName")
    references: Sequence[Reference]
    start_time: int = msgspec.field(name="startTime")
    duration: int
    tags: Sequence[KeyValue]
    logs: Sequence[Log]
    process_id: str = msgspec.field(name="processID")
    warnings: Sequence[str] | None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """``processes`` is keyed by p1, p2 and so on, in order of first appearance."""

    trace_id: str = msgspec.field(name="traceID")
    spans: Sequence[Span]
    processes: Mapping[str, Process]
    warnings: Sequence[str] | None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """``span_kind`` is empty when it is unspecified."""

    name: str
    span_kind: str = msgspec.field(name="spanKind")


class DependencyLink(msgspec.Struct, frozen=True, kw_only=True):
    """Calls from one service to another."""

    parent: str
    child: str
    call_count: int = msgspec.field(name="callCount")


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of ``Envelope.errors``."""

    code: int = 0
    msg: str
    trace_id: str = msgspec.field(name="traceID", default="")


# Traces are encoded already, see ``relayscope.api.rendering``.
Data = Sequence[str] | Sequence[Operation] | Sequence[msgspec.Raw] | Sequence[DependencyLink] | int | None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer is wrapped in; all five keys are always there, and nothing is ever paged."""

    data: Data
    total: int = 0
    limit: int = 0
    offset: int = 0
    errors: Sequence[Failure] | None = None
