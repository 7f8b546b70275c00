"""Log records as the REST API shows them."""

from collections.abc import Iterable

from relayscope.api.rest import log_schema, schema
from relayscope.api.rest.representation import represent_resource, represent_scope
from relayscope.api.rest.value import iso_time, key_values
from relayscope.otlp.value import any_value
from tracedata import LogRecord
from tracedata.printed import printed

# Source: opentelemetry/proto/logs/v1/logs.proto: four numbers of each, from 1 on.
SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")
_PER_SEVERITY = 4


def least_number(severity: str) -> int:
    """The least severity number of a name in ``SEVERITIES``."""
    return 1 + SEVERITIES.index(severity) * _PER_SEVERITY


def severity_name(number: int) -> str:
    """The name of a severity number; ``unspecified`` for one that has none."""
    place = (number - 1) // _PER_SEVERITY
    return SEVERITIES[place] if 0 <= place < len(SEVERITIES) else "unspecified"


def represent_log_records(records: Iterable[LogRecord]) -> list[log_schema.LogRecord]:
    """Records in the order given. Resources and scopes are converted once, since most records share them."""
    resources: dict[int, schema.Resource] = {}
    scopes: dict[int, schema.Scope] = {}
    found = []
    for record in records:
        if id(record.resource) not in resources:
            resources[id(record.resource)] = represent_resource(record.resource)
        if id(record.scope) not in scopes:
            scopes[id(record.scope)] = represent_scope(record.scope)
        found.append(_log_record(record, resources[id(record.resource)], scopes[id(record.scope)]))
    return found


def _log_record(record: LogRecord, resource: schema.Resource, scope: schema.Scope) -> log_schema.LogRecord:
    return log_schema.LogRecord(
        trace_id=record.trace_id.hex() or None,
        span_id=record.span_id.hex() or None,
        timestamp=iso_time(record.moment_unix_nano),
        time_unix_nano=str(record.time_unix_nano),
        observed_time_unix_nano=str(record.observed_time_unix_nano),
        component=record.resource.service_name,
        severity=severity_name(record.severity_number),
        severity_number=record.severity_number,
        severity_text=record.severity_text,
        event_name=record.name,
        message=printed(record.body) if record.body is not None else "",
        body=any_value(record.body),
        tags={key: printed(value) for key, value in record.attributes.items()},
        attributes=key_values(record.attributes),
        flags=record.flags,
        dropped_attributes_count=record.dropped_attributes_count,
        resource=resource,
        scope=scope,
        redactions=dict(record.redactions),
        redacted_keys=dict(record.redacted_keys),
        redaction_policy=record.redaction_policy,
    )
