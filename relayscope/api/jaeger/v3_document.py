"""What OpenAPI says about the endpoints of the newer API."""

from __future__ import annotations

from relayscope.api.jaeger.document import Document, document, in_path, in_query

_STRING: Document = {"type": "string"}
_RAW = "Shows spans as they are stored, without adjusting them."


def _listing(name: str, item: Document) -> Document:
    return {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": item}}}


_SEARCH = (
    in_query("query.serviceName", "Any service by default."),
    in_query("query.operationName", "The exact name of a span."),
    in_query("query.startTimeMin", "RFC 3339; included.", required=True),
    in_query("query.startTimeMax", "RFC 3339; included.", required=True),
    in_query("query.durationMin", "As in Go, such as `1.2s`, `100ms`, `500us`."),
    in_query("query.durationMax", "As in Go, such as `1.2s`, `100ms`, `500us`."),
    in_query("query.searchDepth", "The greatest number of traces; 100 by default, 1,500 at most.", kind="integer"),
    in_query("query.attributes", "A JSON object of strings."),
    in_query("query.filter", "A structured filter in JSON (`jaeger.expression.v1.Call`); it stands alone."),
)
_RESULT: Document = {
    "type": "object",
    "required": ["result"],
    "properties": {"result": _listing("resourceSpans", {"type": "object"})},
}
_OPERATION: Document = {
    "type": "object",
    "required": ["name", "spanKind"],
    "properties": {"name": _STRING, "spanKind": _STRING},
}
_SUMMARY: Document = {"type": "object", "required": ["traceId"], "properties": {"traceId": _STRING}}

SERVICES = document(schema=_listing("services", _STRING))
OPERATIONS = document(
    in_query("service", "The name of a service."),
    in_query("spanKind", "`internal`, `server`, `client`, `producer`, `consumer`, or OTLP's name or number of it."),
    schema=_listing("operations", _OPERATION),
)
TRACES = document(*_SEARCH, in_query("query.rawTraces", _RAW, kind="boolean"), failures=(400, 404, 503), schema=_RESULT)
TRACE = document(
    in_path("trace_id", "1 to 32 hex digits."),
    in_query("startTime", "RFC 3339; a hint that never hides the trace."),
    in_query("endTime", "RFC 3339; a hint that never hides the trace."),
    in_query("rawTraces", _RAW, kind="boolean"),
    failures=(400, 404, 503),
    schema=_RESULT,
)
SUMMARIES = document(*_SEARCH, failures=(400, 503), schema=_listing("summaries", _SUMMARY))
