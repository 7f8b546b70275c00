"""Interactions that are submitted as JSON, turned into spans: so they are redacted, stored and mapped like all others.

The attributes are those of OpenTelemetry's GenAI conventions, so whatever reads those reads these:
https://github.com/open-telemetry/semantic-conventions-genai.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.interaction_schema import FieldError
from relayscope.api.rest.schema import Time
from relayscope.api.rest.submitted import (
    MAX_OTLP_NS,
    Refusal,
    digest_of,
    field_errors,
    fields_of,
    moment_ns,
    span_id_of,
    trace_id_of,
)
from tracedata import Event, Resource, Scope, Span, SpanKind, StatusCode, Value
from tracedata.interaction import InteractionStatus, OperationName

CONVENTION_SCOPE = Scope(name="relayscope.ai-interactions", version="1")
_TIMEOUT = "timeout"
_TIMEOUT_CODES = frozenset({"408", "504"})
_NS_PER_MS = 1_000_000
# What else a span holds of an operation in the conventions' words.
_OPERATION_NAMES: Mapping[str, str] = {
    "completion": "text_completion",
    "embedding": "embeddings",
    "decision": "decide",
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "workflow": "invoke_workflow",
    "retriever": "retrieval",
    "guardrail": "run_guardrail",
    "memory": "search_memory",
    "evaluator": "evaluate",
}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPAN_ID = re.compile(r"[0-9a-f]{16}", re.IGNORECASE)
_HTTP_CODE = re.compile(r"[1-5]\d\d")

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1_024)]
Tokens: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Duration: TypeAlias = Annotated[float, Meta(ge=0, le=1e12, description="Milliseconds.", examples=[800])]
Parameter: TypeAlias = str | int | float | bool | list[str]


class SubmittedError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What went wrong."""

    message: str
    code: Annotated[str | int, Meta(description="Such as an HTTP status.")] | UnsetType | None = UNSET
    stack: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET


