"""What one span, or one log record, tells of an operation: an interaction to be, before it is joined with what others tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from processors.ai.conversation import NOTHING_SAID, Said, said, said_of_tool
from processors.ai.cost import reported_of
from processors.ai.decoding import as_text, decoded, is_array
from processors.ai.detection import Plan, is_like, plan_for
from processors.ai.event import MEANINGS, overlaid
from processors.ai.failure import Failure, failure_of, finish_of
from processors.ai.model_name import provider_of, provider_of_model
from processors.ai.operation import operation_of
from processors.ai.reader import Reader
from processors.ai.reported import Reported
from processors.ai.timing import first_token_ns, is_streaming
from processors.ai.usage import aggregate_of, usage_of
from tracedata import Attributes, Event, Span
from tracedata.interaction import MODEL_OPERATIONS, NO_USAGE, FinishReason, OperationName, Usage

NO_PARAMETERS: Mapping[str, object] = {}
_MAX_PARAMETER_CHARS = 1_000
_MAX_NAME_CHARS = 1_000
# What stands beside the parameters of a call, and is told elsewhere or not a parameter.
_NO_PARAMETERS = frozenset(
    "model messages input instructions tools functions user metadata stream stream_options id created_at prompt system contents "
    "base_url api_base api_key headers extra_headers extra_body http_options system_instruction response_schema".split()
)
# What frameworks make up for want of an id of the response.
_MADE_UP_IDS = ("__", "lc_run", "run-")


class Draft(msgspec.Struct, gc=False):
    """The fields of ``Interaction`` as one source tells them, and where it stands. Mutable: joining changes it.

    ``is_echo``: it repeats what the call above it says. ``is_borrowed``: a library that has spans of its own wrote on another's.
    """

    key: bytes
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    scope: str
    service: str
    convention: str
    is_transport: bool
    is_echo: bool
    is_borrowed: bool
    is_span: bool
    operation: OperationName
    name: str
    provider: str
    model_requested: str
    model_served: str
    response_id: str
    request_id: str
    user_id: str
    session_id: str
    made_up_session: str
    organization_id: str
    agent: str
    is_streaming: bool | None
    first_token: int | None
    usage: Usage
    aggregate: Usage | None
    reported: Reported | None
    finish_reason: FinishReason
    failure: Failure
    parameters: Mapping[str, object]
    tags: tuple[str, ...]
    said: Said
    endpoint: str

    @property
    def is_model(self) -> bool:
        return self.operation in MODEL_OPERATIONS


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What is read: a span, or records that tell of one. ``key`` is the trace's id and the span's."""

    key: bytes
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    scope: str
    service: str
    name: str
    attributes: Attributes
    events: Sequence[Event]
    status_code: int
    status_message: str
    is_span: bool


def subject_of(span: Span) -> Subject:
    """The span, with what its events say of its content among its attributes."""
    attributes = span.attributes
    if span.events and any(event.name in MEANINGS for event in span.events):
        attributes = overlaid(attributes, span.events)
    return Subject(
        span.trace_id + span.span_id,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.scope.name,
        span.resource.service_name,
        span.name,
        attributes,
        span.events,
        span.status_code,
        span.status_message,
        True,  # noqa: FBT003 - the Struct is made a thousand times in a batch, and by position it is made faster
    )


def draft_of(subject: Subject, default: OperationName | None = None) -> Draft | None:
    """What the subject tells; None when it tells of no operation, and ``default`` names none."""
    plan = plan_for(subject.scope, subject.attributes)
    reader = Reader(subject.attributes)
    operation = operation_of(plan, reader, subject.name) or default
    if operation is None:
        return None
    is_model = operation in MODEL_OPERATIONS
    words = _words(plan, reader, operation)
    failure = failure_of(
        plan, reader, subject.events, status_code=subject.status_code, status_message=subject.status_message
    )
    first_token = (
        first_token_ns(plan, reader, subject.events, start=subject.start, end=subject.end) if is_model else None
    )
    requested = reader.text(plan.model_requested) if plan.model_requested else ""
    served = reader.text(plan.model_served) if plan.model_served else ""
    if failure.error_class and served == requested:
        served = ""
    agent = reader.text(plan.agent) if plan.agent else ""
    return Draft(
        subject.key,
        subject.trace_id,
        subject.span_id,
        subject.parent_span_id,
        subject.start,
        subject.end,
        subject.scope,
        subject.service,
        plan.convention.name,
        plan.convention.is_transport,
        bool(plan.convention.echoes) and subject.name.startswith(plan.convention.echoes),
        bool(plan.convention.echoes) and not any(is_like(subject.scope, scope) for scope in plan.convention.scopes),
        subject.is_span,
        operation,
        _name(operation, plan, reader, agent, subject.name),
        _provider(plan, reader, requested or served, is_model=is_model),
        requested,
        served,
        _response_id(plan, reader) if is_model else "",
        reader.text(plan.request_id) if plan.request_id else "",
        reader.text(plan.user_id) if plan.user_id else "",
        *_sessions(plan, reader),
        reader.text(plan.organization_id) if plan.organization_id else "",
        agent,
        is_streaming(plan, reader, first_token) if is_model else None,
        first_token,
        usage_of(plan, reader, operation) if is_model else NO_USAGE,
        None if is_model else aggregate_of(plan, reader),
        # A zero is judged when it is known whether tokens are.
        reported_of(plan, reader, is_used=True) if plan.costs else None,
        _finish(plan, reader, words),
        failure,
        _parameters(plan, reader) if plan.parameters or plan.parameter_maps else NO_PARAMETERS,
        _tags(plan, reader) if plan.tags else (),
        words,
        _endpoint(plan, reader) if plan.endpoint else "",
    )


