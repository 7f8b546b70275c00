"""OTLP messages of log records for tests, made without the receiver's code."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tests.support.span_message import SPAN_ID, TRACE_ID


def log_message(
    body: str = "said",
    *,
    trace_id: bytes = TRACE_ID,
    span_id: bytes = SPAN_ID,
    event_name: str = "",
    time_unix_nano: int = 0,
) -> LogRecord:
    return LogRecord(
        trace_id=trace_id,
        span_id=span_id,
        event_name=event_name,
        time_unix_nano=time_unix_nano,
        body=AnyValue(string_value=body),
    )


def logs_request(*records: LogRecord, service: str = "checkout") -> ExportLogsServiceRequest:
    """The records in one request, of one service."""
    name = KeyValue(key="service.name", value=AnyValue(string_value=service))
    scope_logs = ScopeLogs(scope=InstrumentationScope(name="tests.logger"), log_records=records)
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=Resource(attributes=[name]), scope_logs=[scope_logs])]
    )
