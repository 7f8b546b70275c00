"""Spans and traces as the API shows them. Pure functions; a trace may have 100,000 spans, so mind the inner loop."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from relayscope.api.rest import schema
from relayscope.api.rest.failure import error_details, first_text, is_failed, is_timeout
from relayscope.api.rest.value import iso_time, key_values, milliseconds
from storage.api import TraceOutline
from tracedata import Attributes, Event, Link, Resource, Scope, Span, SpanKind, StatusCode
from tracedata.printed import printed

_KINDS: Mapping[int, str] = {kind.value: kind.name.lower() for kind in SpanKind}
_STATUS_CODES: Mapping[int, str] = {code.value: code.name for code in StatusCode}
_USER_KEYS = ("user.id", "enduser.id", "gen_ai.user.id", "langfuse.user.id")
_ORGANIZATION_KEYS = ("organization.id", "organization_id", "tenant.id", "tenant_id")
_PATH_KEYS = ("url.path", "http.target", "http.route")
_METHOD_KEYS = ("http.request.method", "http.method")


def kind_name(kind: int) -> str:
    return _KINDS.get(kind, str(kind))


def status_name(code: int) -> str:
    return _STATUS_CODES.get(code, str(code))


def represent_spans(spans: Iterable[Span]) -> list[schema.Span]:
    """Spans in the order given. Resources and scopes are converted once, since most spans share them."""
    resources: dict[int, schema.Resource] = {}
    scopes: dict[int, schema.Scope] = {}
    found = []
    for span in spans:
        # By identity: the spans hold the originals while this runs, so no id is used twice.
        resource = resources.get(id(span.resource)) or resources.setdefault(
            id(span.resource), represent_resource(span.resource)
        )
        scope = scopes.get(id(span.scope)) or scopes.setdefault(id(span.scope), represent_scope(span.scope))
        found.append(_span(span, resource, scope))
    return found


def represent_summary(outline: TraceOutline) -> schema.TraceSummary:
    """A trace without its spans. Who asked for what is looked for in the spans of the outline only."""
    root, failed = outline.root, outline.failed
    told = [root, *outline.first, *failed]
    request = [root.attributes, *(span.attributes for span in told if span.kind == SpanKind.SERVER)]
    anyone = [*(span.attributes for span in told), *_distinct_resources(told)]
    return schema.TraceSummary(
        trace_id=root.trace_id.hex(),
        name=root.name,
        root_service=root.resource.service_name,
        start_time=iso_time(outline.start_time_unix_nano),
        end_time=iso_time(outline.end_time_unix_nano),
        duration=milliseconds(outline.end_time_unix_nano - outline.start_time_unix_nano),
        status=_trace_status(failed),
        error_details=_trace_error(root, failed),
        span_count=outline.span_count,
        error_count=outline.error_count,
        services=list(outline.services),
        user_id=first_text(anyone, _USER_KEYS) or UNSET,
        organization_id=first_text(anyone, _ORGANIZATION_KEYS) or UNSET,
        # http.target carries the query string, which is no part of the path.
        request_path=first_text(request, _PATH_KEYS).partition("?")[0] or UNSET,
        request_method=first_text(request, _METHOD_KEYS) or UNSET,
    )


def represent_trace(outline: TraceOutline, *, shown: Iterable[Span], next_cursor: str | None) -> schema.Trace:
    """A trace: its summary, and those of its spans that are ``shown``."""
    summary = represent_summary(outline)
    fields = {name: getattr(summary, name) for name in summary.__struct_fields__}
    return schema.Trace(**fields, spans=represent_spans(shown), next_cursor=next_cursor)


def _distinct_resources(spans: Sequence[Span]) -> list[Attributes]:
    return [resource.attributes for resource in {id(span.resource): span.resource for span in spans}.values()]


def _trace_status(failed: Sequence[Span]) -> schema.TraceStatus:
    if any(map(is_timeout, failed)):
        return "timeout"
    return "error" if failed else "success"


def _trace_error(root: Span, failed: Sequence[Span]) -> schema.ErrorDetails | UnsetType:
    if is_failed(root):
        return error_details(root)
    return error_details(failed[0]) if failed else UNSET


def _span(span: Span, resource: schema.Resource, scope: schema.Scope) -> schema.Span:
    return schema.Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        kind=kind_name(span.kind),
        start_time=iso_time(span.start_time_unix_nano),
        end_time=iso_time(span.end_time_unix_nano),
        start_time_unix_nano=str(span.start_time_unix_nano),
        end_time_unix_nano=str(span.end_time_unix_nano),
        duration=milliseconds(span.duration_ns),
        component=span.resource.service_name,
        operation=span.name,
        status="error" if is_failed(span) else "success",
        status_code=status_name(span.status_code),
        status_message=span.status_message,
        error_details=error_details(span),
        tags={key: printed(value) for key, value in span.attributes.items()},
        attributes=key_values(span.attributes),
        events=[_event(event) for event in span.events],
        links=[_link(link) for link in span.links],
        trace_state=span.trace_state,
        flags=span.flags,
        dropped_attributes_count=span.dropped_attributes_count,
        dropped_events_count=span.dropped_events_count,
        dropped_links_count=span.dropped_links_count,
        resource=resource,
        scope=scope,
        redactions=dict(span.redactions),
        redacted_keys=dict(span.redacted_keys),
        redaction_policy=span.redaction_policy,
    )


def _event(event: Event) -> schema.SpanEvent:
    return schema.SpanEvent(
        timestamp=iso_time(event.time_unix_nano),
        time_unix_nano=str(event.time_unix_nano),
        name=event.name,
        attributes=key_values(event.attributes),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _link(link: Link) -> schema.SpanLink:
    return schema.SpanLink(
        trace_id=link.trace_id.hex(),
        span_id=link.span_id.hex(),
        trace_state=link.trace_state,
        flags=link.flags,
        attributes=key_values(link.attributes),
        dropped_attributes_count=link.dropped_attributes_count,
    )


def represent_resource(resource: Resource) -> schema.Resource:
    """A resource, without loss."""
    return schema.Resource(
        attributes=key_values(resource.attributes),
        dropped_attributes_count=resource.dropped_attributes_count,
        schema_url=resource.schema_url,
    )


def represent_scope(scope: Scope) -> schema.Scope:
    """A scope, without loss."""
    return schema.Scope(
        name=scope.name,
        version=scope.version,
        attributes=key_values(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes_count,
        schema_url=scope.schema_url,
    )
