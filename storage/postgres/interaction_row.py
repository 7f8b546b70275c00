"""Interactions as rows of PostgreSQL's binary COPY format, and back.

``StoredInteraction`` is the single source for the order of columns; ``arrival_id`` is left to the table. What a row cannot
hold is mended here, so that no interaction makes PostgreSQL refuse its neighbours: ``stored`` says what is left of one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, cast

import msgspec

from storage.postgres.packing import (
    BIGINT,
    BOOLEAN,
    INTEGER,
    SMALLINT,
    RowPacker,
    pack_bytea,
    pack_jsonb,
    pack_timestamp,
)
from storage.postgres.storable import (
    INT2,
    INT4,
    INT8,
    MAX_TIME_NS,
    finite,
    mended,
    mended_json,
    number,
    short,
    storable,
    stored_id,
)
from tracedata import Attributes, Interaction
from tracedata.interaction import MAX_TEXT_CHARS, Basis, Cost, CostLine, SpanReference, Usage
from tracedata.typed_json import decode_attributes, encode_attributes

_PICO = 10**12

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any


class StoredInteraction(NamedTuple):
    """A row. ``start_time`` is in Unix microseconds, ``details`` is JSON text; none stands for what nobody told."""

    workspace_id: int
    trace_id: bytes
    span_id: bytes
    start_time: int
    start_time_ns: int
    latency_ns: int
    mapper_version: int
    operation: str
    status: str
    service_name: str
    provider: str
    model: str
    convention: str
    is_estimated: bool
    is_discrepant: bool
    is_streaming: bool | None
    time_to_first_token_ns: int | None
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_write_5m_tokens: int | None
    cache_write_1h_tokens: int | None
    audio_input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    audio_output_tokens: int | None
    cost_pico: int | None
    cost_source: str | None
    currency: str | None
    parent_span_id: bytes | None
    model_requested: str | None
    model_served: str | None
    model_family: str | None
    response_id: str | None
    request_id: str | None
    user_id: str | None
    session_id: str | None
    organization_id: str | None
    agent: str | None
    finish_reason: str | None
    error_class: str | None
    prompt: str | None
    response: str | None
    details: bytes


INTERACTION_COLUMNS = StoredInteraction._fields
INTERACTION_IDENTITY = ("trace_id", "span_id", "start_time", "workspace_id")

# Every other column is text.
_PACKER = RowPacker(
    INTERACTION_COLUMNS,
    {
        **dict.fromkeys(("trace_id", "span_id", "parent_span_id"), pack_bytea),
        **dict.fromkeys(("start_time_ns", "mapper_version"), SMALLINT),
        **dict.fromkeys(("latency_ns", "time_to_first_token_ns", "cost_pico"), BIGINT),
        **dict.fromkeys(("is_estimated", "is_discrepant", "is_streaming"), BOOLEAN),
        **dict.fromkeys((name for name in INTERACTION_COLUMNS if name.endswith("_tokens")), INTEGER),
        "workspace_id": INTEGER,
        "start_time": pack_timestamp,
        "details": pack_jsonb,
    },
)


def encode_interaction(interaction: Interaction, *, workspace_id: int) -> bytes:
    """One row in the order of ``INTERACTION_COLUMNS``."""
    return _PACKER.pack(stored(interaction, workspace_id=workspace_id))


def stored(interaction: Interaction, *, workspace_id: int) -> StoredInteraction:
    """What the table holds of an interaction."""
    one, usage, cost = interaction, interaction.usage, interaction.cost
    start_ns = min(max(one.start_time_unix_nano, 0), MAX_TIME_NS)
    start_us, start_rest_ns = divmod(start_ns, 1_000)
    pico = _pico(cost.amount)
    return StoredInteraction(
        workspace_id=workspace_id,
        trace_id=one.trace_id,
        span_id=one.span_id,
        start_time=start_us,
        start_time_ns=start_rest_ns,
        latency_ns=min(max(one.end_time_unix_nano - start_ns, -INT8), INT8),
        mapper_version=min(one.mapper_version, INT2),
        operation=short(one.operation),
        status=short(one.status),
        service_name=short(one.service_name),
        provider=short(one.provider),
        model=short(one.model),
        convention=short(one.convention),
        is_estimated=usage.is_estimated,
        is_discrepant=cost.is_discrepant,
        is_streaming=one.is_streaming,
        time_to_first_token_ns=number(one.time_to_first_token_ns, INT8),
        input_tokens=number(usage.input, INT4),
        cache_read_tokens=number(usage.cache_read, INT4),
        cache_write_tokens=number(usage.cache_write, INT4),
        cache_write_5m_tokens=number(usage.cache_write_5m, INT4),
        cache_write_1h_tokens=number(usage.cache_write_1h, INT4),
        audio_input_tokens=number(usage.audio_input, INT4),
        output_tokens=number(usage.output, INT4),
        reasoning_tokens=number(usage.reasoning, INT4),
        audio_output_tokens=number(usage.audio_output, INT4),
        cost_pico=pico,
        cost_source=short(cost.source) or None,
        currency=short(cost.currency) if pico is not None or cost.currency != Cost().currency else None,
        parent_span_id=one.parent_span_id or None,
        model_requested=short(one.model_requested) or None,
        model_served=short(one.model_served) or None,
        model_family=short(one.model_family) or None,
        response_id=stored_id(one.response_id) or None,
        request_id=stored_id(one.request_id) or None,
        user_id=stored_id(one.user_id) or None,
        session_id=stored_id(one.session_id) or None,
        organization_id=stored_id(one.organization_id) or None,
        agent=short(one.agent) or None,
        finish_reason=short(one.finish_reason) or None,
        error_class=short(one.error_class) or None,
        prompt=storable(one.prompt[:MAX_TEXT_CHARS]) or None,
        response=storable(one.response[:MAX_TEXT_CHARS]) or None,
        details=_encode_details(one),
    )


def interaction_of(row: Row) -> Interaction:
    """The inverse of ``stored``, for a row with at least the columns of ``INTERACTION_COLUMNS``."""
    details = _decode_details(row.details)
    start = row.start_time * 1_000 + row.start_time_ns
    return Interaction(
        trace_id=row.trace_id,
        span_id=row.span_id,
        start_time_unix_nano=start,
        end_time_unix_nano=start + row.latency_ns,
        operation=row.operation,
        name=details.name,
        service_name=row.service_name,
        parent_span_id=row.parent_span_id or b"",
        provider=row.provider,
        model_requested=row.model_requested or "",
        model_served=row.model_served or "",
        model_family=row.model_family or "",
        response_id=row.response_id or "",
        request_id=row.request_id or "",
        user_id=row.user_id or "",
        session_id=row.session_id or "",
        organization_id=row.organization_id or "",
        agent=row.agent or "",
        is_streaming=row.is_streaming,
        time_to_first_token_ns=row.time_to_first_token_ns,
        usage=_usage_of(row, details),
        reported_aggregate=details.aggregate,
        cost=_cost_of(row, details),
        finish_reason=row.finish_reason or "",
        status=row.status,
        error_class=row.error_class or "",
        error_type=details.error_type,
        error_message=details.error_message,
        parameters=_parameters_of(details),
        tags=details.tags,
        prompt=row.prompt or "",
        response=row.response or "",
        tool_calls=details.tool_calls,
        endpoint=details.endpoint,
        convention=row.convention,
        mapper_version=row.mapper_version,
        sources=tuple(map(_reference_of, details.sources)),
    )


def as_stored(interaction: Interaction) -> Interaction:
    """An interaction as it is when it was stored and read again: what two are compared by."""
    row = stored(interaction, workspace_id=0)
    return interaction_of(StoredInteraction(*map(mended, row)))


def _usage_of(row: Row, details: _Details) -> Usage:
    return Usage(
        input=row.input_tokens,
        cache_read=row.cache_read_tokens,
        cache_write=row.cache_write_tokens,
        cache_write_5m=row.cache_write_5m_tokens,
        cache_write_1h=row.cache_write_1h_tokens,
        audio_input=row.audio_input_tokens,
        output=row.output_tokens,
        reasoning=row.reasoning_tokens,
        audio_output=row.audio_output_tokens,
        reported_input=details.reported_input,
        reported_output=details.reported_output,
        basis=details.basis,
        is_estimated=row.is_estimated,
    )


def _cost_of(row: Row, details: _Details) -> Cost:
    return Cost(
        amount=None if row.cost_pico is None else row.cost_pico / _PICO,
        currency=row.currency or Cost().currency,
        source=row.cost_source or "",
        computed=details.cost_computed,
        is_discrepant=row.is_discrepant,
        computed_by=details.computed_by,
        price=details.price,
        lines=details.cost_lines,
    )


class _Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """A source as it stands in the column; ids in lowercase hex."""

    trace_id: str
    span_id: str
    start_time_unix_nano: int = 0
    convention: str = ""


class _Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The column ``details``, in the words of ``Interaction``. What is not there has its default."""

    name: str = ""
    endpoint: str = ""
    error_type: str = ""
    error_message: str = ""
    parameters: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    tags: tuple[str, ...] = ()
    tool_calls: tuple[str, ...] = ()
    reported_input: int | None = None
    reported_output: int | None = None
    basis: Basis = ""
    cost_computed: float | None = None
    computed_by: str = ""
    price: str = ""
    cost_lines: tuple[CostLine, ...] = ()
    aggregate: Usage | None = None
    sources: tuple[_Source, ...] = ()


