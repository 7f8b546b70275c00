"""Decisions as rows of PostgreSQL's binary COPY format, and back.

``StoredDecision`` is the single source for the order of columns; ``arrival_id`` is left to the table. What a row cannot hold
is mended here, so that no decision makes PostgreSQL refuse its neighbours: ``stored`` says what is left of one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
from storage.postgres.storable import INT2, INT8, MAX_TIME_NS, mended, mended_json, number, short, storable, stored_id
from tracedata import Value
from tracedata.decision import NO_OUTCOME, Carrier, Decision, FinalOutcome
from tracedata.interaction import MAX_TEXT_CHARS
from tracedata.typed_json import decode_attributes, decode_value, encode_attributes, encode_value

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any


class StoredDecision(NamedTuple):
    """A row. ``time`` is in Unix microseconds; ``input``, ``output`` and ``details`` are JSON text; none stands for what nobody told."""

    workspace_id: int
    trace_id: bytes
    span_id: bytes
    decision_id: str
    time: int
    time_ns: int
    mapper_version: int
    type: str
    component: str
    service_name: str
    convention: str
    is_enforced: bool | None
    is_final_stated: bool
    evaluation_ns: int | None
    sequence: int | None
    outcome: str | None
    rule_id: str | None
    rule_name: str | None
    rule_version: str | None
    parent_id: str | None
    request_id: str | None
    user_id: str | None
    session_id: str | None
    organization_id: str | None
    request_path: str | None
    final_provider: str | None
    final_model: str | None
    final_status: str | None
    reasoning: str | None
    input: bytes | None
    output: bytes | None
    details: bytes


DECISION_COLUMNS = StoredDecision._fields
DECISION_IDENTITY = ("trace_id", "decision_id", "time", "workspace_id")

# Every other column is text.
_PACKER = RowPacker(
    DECISION_COLUMNS,
    {
        **dict.fromkeys(("trace_id", "span_id"), pack_bytea),
        **dict.fromkeys(("time_ns", "mapper_version"), SMALLINT),
        **dict.fromkeys(("evaluation_ns", "sequence"), BIGINT),
        **dict.fromkeys(("is_enforced", "is_final_stated"), BOOLEAN),
        **dict.fromkeys(("input", "output", "details"), pack_jsonb),
        "workspace_id": INTEGER,
        "time": pack_timestamp,
    },
)


def encode_decision(decision: Decision, *, workspace_id: int) -> bytes:
    """One row in the order of ``DECISION_COLUMNS``."""
    return _PACKER.pack(stored(decision, workspace_id=workspace_id))


def stored(decision: Decision, *, workspace_id: int) -> StoredDecision:
    """What the table holds of a decision."""
    one, final = decision, decision.final
    time_us, time_rest_ns = divmod(min(max(one.time_unix_nano, 0), MAX_TIME_NS), 1_000)
    return StoredDecision(
        workspace_id=workspace_id,
        trace_id=one.trace_id,
        span_id=one.span_id,
        decision_id=stored_id(one.id),
        time=time_us,
        time_ns=time_rest_ns,
        mapper_version=min(one.mapper_version, INT2),
        type=short(one.type),
        component=short(one.component),
        service_name=short(one.service_name),
        convention=short(one.convention),
        is_enforced=one.is_enforced,
        is_final_stated=final.is_stated,
        evaluation_ns=number(one.evaluation_ns, INT8),
        sequence=number(one.sequence, INT8),
        outcome=short(one.outcome) or None,
        rule_id=stored_id(one.rule_id) or None,
        rule_name=short(one.rule_name) or None,
        rule_version=short(one.rule_version) or None,
        parent_id=stored_id(one.parent_id) or None,
        request_id=stored_id(one.request_id) or None,
        user_id=stored_id(one.user_id) or None,
        session_id=stored_id(one.session_id) or None,
        organization_id=stored_id(one.organization_id) or None,
        request_path=short(one.request_path) or None,
        final_provider=short(final.provider) or None,
        final_model=short(final.model) or None,
        final_status=short(final.status) or None,
        reasoning=storable(one.reasoning[:MAX_TEXT_CHARS]) or None,
        input=_encode_value(one.input),
        output=_encode_value(one.output),
        details=_encode_details(one),
    )


def decision_of(row: Row) -> Decision:
    """The inverse of ``stored``, for a row with at least the columns of ``DECISION_COLUMNS``, times in Unix microseconds."""
    details = _decode_details(row.details)
    final = FinalOutcome(
        provider=row.final_provider or "",
        model=row.final_model or "",
        status=row.final_status or "",
        is_stated=row.is_final_stated,
    )
    return Decision(
        id=row.decision_id,
        trace_id=row.trace_id,
        span_id=row.span_id,
        time_unix_nano=row.time * 1_000 + row.time_ns,
        type=row.type,
        component=row.component,
        service_name=row.service_name,
        reported_type=details.reported_type,
        input=decode_value(row.input),
        output=decode_value(row.output),
        reasoning=row.reasoning or "",
        rule_id=row.rule_id or "",
        rule_name=row.rule_name or "",
        rule_version=row.rule_version or "",
        outcome=row.outcome or "",
        is_enforced=row.is_enforced,
        candidates=details.candidates,
        sequence=row.sequence,
        parent_id=row.parent_id or "",
        evaluation_ns=row.evaluation_ns,
        attributes=_attributes_of(details),
        request_id=row.request_id or "",
        user_id=row.user_id or "",
        session_id=row.session_id or "",
        organization_id=row.organization_id or "",
        request_path=row.request_path or "",
        final=NO_OUTCOME if final == NO_OUTCOME else final,
        carriers=details.carriers,
        convention=row.convention,
        mapper_version=row.mapper_version,
    )


def as_stored(decision: Decision) -> Decision:
    """A decision as it is when it was stored and read again: what two are compared by."""
    row = stored(decision, workspace_id=0)
    return decision_of(StoredDecision(*map(mended, row)))


class _Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The column ``details``, in the words of ``Decision``. What is not there has its default."""

    reported_type: str = ""
    candidates: tuple[str, ...] = ()
    carriers: tuple[Carrier, ...] = ()
    attributes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_details = msgspec.json.Decoder(_Details).decode
_encode_json = msgspec.json.Encoder(order="sorted").encode


def _encode_value(value: Value) -> bytes | None:
    if value is None:
        return None
    try:
        data = encode_value(value)
    except (UnicodeEncodeError, RecursionError):
        data = encode_value(mended(value))
    return mended_json(data)


def _encode_details(one: Decision) -> bytes:
    details = _Details(reported_type=one.reported_type, candidates=tuple(one.candidates), carriers=tuple(one.carriers))
    try:
        return mended_json(_encode_json(_with_attributes(msgspec.to_builtins(details), one.attributes)))
    except (UnicodeEncodeError, RecursionError):
        plain = mended(msgspec.to_builtins(details))
        return mended_json(_encode_json(_with_attributes(plain, mended(one.attributes))))


def _with_attributes(details: dict[str, Any], attributes: dict[str, Value]) -> dict[str, Any]:
    return {**details, "attributes": msgspec.Raw(encode_attributes(attributes))} if attributes else details


def _attributes_of(details: _Details) -> dict[str, Value]:
    return {} if details.attributes is msgspec.UNSET else dict(decode_attributes(bytes(details.attributes)))
