"""Decision traces that are submitted as JSON, turned into log records of the convention: docs/decision-traces.md."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.interaction_schema import FieldError
from relayscope.api.rest.schema import Time
from relayscope.api.rest.submitted import Refusal, field_errors, fields_of, moment_ns, span_id_of, trace_id_of
from tracedata import Attributes, LogRecord, Resource, Scope, Value

SCOPE = Scope(name="relayscope.decisions", version="1")
EVENT, FINAL = "decision_trace.decision", "decision_trace.final"
MAX_SUBMITTED_DECISIONS = 1_000
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")
_MOMENT = "must be ISO-8601, such as 2025-01-31T12:00:00.123Z, between 1970 and 2554"

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1_024)]
Optional: TypeAlias = Name | UnsetType | None


class SubmittedDecision(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A decision as document 1 has it, and what more may be known."""

    id: Annotated[Name, Meta(description="Unique in the trace. Default: made of the content.")] | UnsetType | None = (
        UNSET
    )
    timestamp: Annotated[Time, Meta(description="Default: that of the trace.")] | UnsetType | None = UNSET
    type: Annotated[
        Name,
        Meta(
            description="rule_evaluation, model_selection, cache_decision, budget_check, other; any other is kept as other."
        ),
    ]
    component: Name
    input: Annotated[Any, Meta(description="The facts that were considered: any JSON.")] = None
    output: Annotated[Any, Meta(description="What was decided: any JSON.")] = None
    reasoning: str | UnsetType | None = UNSET
    rule_id: Optional = UNSET
    rule_name: Optional = UNSET
    rule_version: Optional = UNSET
    evaluation_time_ms: Annotated[float, Meta(ge=0, le=1e12)] | UnsetType | None = UNSET
    outcome: Annotated[Name, Meta(description="allow, deny, selected, hit, miss, ...")] | UnsetType | None = UNSET
    is_enforced: Annotated[bool, Meta(description="false for a shadow decision.")] | UnsetType | None = UNSET
    candidates: Annotated[list[Name], Meta(max_length=256)] | UnsetType | None = UNSET
    sequence: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | UnsetType | None = UNSET
    parent_id: Optional = UNSET
    span_id: Annotated[str, Meta(description="16 hex digits.")] | UnsetType | None = UNSET


class SubmittedOutcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What became of the request."""

    provider: Optional = UNSET
    model: Optional = UNSET
    status: Annotated[Name, Meta(description="success, error, rejected, blocked, ...")] | UnsetType | None = UNSET


class SubmittedDecisionTrace(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A decision trace as document 1 has it."""

    trace_id: (
        Annotated[
            Name,
            Meta(
                description="32 hex digits or a UUID are taken as they are; of any other text an id is made. Default: of requestId."
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    request_id: Optional = UNSET
    timestamp: Time | UnsetType | None = UNSET
    user_id: Optional = UNSET
    session_id: Optional = UNSET
    organization_id: Optional = UNSET
    request_path: Optional = UNSET
    service: Annotated[Name, Meta(description="Default: unknown_service.")] | UnsetType | None = UNSET
    decisions: Annotated[list[SubmittedDecision], Meta(min_length=1, max_length=MAX_SUBMITTED_DECISIONS)]
    final_outcome: SubmittedOutcome | UnsetType | None = UNSET


_TRACE_FIELDS, _DECISION_FIELDS = fields_of(SubmittedDecisionTrace), fields_of(SubmittedDecision)
# What is checked one by one.
_TRACE_ALONE = {**_TRACE_FIELDS, "decisions": msgspec.structs.FieldInfo("decisions", "decisions", list[Any])}


class AcceptedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """An item as log records: one a decision, and one of the outcome when there is one."""

    trace_id: bytes
    decisions: int
    records: Sequence[LogRecord]


def read_trace(item: object) -> AcceptedTrace | Refusal:
    """Log records of one item of a request; ``item`` is JSON that was decoded. The same item gives the same records.

    Nothing of what is wrong is quoted: it may be personal.
    """
    if not isinstance(item, dict):
        return Refusal(id=None, errors=[FieldError(field="", detail="must be an object")])
    errors = list(_errors(item))
    if errors:
        return Refusal(id=None, errors=errors)
    given = msgspec.convert(item, SubmittedDecisionTrace)
    errors = [FieldError(field=field, detail=detail) for field, detail in _contradictions(given)]
    if errors:
        return Refusal(id=None, errors=errors)
    return _accepted(given)


def _errors(item: Mapping[str, object]) -> Iterator[FieldError]:
    yield from field_errors(item, _TRACE_ALONE)
    decisions = item.get("decisions")
    if not isinstance(decisions, list):
        return
    if not 1 <= len(decisions) <= MAX_SUBMITTED_DECISIONS:
        yield FieldError(field="decisions", detail=f"must have between 1 and {MAX_SUBMITTED_DECISIONS:,} items")
    for number, one in enumerate(decisions[:MAX_SUBMITTED_DECISIONS]):
        place = f"decisions[{number}]"
        if not isinstance(one, dict):
            yield FieldError(field=place, detail="must be an object")
            continue
        for error in field_errors(one, _DECISION_FIELDS):
            yield FieldError(field=f"{place}.{error.field}", detail=error.detail)


def _contradictions(given: SubmittedDecisionTrace) -> Iterator[tuple[str, str]]:
    """What is wrong with fields that have the right types."""
    if not given.trace_id and not given.request_id:
        yield "traceId", "is required, or requestId"
    if given.timestamp and moment_ns(given.timestamp) is None:
        yield "timestamp", _MOMENT
    for number, one in enumerate(given.decisions):
        place = f"decisions[{number}]"
        if one.timestamp and moment_ns(one.timestamp) is None:
            yield f"{place}.timestamp", _MOMENT
        if not one.timestamp and not given.timestamp:
            yield f"{place}.timestamp", "is required, or timestamp of the trace"
        if one.span_id and not _SPAN_ID.fullmatch(one.span_id):
            yield f"{place}.spanId", "must be 16 hex digits"


def _accepted(given: SubmittedDecisionTrace) -> AcceptedTrace:
    trace_id = trace_id_of(given.trace_id or given.request_id or "")
    resource = Resource(attributes={"service.name": given.service or "unknown_service"})
    above = {
        "request.id": given.request_id,
        "user.id": given.user_id,
        "session.id": given.session_id,
        "organization.id": given.organization_id,
        "url.path": given.request_path,
    }

    def record(name: str, at_ns: int, attributes: Mapping[str, object], span_id: str = "") -> LogRecord:
        return LogRecord(
            resource=resource,
            scope=SCOPE,
            trace_id=trace_id,
            span_id=span_id_of(span_id),
            time_unix_nano=at_ns,
            event_name=name,
            attributes=_told({**attributes, **above}),
        )

    own_ns = moment_ns(given.timestamp)
    times = [moment_ns(one.timestamp) or own_ns or 0 for one in given.decisions]
    records = [
        record(EVENT, at_ns, _attributes(one), one.span_id or "")
        for one, at_ns in zip(given.decisions, times, strict=True)
    ]
    final = _told(_final(given.final_outcome)) if given.final_outcome else {}
    if final:
        records.append(record(FINAL, own_ns or max(times), final))
    return AcceptedTrace(trace_id=trace_id, decisions=len(given.decisions), records=records)


def _attributes(one: SubmittedDecision) -> Mapping[str, object]:
    return {
        "decision_trace.id": one.id,
        "decision_trace.type": one.type,
        "decision_trace.component": one.component,
        "decision_trace.input": one.input,
        "decision_trace.output": one.output,
        "decision_trace.reasoning": one.reasoning,
        "decision_trace.rule.id": one.rule_id,
        "decision_trace.rule.name": one.rule_name,
        "decision_trace.rule.version": one.rule_version,
        "decision_trace.evaluation_time_ms": one.evaluation_time_ms,
        "decision_trace.outcome": one.outcome,
        "decision_trace.enforced": one.is_enforced,
        "decision_trace.candidates": one.candidates,
        "decision_trace.sequence": one.sequence,
        "decision_trace.parent_id": one.parent_id,
    }


def _final(outcome: SubmittedOutcome) -> Mapping[str, object]:
    return {
        "decision_trace.final.provider": outcome.provider,
        "decision_trace.final.model": outcome.model,
        "decision_trace.final.status": outcome.status,
    }


def _told(values: Mapping[str, Any]) -> Attributes:
    """Without what nobody told. ``Any``: of the types of the fields, each a value of an attribute."""
    told: dict[str, Value] = {key: one for key, one in values.items() if one is not UNSET and one is not None}
    return told
