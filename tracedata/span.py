"""Spans as OTLP defines them, without loss.

Source: opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto (OTLP 1.x).
Times are unsigned nanoseconds since the Unix epoch, ids are raw bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import TypeAlias

import msgspec

# OTLP's AnyValue. ``None`` is the empty value (an AnyValue with nothing set), a Mapping is a KeyValueList,
# a Sequence is an ArrayValue. ``bool`` is tested before ``int`` wherever the two must be told apart.
Value: TypeAlias = "str | bool | int | float | bytes | None | Sequence[Value] | Mapping[str, Value]"

# Keys are unique by specification; when a sender repeats one, the last value wins.
Attributes: TypeAlias = Mapping[str, Value]

_EMPTY: Attributes = MappingProxyType({})


class SpanKind(IntEnum):
    """Values of ``Span.kind``; numbers outside this range are kept as they came."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """Values of ``Span.status_code``."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """The entity that emitted spans. Shared by the spans of a batch, so compare by identity first."""

    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0
    schema_url: str = ""

    @property
    def service_name(self) -> str:
        """``service.name`` as text; the empty string when it is missing or not a string."""
        name = self.attributes.get("service.name")
        return name if isinstance(name, str) else ""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The instrumentation scope (library) that made spans."""

    name: str = ""
    version: str = ""
    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0
    schema_url: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at one moment of a span."""

    time_unix_nano: int = 0
    name: str = ""
    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to another span, of this or another trace. Ids are as sent, of any length."""

    trace_id: bytes = b""
    span_id: bytes = b""
    trace_state: str = ""
    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0
    flags: int = 0


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span.

    ``trace_id`` has 16 bytes, ``span_id`` 8, ``parent_span_id`` 8 or none (a root).
    ``end_time_unix_nano`` may lie before ``start_time_unix_nano``: clocks do step, and we store what was sent.
    ``redactions`` counts what redaction replaced, by entity; ``redacted_keys`` the same below each attribute key, or other
    place, where it stood. ``redaction_policy`` says by what: the policy's hash, a slash, the engine's version.
    """

    trace_id: bytes
    span_id: bytes
    resource: Resource
    scope: Scope
    parent_span_id: bytes = b""
    trace_state: str = ""
    flags: int = 0
    name: str = ""
    kind: int = SpanKind.UNSPECIFIED
    start_time_unix_nano: int = 0
    end_time_unix_nano: int = 0
    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0
    events: Sequence[Event] = ()
    dropped_events_count: int = 0
    links: Sequence[Link] = ()
    dropped_links_count: int = 0
    status_code: int = StatusCode.UNSET
    status_message: str = ""
    redactions: Mapping[str, int] = MappingProxyType({})
    redacted_keys: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    redaction_policy: str = ""

    @property
    def duration_ns(self) -> int:
        """End minus start in nanoseconds; negative when the clock stepped back."""
        return self.end_time_unix_nano - self.start_time_unix_nano
