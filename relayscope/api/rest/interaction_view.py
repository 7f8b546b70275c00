"""Interactions, statistics and sessions as the JSON of the API."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType, structs

from relayscope.api.rest import interaction_schema as schema
from relayscope.api.rest.export_schema import ExportedInteraction
from relayscope.api.rest.schema import ErrorDetails
from relayscope.api.rest.value import iso_time, milliseconds
from storage.interaction_reader import (
    PICO_PER_UNIT,
    Fragment,
    Hit,
    InteractionStatistics,
    Percentiles,
    RelatedSpan,
    Session,
    StatisticsRow,
)
from tracedata import CallerError, Interaction, NotFoundError, StatusCode
from tracedata.interaction import Conversation, Cost, Message, Part, Usage

_NS_PER_US = 1_000
_ID = re.compile(r"([0-9a-fA-F]{32})-([0-9a-fA-F]{16})")


def interaction_id(trace_id: bytes, span_id: bytes) -> str:
    """How an interaction is named: by the ids of its primary span."""
    return f"{trace_id.hex()}-{span_id.hex()}"


def parse_interaction_id(text: str) -> tuple[bytes, bytes]:
    """Trace and span id of what ``interaction_id`` wrote, in any case.

    Raises:
        CallerError: it is none.
    """
    parts = _ID.fullmatch(text)
    if parts is None:
        raise CallerError("id: must be a trace id of 32 hex digits, a hyphen, and a span id of 16")
    return bytes.fromhex(parts[1]), bytes.fromhex(parts[2])


def represent_interaction(one: Interaction) -> schema.Interaction:
    """What lists show."""
    return schema.Interaction(**_fields(one))


def represent_detail(
    one: Interaction, *, conversation: Conversation | None, related: Sequence[RelatedSpan]
) -> schema.InteractionDetail:
    """Everything. Without a conversation, the texts of the interaction stand for it."""
    return schema.InteractionDetail(
        **_fields(one),
        messages=_messages(one, conversation),
        parameters=dict(one.parameters),
        cost_explanation=_cost_explanation(one.cost),
        reported_usage=_reported_usage(one),
        related_spans=[_related_span(span) for span in related],
    )


def represent_exported(one: Interaction) -> ExportedInteraction:
    """What exports have: more than lists, and nothing that has to be looked up."""
    return ExportedInteraction(
        **_fields(one),
        start_time_unix_nano=str(one.start_time_unix_nano),
        end_time_unix_nano=str(max(one.end_time_unix_nano, 0)),
        parameters=dict(one.parameters),
        cost_explanation=_cost_explanation(one.cost),
        reported_usage=_reported_usage(one),
    )


def represent_turn(one: Interaction, conversation: Conversation | None) -> schema.Turn:
    """What was new in an interaction: the input after the last answer of the model in it, then the output."""
    whole = _messages(one, conversation)
    answers = [place for place, message in enumerate(whole.input) if message.role == "assistant"]
    fresh = whole.input[answers[-1] + 1 :] if answers else whole.input
    return schema.Turn(interaction=represent_interaction(one), messages=[*fresh, *whole.output])


def represent_hit(hit: Hit) -> schema.Hit:
    highlights = schema.Highlights(prompt=_fragments(hit.prompt), response=_fragments(hit.response))
    return schema.Hit(rank=hit.rank, highlights=highlights, interaction=represent_interaction(hit.interaction))


def represent_group(row: StatisticsRow) -> schema.Group:
    return schema.Group(
        key={str(name): value for name, value in row.key.items()},
        bucket_start=None if row.bucket_us is None else iso_time(row.bucket_us * _NS_PER_US),
        **_statistics(row.statistics),
    )


def represent_model(row: StatisticsRow) -> schema.ModelPerformance:
    found = row.statistics
    cost, _ = _single(found.costs_pico)
    total = found.usage.total
    return schema.ModelPerformance(
        provider=row.key["provider"],
        model=row.key["model"],
        cost_per_call=None if cost is None else cost / found.priced,
        tokens_per_call=None if total is None else total / found.calls,
        **_statistics(found),
    )


def represent_session(session: Session) -> schema.Session:
    return schema.Session(**_session(session))


def represent_session_detail(
    session: Session, turns: Sequence[schema.Turn], *, next_cursor: str | None
) -> schema.SessionDetail:
    return schema.SessionDetail(**_session(session), turns=turns, next_cursor=next_cursor)


def no_such_interaction() -> NotFoundError:
    return NotFoundError("There is no interaction with this id.")


# ``Any`` from here on: fields by name, for types that share them; a test encodes each and reads it as its type.
def _fields(one: Interaction) -> dict[str, Any]:
    start = iso_time(one.start_time_unix_nano)
    usage = one.usage
    return {
        "id": interaction_id(one.trace_id, one.span_id),
        "request_id": one.request_id or UNSET,
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
        "parent_span_id": one.parent_span_id.hex() or None,
        "timestamp": start,
        "user_id": one.user_id or UNSET,
        "session_id": one.session_id or UNSET,
        "organization_id": one.organization_id or UNSET,
        "agent": one.agent or UNSET,
        "service": one.service_name,
        "operation": one.operation,
        "name": one.name,
        "provider": one.provider,
        "model": one.model,
        "model_requested": one.model_requested or UNSET,
        "model_served": one.model_served or UNSET,
        "model_family": one.model_family or UNSET,
        "response_id": one.response_id or UNSET,
        "prompt_tokens": usage.input_total,
        "response_tokens": usage.output_total,
        "total_tokens": usage.total,
        "usage": _usage(usage),
        "start_time": start,
        "end_time": iso_time(max(one.end_time_unix_nano, 0)),
        "latency_ms": milliseconds(one.latency_ns),
        "time_to_first_token": _optional_ms(one.time_to_first_token_ns),
        "tokens_per_second": one.tokens_per_second,
        "is_streaming": one.is_streaming,
        "prompt": one.prompt,
        "response": one.response,
        "tool_calls": list(one.tool_calls),
        "cost": one.cost.amount,
        "currency": one.cost.currency,
        "cost_source": one.cost.source,
        "is_cost_discrepant": one.cost.is_discrepant,
        "finish_reason": one.finish_reason,
        "status": one.status,
        "error_class": one.error_class or UNSET,
        "error_details": _error_details(one),
        "tags": list(one.tags),
        "endpoint": one.endpoint or UNSET,
        "convention": one.convention,
        "mapper_version": one.mapper_version,
    }


def _error_details(one: Interaction) -> ErrorDetails | UnsetType:
    if one.status == "success":
        return UNSET
    message = one.error_message or one.error_type or one.error_class or "error without a message"
    return ErrorDetails(message=message, code=one.error_class or UNSET, type=one.error_type or UNSET)


def _usage(usage: Usage) -> schema.TokenUsage:
    return schema.TokenUsage(
        input=usage.input,
        cache_read=usage.cache_read,
        cache_write=usage.cache_write,
        cache_write5m=usage.cache_write_5m,
        cache_write1h=usage.cache_write_1h,
        audio_input=usage.audio_input,
        output=usage.output,
        reasoning=usage.reasoning,
        audio_output=usage.audio_output,
        is_estimated=usage.is_estimated,
    )


def _messages(one: Interaction, conversation: Conversation | None) -> schema.Messages:
    if conversation is not None and (conversation.input or conversation.output):
        return schema.Messages(
            input=[_message(message) for message in conversation.input],
            output=[_message(message) for message in conversation.output],
            tools=[dict(tool) for tool in conversation.tools],
            source="spans",
        )
    return schema.Messages(
        input=[_text_message("user", one.prompt)] if one.prompt else [],
        output=[_text_message("assistant", one.response)] if one.response else [],
        tools=[],
        source="texts",
    )


def _text_message(role: str, text: str) -> schema.Message:
    return schema.Message(role=role, parts=[schema.MessagePart(type="text", text=text)])


def _message(message: Message) -> schema.Message:
    return schema.Message(
        role=message.role,
        parts=[_part(part) for part in message.parts],
        name=message.name or UNSET,
        finish_reason=message.finish_reason or UNSET,
    )


def _part(part: Part) -> schema.MessagePart:
    return schema.MessagePart(
        type=part.type,
        text=part.text,
        id=part.id or UNSET,
        name=part.name or UNSET,
        data=dict(part.data) if part.data else UNSET,
    )


def _reported_usage(one: Interaction) -> schema.ReportedUsage:
    return schema.ReportedUsage(
        input=one.usage.reported_input,
        output=one.usage.reported_output,
        basis=one.usage.basis,
        aggregate=_usage(one.reported_aggregate) if one.reported_aggregate else None,
    )


def _cost_explanation(cost: Cost) -> schema.CostExplanation:
    return schema.CostExplanation(
        amount=cost.amount,
        currency=cost.currency,
        source=cost.source,
        computed=cost.computed,
        computed_by=cost.computed_by,
        is_discrepant=cost.is_discrepant,
        price=cost.price,
        lines=[
            schema.CostLine(bucket=line.bucket, tokens=line.tokens, per_million=line.per_million, amount=line.amount)
            for line in cost.lines
        ],
    )


def _related_span(span: RelatedSpan) -> schema.RelatedSpan:
    return schema.RelatedSpan(
        relation=span.relation,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() or None,
        name=span.name,
        component=span.service_name,
        start_time=iso_time(span.start_time_unix_nano),
        duration=milliseconds(span.duration_ns),
        status="error" if span.status_code == StatusCode.ERROR else "success",
        convention=span.convention or UNSET,
    )


def _fragments(fragments: Sequence[Fragment]) -> list[schema.Fragment]:
    return [schema.Fragment(**structs.asdict(fragment)) for fragment in fragments]


def _percentiles(found: Percentiles | None) -> schema.Percentiles | None:
    return schema.Percentiles(**structs.asdict(found)) if found else None


def _statistics(found: InteractionStatistics) -> dict[str, Any]:
    cost, currency = _single(found.costs_pico)
    return {
        "calls": found.calls,
        "errors": found.errors,
        "timeouts": found.timeouts,
        "error_rate": found.errors / found.calls if found.calls else 0.0,
        "streaming_calls": found.streaming,
        **_totals(found.usage),
        "cost": cost,
        "currency": currency,
        "costs": _costs(found.costs_pico),
        "priced_calls": found.priced,
        "latency": _percentiles(found.latency),
        "time_to_first_token": _percentiles(found.time_to_first_token),
        "tokens_per_second": found.tokens_per_second,
    }


def _totals(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_total,
        "response_tokens": usage.output_total,
        "total_tokens": usage.total,
        "usage": _usage(usage),
    }


def _single(costs_pico: Mapping[str, int]) -> tuple[float | None, str | None]:
    """The sum and its currency, when there is one of it."""
    if len(costs_pico) != 1:
        return None, None
    ((currency, pico),) = costs_pico.items()
    return pico / PICO_PER_UNIT, currency


def _costs(costs_pico: Mapping[str, int]) -> list[schema.Money]:
    return [
        schema.Money(currency=currency, amount=pico / PICO_PER_UNIT) for currency, pico in sorted(costs_pico.items())
    ]


def _session(session: Session) -> dict[str, Any]:
    cost, currency = _single(session.costs_pico)
    start, end = session.start_time_unix_nano, session.end_time_unix_nano
    return {
        "id": session.session_id,
        "start_time": iso_time(start),
        "end_time": iso_time(end),
        "duration": milliseconds(end - start),
        "calls": session.calls,
        "errors": session.errors,
        "traces": session.traces,
        **_totals(session.usage),
        "cost": cost,
        "currency": currency,
        "costs": _costs(session.costs_pico),
        "users": list(session.users),
        "agents": list(session.agents),
        "models": list(session.models),
        "services": list(session.services),
    }


def _optional_ms(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else milliseconds(duration_ns)
