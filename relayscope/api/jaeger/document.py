"""What OpenAPI says about the endpoints; they read their parameters themselves, with Jaeger's own rules."""

from __future__ import annotations

from typing import TypeAlias

# OpenAPI objects: plain JSON.
Document: TypeAlias = dict[str, object]

_ENVELOPE: Document = {
    "type": "object",
    "required": ["data", "total", "limit", "offset", "errors"],
    "properties": {
        "data": {"type": ["array", "null"]},
        "total": {"type": "integer"},
        "limit": {"type": "integer"},
        "offset": {"type": "integer"},
        "errors": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["msg"],
                "properties": {
                    "code": {"type": "integer"},
                    "msg": {"type": "string"},
                    "traceID": {"type": "string"},
                },
            },
        },
    },
}
_FAILURE: Document = {"content": {"text/plain": {"schema": {"type": "string", "contentMediaType": "application/json"}}}}


# Protobuf's JSON of ``jaeger.api_v2.metrics.MetricFamily``.
FAMILY: Document = {
    "type": "object",
    "required": ["name", "type", "help"],
    "properties": {
        "name": {"type": "string"},
        "type": {"const": "GAUGE"},
        "help": {"type": "string"},
        "metrics": {"type": "array", "items": {"type": "object"}},
    },
}


def document(*parameters: Document, failures: tuple[int, ...] = (503,), schema: Document = _ENVELOPE) -> Document:
    """The part of an operation that describes its parameters and responses."""
    meanings = {
        400: "A parameter is malformed or missing.",
        404: "Not found.",
        413: "The body is too large.",
        500: "There is no archive.",
        501: "There are no metrics.",
        503: "The store cannot be reached.",
    }
    responses: Document = {"200": {"description": "Found.", "content": {"application/json": {"schema": schema}}}}
    for status in failures:
        responses[str(status)] = {"description": meanings[status], **_FAILURE}
    return {"parameters": [*parameters, PRETTY_PRINT], "responses": responses}


def in_query(name: str, description: str, *, kind: str = "string", required: bool = False) -> Document:
    """A parameter that comes once."""
    return {
        "name": name,
        "in": "query",
        "required": required,
        "description": description,
        "schema": {"type": kind},
    }


def repeated(name: str, description: str) -> Document:
    """A parameter that may come several times."""
    listed: Document = {"type": "array", "items": {"type": "string"}}
    return {"name": name, "in": "query", "description": description, "schema": listed, "explode": True}


def in_path(name: str, description: str) -> Document:
    """A parameter that is part of the path."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


PRETTY_PRINT = in_query("prettyPrint", "Indents the answer; anything but `false` and nothing.")
SERVICE = in_query("service", "The name of a service.", required=True)
RAW = in_query("raw", "Shows spans as they are stored, without adjusting them.", kind="boolean")
SEARCH = (
    in_query("service", "Required unless `traceID` is given."),
    in_query("operation", "The exact name of a span."),
    in_query("start", "Unix microseconds; 48 hours ago by default.", kind="integer"),
    in_query("end", "Unix microseconds; now by default.", kind="integer"),
    in_query("minDuration", "As in Go, such as `1.2s`, `100ms`, `500us`."),
    in_query("maxDuration", "As in Go, such as `1.2s`, `100ms`, `500us`."),
    in_query("limit", "The greatest number of traces; 100 by default, 1,500 at most.", kind="integer"),
    repeated("tag", "`key:value`; the first colon separates them."),
    repeated("tags", "A JSON object of strings."),
    repeated("traceID", "Traces named one by one; most other parameters are then ignored."),
    RAW,
)
TRACE = (
    in_path("traceID", "1 to 32 hex digits."),
    in_query("start", "Unix microseconds; a hint that never hides the trace.", kind="integer"),
    in_query("end", "Unix microseconds; a hint that never hides the trace.", kind="integer"),
    RAW,
)
DEPENDENCIES = (
    in_query("endTs", "Unix milliseconds; now by default.", kind="integer"),
    in_query("lookback", "Milliseconds before `endTs`; 24 hours by default.", kind="integer"),
    in_query("service", "Only pairs with this service on either side."),
)
OPERATIONS = (
    SERVICE,
    in_query("spanKind", "`internal`, `server`, `client`, `producer`, `consumer`; any by default."),
)
QUANTILE = in_query("quantile", "From 0 to 1.", kind="number", required=True)
METRICS = (
    {**repeated("service", "The names of services."), "required": True},
    in_query("groupByOperation", "One series for each operation.", kind="boolean"),
    in_query("endTs", "Unix milliseconds; now by default.", kind="integer"),
    in_query("lookback", "Milliseconds before `endTs`; an hour by default.", kind="integer"),
    in_query("step", "Milliseconds between two points; 5,000 by default.", kind="integer"),
    in_query("ratePer", "Checked, and otherwise ignored: a rate is that of its step.", kind="integer"),
    repeated("spanKind", "`unspecified`, `internal`, `server`, `client`, `producer`, `consumer`; `server` by default."),
)