_decode_details = msgspec.json.Decoder(_Details).decode
_encode_json = msgspec.json.Encoder(order="sorted").encode
_decode_json = msgspec.json.Decoder().decode


def _encode_details(one: Interaction) -> bytes:
    details = _Details(
        name=one.name,
        endpoint=one.endpoint,
        error_type=one.error_type,
        error_message=one.error_message[:MAX_TEXT_CHARS],
        tags=tuple(one.tags),
        tool_calls=tuple(one.tool_calls),
        reported_input=number(one.usage.reported_input, INT8),
        reported_output=number(one.usage.reported_output, INT8),
        basis=one.usage.basis,
        cost_computed=finite(one.cost.computed),
        computed_by=one.cost.computed_by,
        price=one.cost.price,
        cost_lines=tuple(one.cost.lines),
        aggregate=one.reported_aggregate,
        sources=tuple(map(_source, one.sources)),
    )
    # Any: only a mapper knows what parameters there are; they are values of attributes, and so is what is in them.
    parameters = cast("Attributes", one.parameters)
    try:
        if parameters:
            details = msgspec.structs.replace(details, parameters=msgspec.Raw(encode_attributes(parameters)))
        data = _encode_json(details)
    except (UnicodeEncodeError, RecursionError):
        plain = mended(msgspec.to_builtins(msgspec.structs.replace(details, parameters=msgspec.UNSET)))
        if parameters:
            plain["parameters"] = msgspec.Raw(encode_attributes(mended(parameters)))
        data = _encode_json(plain)
    return mended_json(data)


def _source(reference: SpanReference) -> _Source:
    return _Source(
        trace_id=reference.trace_id.hex(),
        span_id=reference.span_id.hex(),
        start_time_unix_nano=reference.start_time_unix_nano,
        convention=reference.convention,
    )


def _reference_of(source: _Source) -> SpanReference:
    return SpanReference(
        trace_id=bytes.fromhex(source.trace_id),
        span_id=bytes.fromhex(source.span_id),
        start_time_unix_nano=source.start_time_unix_nano,
        convention=source.convention,
    )


def _parameters_of(details: _Details) -> Mapping[str, object]:
    return {} if details.parameters is msgspec.UNSET else decode_attributes(bytes(details.parameters))


def _pico(amount: float | None) -> int | None:
    if amount is None or not math.isfinite(amount):
        return None
    pico = round(Decimal(repr(amount)) * _PICO)
    return min(max(pico, -INT8), INT8)
