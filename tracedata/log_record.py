"""Log records as OTLP defines them, without loss.

Source: opentelemetry/proto/logs/v1/logs.proto (OTLP 1.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tracedata.span import Attributes, Resource, Scope, Value

_EMPTY: Attributes = MappingProxyType({})


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One log record; an event when ``event_name`` is set, which older senders put in the attribute ``event.name``.

    ``trace_id`` has 16 bytes and ``span_id`` 8, or none. ``time_unix_nano`` is 0 when the sender knows only when the record
    was observed. Receipts of redaction are those of ``Span``. ``ai_trace_id`` is not the sender's: a record without a trace
    that tells of a call gets it from the AI processor, so that what tells of the same session is found together.
    """

    resource: Resource
    scope: Scope
    trace_id: bytes = b""
    span_id: bytes = b""
    flags: int = 0
    time_unix_nano: int = 0
    observed_time_unix_nano: int = 0
    severity_number: int = 0
    severity_text: str = ""
    event_name: str = ""
    body: Value = None
    attributes: Attributes = _EMPTY
    dropped_attributes_count: int = 0
    redactions: Mapping[str, int] = MappingProxyType({})
    redacted_keys: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    redaction_policy: str = ""
    ai_trace_id: bytes = b""

    @property
    def moment_unix_nano(self) -> int:
        """When it happened, as well as is known."""
        return self.time_unix_nano or self.observed_time_unix_nano

    @property
    def name(self) -> str:
        """The name of the event; the empty string when the record is none."""
        if self.event_name:
            return self.event_name
        name = self.attributes.get("event.name")
        return name if isinstance(name, str) else ""