def _words(plan: Plan, reader: Reader, operation: OperationName) -> Said:
    """What was said; nothing when it is too deep to be read: the call was made all the same."""
    try:
        return said_of_tool(plan, reader) if operation == "tool" else said(plan, reader, operation)
    except RecursionError:
        return NOTHING_SAID


def _sessions(plan: Plan, reader: Reader) -> tuple[str, str]:
    """The session, and one that counts when nobody names another."""
    if not plan.session_id:
        return "", ""
    session = reader.text(plan.session_id)
    own = plan.convention.made_up_session
    if own and session and session == reader.text(plan.made_up_session):
        return "", session
    return session, ""


def _name(operation: OperationName, plan: Plan, reader: Reader, agent: str, name: str) -> str:
    if operation == "tool":
        name = reader.text(plan.tool) or name
    elif operation == "agent":
        name = agent or name
    return name[:_MAX_NAME_CHARS]


def _provider(plan: Plan, reader: Reader, model: str, *, is_model: bool) -> str:
    if plan.provider:
        if provider := provider_of(reader.text(plan.provider)):
            return provider
        for text in reader.texts(plan.provider):
            if provider := provider_of(text):
                return provider
    if not is_model:
        return ""
    if model and (provider := provider_of_model(model)):
        return provider
    # Gateways write whose a model is before its name.
    prefixes = (provider_of_model(text) for text in reader.texts(plan.model_requested) if "/" in text)
    if provider := next(filter(None, prefixes), ""):
        return provider
    signs = plan.convention.provider_signs
    signed = next((provider for key, provider in signs.items() if key in reader.attributes), "")
    return provider_of(signed) or plan.convention.default_provider


def _response_id(plan: Plan, reader: Reader) -> str:
    if not plan.response_id:
        return ""
    if not plan.fabricated_id:
        text = reader.text(plan.response_id)
        if text and not text.startswith(_MADE_UP_IDS):
            return text
    made_up = set(reader.texts(plan.fabricated_id))
    for text in reader.texts(plan.response_id):
        if text not in made_up and not text.startswith(_MADE_UP_IDS):
            return text
    return ""


def _finish(plan: Plan, reader: Reader, words: Said) -> FinishReason:
    reason = finish_of((reader.text(plan.finish_reason) if plan.finish_reason else "") or words.finish_reason)
    # Some call every end of an answer that is complete the same.
    if reason in {"stop", ""} and words.tool_calls and not words.response:
        return "tool_call"
    return reason


def _parameters(plan: Plan, reader: Reader) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for path in plan.parameter_maps:
        told = reader.found(path)
        if isinstance(told, Mapping):
            found.update({key: value for key, value in told.items() if key not in _NO_PARAMETERS and _is_small(value)})
    for name, paths in plan.parameters:
        for path in paths:
            value = reader.value(path)
            if _is_small(value):
                found[name] = value
                break
    return found


def _is_small(value: object) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _MAX_PARAMETER_CHARS
    if is_array(value):
        return 0 < len(value) <= 100 and all(isinstance(one, str | int | float) for one in value)
    return isinstance(value, bool | int | float)


def _tags(plan: Plan, reader: Reader) -> tuple[str, ...]:
    for path in plan.tags:
        value = decoded(reader.value(path))
        if isinstance(value, str):
            value = value.split(",")
        if is_array(value):
            return tuple(text for one in value if isinstance(one, str) and (text := one.strip()))
    return ()


def _endpoint(plan: Plan, reader: Reader) -> str:
    endpoint = reader.text(plan.endpoint)
    if plan.endpoint[0][0] == "server.address" and "://" not in endpoint:
        port = as_text(reader.attributes.get("server.port"))
        return f"{endpoint}:{port}" if port and endpoint else endpoint
    return endpoint


__all__ = ["NOTHING_SAID", "Draft", "Subject", "draft_of", "subject_of"]
