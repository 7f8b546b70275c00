"""The columns of each export; docs/export.md has them for users, and a test compares the two."""

from __future__ import annotations

from collections.abc import Sequence

from relayscope.api.export.column import Column, attributes_json, plain, plain_json, struct_json
from relayscope.api.rest.interaction_view import interaction_id
from relayscope.api.rest.representation import kind_name, status_name
from tracedata import Decision, Event, Interaction, Link, Span


def _events(events: Sequence[Event]) -> str:
    if not events:
        return "[]"
    return struct_json(
        [
            {
                "timeUnixNano": event.time_unix_nano,
                "name": event.name,
                "attributes": plain(event.attributes),
                "droppedAttributesCount": event.dropped_attributes_count,
            }
            for event in events
        ]
    )


def _links(links: Sequence[Link]) -> str:
    if not links:
        return "[]"
    return struct_json(
        [
            {
                "traceId": link.trace_id.hex(),
                "spanId": link.span_id.hex(),
                "traceState": link.trace_state,
                "flags": link.flags,
                "attributes": plain(link.attributes),
                "droppedAttributesCount": link.dropped_attributes_count,
            }
            for link in links
        ]
    )


SPAN_COLUMNS: Sequence[Column[Span]] = (
    Column("trace_id", "text", lambda one: one.trace_id.hex()),
    Column("span_id", "text", lambda one: one.span_id.hex()),
    Column("parent_span_id", "text", lambda one: one.parent_span_id.hex()),
    Column("trace_state", "text", lambda one: one.trace_state),
    Column("flags", "int64", lambda one: one.flags),
    Column("service_name", "text", lambda one: one.resource.service_name),
    Column("name", "text", lambda one: one.name),
    Column("kind", "text", lambda one: kind_name(one.kind)),
    Column("start_time", "time", lambda one: one.start_time_unix_nano),
    Column("end_time", "time", lambda one: one.end_time_unix_nano),
    Column("start_time_unix_nano", "uint64", lambda one: one.start_time_unix_nano),
    Column("end_time_unix_nano", "uint64", lambda one: one.end_time_unix_nano),
    Column("duration_ns", "int64", lambda one: one.duration_ns),
    Column("status_code", "text", lambda one: status_name(one.status_code)),
    Column("status_message", "text", lambda one: one.status_message),
    Column("attributes", "json", lambda one: attributes_json(one.attributes)),
    Column("events", "json", lambda one: _events(one.events)),
    Column("links", "json", lambda one: _links(one.links)),
    Column("dropped_attributes_count", "int64", lambda one: one.dropped_attributes_count),
    Column("dropped_events_count", "int64", lambda one: one.dropped_events_count),
    Column("dropped_links_count", "int64", lambda one: one.dropped_links_count),
    Column("resource_attributes", "json", lambda one: attributes_json(one.resource.attributes)),
    Column("resource_dropped_attributes_count", "int64", lambda one: one.resource.dropped_attributes_count),
    Column("resource_schema_url", "text", lambda one: one.resource.schema_url),
    Column("scope_name", "text", lambda one: one.scope.name),
    Column("scope_version", "text", lambda one: one.scope.version),
    Column("scope_attributes", "json", lambda one: attributes_json(one.scope.attributes)),
    Column("scope_dropped_attributes_count", "int64", lambda one: one.scope.dropped_attributes_count),
    Column("scope_schema_url", "text", lambda one: one.scope.schema_url),
    Column("redactions", "json", lambda one: struct_json(dict(one.redactions))),
    Column("redacted_keys", "json", lambda one: struct_json({key: dict(of) for key, of in one.redacted_keys.items()})),
    Column("redaction_policy", "text", lambda one: one.redaction_policy),
)