class SubmittedAiInteraction(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An AI interaction as document 1 has it, and what more may be known."""

    id: (
        Annotated[
            Name,
            Meta(description="The sender's own id: what is sent again with it is stored once. Default: the content's."),
        ]
        | UnsetType
        | None
    ) = UNSET
    request_id: Name | UnsetType | None = UNSET
    trace_id: (
        Annotated[
            Name,
            Meta(
                description="32 hex digits or a UUID are taken as they are; of any other text an id is made. Default: of id."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    parent_span_id: Annotated[str, Meta(description="16 hex digits.")] | UnsetType | None = UNSET
    timestamp: Annotated[Time, Meta(description="When it began, if startTime does not say so.")] | UnsetType | None = (
        UNSET
    )
    start_time: Time | UnsetType | None = UNSET
    end_time: Annotated[Time, Meta(description="Default: startTime and latencyMs.")] | UnsetType | None = UNSET
    latency_ms: Duration | UnsetType | None = UNSET
    user_id: Name | UnsetType | None = UNSET
    session_id: Name | UnsetType | None = UNSET
    organization_id: Name | UnsetType | None = UNSET
    agent: Name | UnsetType | None = UNSET
    service: Annotated[Name, Meta(description="Default: unknown_service.")] | UnsetType | None = UNSET
    operation: Annotated[OperationName, Meta(description="Default: chat.")] | UnsetType | None = UNSET
    provider: Name
    model: Name
    prompt_tokens: Annotated[Tokens, Meta(description="All input, that from a cache included.")] | UnsetType | None = (
        UNSET
    )
    response_tokens: Annotated[Tokens, Meta(description="All output, reasoning included.")] | UnsetType | None = UNSET
    total_tokens: Tokens | UnsetType | None = UNSET
    cache_read_tokens: Tokens | UnsetType | None = UNSET
    cache_write_tokens: Tokens | UnsetType | None = UNSET
    reasoning_tokens: Tokens | UnsetType | None = UNSET
    is_estimated: (
        Annotated[bool, Meta(description="The tokens were counted from the text, not reported by the provider.")]
        | UnsetType
        | None
    ) = UNSET
    prompt: str | UnsetType | None = UNSET
    response: str | UnsetType | None = UNSET
    cost: Annotated[float, Meta(ge=0, le=1e9)] | UnsetType | None = UNSET
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="Default: USD.")] | UnsetType | None = UNSET
    time_to_first_token: Duration | UnsetType | None = UNSET
    tokens_per_second: (
        Annotated[float, Meta(ge=0, description="Not stored: it follows from tokens and times.")] | UnsetType | None
    ) = UNSET
    is_streaming: bool | UnsetType | None = UNSET
    finish_reason: Name | UnsetType | None = UNSET
    parameters: (
        Annotated[
            dict[str, Parameter], Meta(max_length=64, description="Of the request: temperature, maxTokens, topP, ...")
        ]
        | UnsetType
        | None
    ) = UNSET
    tags: Annotated[list[str], Meta(max_length=64)] | UnsetType | None = UNSET
    status: Annotated[InteractionStatus, Meta(description="Default: success.")] | UnsetType | None = UNSET
    error_details: SubmittedError | UnsetType | None = UNSET


_NO_TIME = "is required, or timestamp, or endTime with latencyMs"
_FIELDS = fields_of(SubmittedAiInteraction)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """An item as a span."""

    id: str | None
    span: Span


def read_item(item: object) -> Accepted | Refusal:
    """A span of one item of a request; ``item`` is JSON that was decoded. The same item gives the same span.

    Nothing of what is wrong is quoted: it may be personal.
    """
    if not isinstance(item, dict):
        return Refusal(id=None, errors=[FieldError(field="", detail="must be an object")])
    said = item.get("id")
    name = said if isinstance(said, str) else None
    errors = list(_errors(item))
    if errors:
        return Refusal(id=name, errors=errors)
    given = msgspec.convert(item, SubmittedAiInteraction)
    times = _times(given)
    errors = [FieldError(field=field, detail=detail) for field, detail in _contradictions(given, times)]
    if errors or times is None:
        return Refusal(id=name, errors=errors)
    return Accepted(id=name, span=_span(given, times, content=item))


def _errors(item: Mapping[str, object]) -> Iterator[FieldError]:
    """What is wrong with each field by itself, and that there is no time."""
    if item.keys().isdisjoint(("startTime", "timestamp", "endTime")):
        yield FieldError(field="startTime", detail=_NO_TIME)
    yield from field_errors(item, _FIELDS)


_Times: TypeAlias = tuple[int, int]


def _times(given: SubmittedAiInteraction) -> _Times | None:
    """Start and end in Unix nanoseconds; none when one cannot be read or is missing."""
    start = moment_ns(given.start_time or given.timestamp or None)
    end = moment_ns(given.end_time or None)
    lasting = round((given.latency_ms or 0) * _NS_PER_MS)
    if start is None and end is not None and given.latency_ms:
        start = end - lasting
    if start is None or (given.end_time and end is None):
        return None
    return start, start + lasting if end is None else end


def _contradictions(
    given: SubmittedAiInteraction, times: _Times | None
) -> Iterator[tuple[Literal["startTime", "timestamp", "endTime", "parentSpanId", "errorDetails"], str]]:
    """What is wrong with fields that have the right types."""
    written: tuple[tuple[Literal["timestamp", "startTime", "endTime"], str | UnsetType | None], ...] = (
        ("timestamp", given.timestamp),
        ("startTime", given.start_time),
        ("endTime", given.end_time),
    )
    unreadable = [name for name, text in written if text and moment_ns(text) is None]
    for name in unreadable:
        yield name, "must be ISO-8601, such as 2025-01-31T12:00:00.123Z, between 1970 and 2554"
    if times is None and not unreadable:
        yield "startTime", _NO_TIME
    if times is not None and times[1] < times[0]:
        yield "endTime", "must not lie before startTime"
    if times is not None and not 0 <= times[0] <= times[1] <= MAX_OTLP_NS and times[1] >= times[0]:
        yield "startTime", "the times must lie between 1970 and 2554"
    if given.parent_span_id and not _SPAN_ID.fullmatch(given.parent_span_id):
        yield "parentSpanId", "must be 16 hex digits"
    if given.error_details and (given.status or "success") == "success":
        yield "errorDetails", "only where status is error or timeout"


def _span(given: SubmittedAiInteraction, times: _Times, *, content: Mapping[str, object]) -> Span:
    identity = given.id or msgspec.json.encode(content, order="sorted").decode()
    trace_id = trace_id_of(given.trace_id or identity)
    operation = given.operation or "chat"
    status = given.status or "success"
    error = given.error_details or None
    return Span(
        trace_id=trace_id,
        span_id=digest_of(identity, size=8, person=b"interaction"),
        parent_span_id=span_id_of(given.parent_span_id or ""),
        resource=Resource(attributes={"service.name": given.service or "unknown_service"}),
        scope=CONVENTION_SCOPE,
        name=f"{_OPERATION_NAMES.get(operation, operation)} {given.model}",
        kind=SpanKind.CLIENT,
        start_time_unix_nano=times[0],
        end_time_unix_nano=times[1],
        attributes=dict(_attributes(given, operation)),
        events=[_exception(error, times[1])] if error else (),
        status_code=StatusCode.UNSET if status == "success" else StatusCode.ERROR,
        status_message=error.message if error else "",
    )


def _attributes(given: SubmittedAiInteraction, operation: str) -> Iterator[tuple[str, Value]]:
    # First, so that fields count where a parameter has the name of one.
    yield from ((f"gen_ai.request.{_snake(name)}", value) for name, value in (given.parameters or {}).items())
    yield "gen_ai.operation.name", _OPERATION_NAMES.get(operation, operation)
    yield "gen_ai.provider.name", given.provider
    yield "gen_ai.request.model", given.model
    first_token = given.time_to_first_token
    told: tuple[tuple[str, Any], ...] = (  # Any: of the types of the fields, each a value of an attribute
        ("relayscope.interaction.id", given.id),
        ("request.id", given.request_id),
        ("user.id", given.user_id),
        ("session.id", given.session_id),
        ("organization.id", given.organization_id),
        ("gen_ai.agent.name", given.agent),
        ("gen_ai.usage.input_tokens", given.prompt_tokens),
        ("gen_ai.usage.output_tokens", given.response_tokens),
        ("gen_ai.usage.total_tokens", given.total_tokens),
        ("gen_ai.usage.cache_read.input_tokens", given.cache_read_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", given.cache_write_tokens),
        ("gen_ai.usage.reasoning.output_tokens", given.reasoning_tokens),
        ("relayscope.usage.is_estimated", given.is_estimated),
        ("gen_ai.usage.cost", given.cost),
        ("gen_ai.usage.cost.currency", given.currency),
        ("gen_ai.response.time_to_first_chunk", first_token / 1_000 if isinstance(first_token, float | int) else None),
        ("gen_ai.request.stream", given.is_streaming),
        ("tag.tags", given.tags),
        *_content(given),
        *_failure(given),
    )
    yield from ((key, value) for key, value in told if value is not UNSET and value is not None)


def _content(given: SubmittedAiInteraction) -> Iterator[tuple[str, Value]]:
    if given.prompt:
        yield "gen_ai.input.messages", _messages("user", given.prompt)
    if given.response:
        yield (
            "gen_ai.output.messages",
            _messages("assistant", given.response, finish_reason=given.finish_reason or None),
        )
    if given.finish_reason:
        yield "gen_ai.response.finish_reasons", [given.finish_reason]


def _messages(role: str, text: str, *, finish_reason: str | None = None) -> str:
    message: dict[str, object] = {"role": role, "parts": [{"type": "text", "content": text}]}
    if finish_reason:
        message["finish_reason"] = finish_reason
    return msgspec.json.encode([message]).decode()


def _failure(given: SubmittedAiInteraction) -> Iterator[tuple[str, Value]]:
    if (given.status or "success") == "success":
        return
    error = given.error_details or None
    code = str(error.code) if error is not None and error.code else ""
    kind = (error.type if error is not None else None) or code or "error"
    # The type of an exception may say nothing of the time that ran out; it stands in the event too.
    yield "error.type", _TIMEOUT if given.status == "timeout" else kind
    if given.status == _TIMEOUT and code not in _TIMEOUT_CODES:
        # Under the usual keys, another code would say that something else went wrong.
        yield "relayscope.error.code", code or None
        return
    if code:
        yield "error.code", code
    if _HTTP_CODE.fullmatch(code):
        yield "http.response.status_code", int(code)


def _exception(error: SubmittedError, at_ns: int) -> Event:
    told = {
        "exception.type": error.type,
        "exception.message": error.message,
        "exception.stacktrace": error.stack,
    }
    attributes: dict[str, Value] = {key: value for key, value in told.items() if isinstance(value, str) and value}
    return Event(time_unix_nano=at_ns, name="exception", attributes=attributes)


def _snake(name: str) -> str:
    return _SNAKE.sub("_", name).lower()