INTERACTION_COLUMNS: Sequence[Column[Interaction]] = (
    Column("id", "text", lambda one: interaction_id(one.trace_id, one.span_id)),
    Column("trace_id", "text", lambda one: one.trace_id.hex()),
    Column("span_id", "text", lambda one: one.span_id.hex()),
    Column("parent_span_id", "text", lambda one: one.parent_span_id.hex()),
    Column("start_time", "time", lambda one: one.start_time_unix_nano),
    Column("end_time", "time", lambda one: max(one.end_time_unix_nano, 0)),
    Column("latency_ns", "int64", lambda one: one.latency_ns),
    Column("time_to_first_token_ns", "int64", lambda one: one.time_to_first_token_ns),
    Column("service_name", "text", lambda one: one.service_name),
    Column("operation", "text", lambda one: one.operation),
    Column("name", "text", lambda one: one.name),
    Column("provider", "text", lambda one: one.provider),
    Column("model", "text", lambda one: one.model),
    Column("model_requested", "text", lambda one: one.model_requested),
    Column("model_served", "text", lambda one: one.model_served),
    Column("model_family", "text", lambda one: one.model_family),
    Column("response_id", "text", lambda one: one.response_id),
    Column("request_id", "text", lambda one: one.request_id),
    Column("user_id", "text", lambda one: one.user_id),
    Column("session_id", "text", lambda one: one.session_id),
    Column("organization_id", "text", lambda one: one.organization_id),
    Column("agent", "text", lambda one: one.agent),
    Column("is_streaming", "bool", lambda one: one.is_streaming),
    Column("prompt_tokens", "int64", lambda one: one.usage.input_total),
    Column("response_tokens", "int64", lambda one: one.usage.output_total),
    Column("total_tokens", "int64", lambda one: one.usage.total),
    Column("input_tokens", "int64", lambda one: one.usage.input),
    Column("cache_read_tokens", "int64", lambda one: one.usage.cache_read),
    Column("cache_write_tokens", "int64", lambda one: one.usage.cache_write),
    Column("audio_input_tokens", "int64", lambda one: one.usage.audio_input),
    Column("output_tokens", "int64", lambda one: one.usage.output),
    Column("reasoning_tokens", "int64", lambda one: one.usage.reasoning),
    Column("audio_output_tokens", "int64", lambda one: one.usage.audio_output),
    Column("is_estimated", "bool", lambda one: one.usage.is_estimated),
    Column("cost", "float64", lambda one: one.cost.amount),
    Column("currency", "text", lambda one: one.cost.currency),
    Column("cost_source", "text", lambda one: one.cost.source),
    Column("finish_reason", "text", lambda one: one.finish_reason),
    Column("status", "text", lambda one: one.status),
    Column("error_class", "text", lambda one: one.error_class),
    Column("error_type", "text", lambda one: one.error_type),
    Column("error_message", "text", lambda one: one.error_message),
    Column("prompt", "text", lambda one: one.prompt),
    Column("response", "text", lambda one: one.response),
    Column("tool_calls", "json", lambda one: struct_json(list(one.tool_calls))),
    Column("parameters", "json", lambda one: struct_json(dict(one.parameters))),
    Column("tags", "json", lambda one: struct_json(list(one.tags))),
    Column("endpoint", "text", lambda one: one.endpoint),
    Column("convention", "text", lambda one: one.convention),
    Column("mapper_version", "int64", lambda one: one.mapper_version),
)

DECISION_COLUMNS: Sequence[Column[Decision]] = (
    Column("trace_id", "text", lambda one: one.trace_id.hex()),
    Column("span_id", "text", lambda one: one.span_id.hex()),
    Column("id", "text", lambda one: one.id),
    Column("time", "time", lambda one: one.time_unix_nano),
    Column("type", "text", lambda one: one.type),
    Column("reported_type", "text", lambda one: one.reported_type),
    Column("component", "text", lambda one: one.component),
    Column("service_name", "text", lambda one: one.service_name),
    Column("input", "json", lambda one: plain_json(one.input)),
    Column("output", "json", lambda one: plain_json(one.output)),
    Column("reasoning", "text", lambda one: one.reasoning),
    Column("rule_id", "text", lambda one: one.rule_id),
    Column("rule_name", "text", lambda one: one.rule_name),
    Column("rule_version", "text", lambda one: one.rule_version),
    Column("outcome", "text", lambda one: one.outcome),
    Column("is_enforced", "bool", lambda one: one.is_enforced),
    Column("candidates", "json", lambda one: struct_json(list(one.candidates))),
    Column("sequence", "int64", lambda one: one.sequence),
    Column("parent_id", "text", lambda one: one.parent_id),
    Column("evaluation_ns", "int64", lambda one: one.evaluation_ns),
    Column("attributes", "json", lambda one: attributes_json(one.attributes)),
    Column("request_id", "text", lambda one: one.request_id),
    Column("user_id", "text", lambda one: one.user_id),
    Column("session_id", "text", lambda one: one.session_id),
    Column("organization_id", "text", lambda one: one.organization_id),
    Column("request_path", "text", lambda one: one.request_path),
    Column("final_provider", "text", lambda one: one.final.provider),
    Column("final_model", "text", lambda one: one.final.model),
    Column("final_status", "text", lambda one: one.final.status),
    Column("is_final_stated", "bool", lambda one: one.final.is_stated),
    Column("carriers", "json", lambda one: struct_json(list(one.carriers))),
    Column("convention", "text", lambda one: one.convention),
    Column("mapper_version", "int64", lambda one: one.mapper_version),
)
