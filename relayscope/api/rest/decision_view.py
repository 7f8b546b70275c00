"""Decision traces, flows and statistics as the JSON of the API."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET, structs

from relayscope.api.rest import decision_schema as schema
from relayscope.api.rest.export_schema import ExportedDecision
from relayscope.api.rest.interaction_schema import Money, Percentiles
from relayscope.api.rest.interaction_view import interaction_id
from relayscope.api.rest.value import iso_time, milliseconds
from storage import decision_reader, interaction_reader
from storage.interaction_reader import PICO_PER_UNIT
from tracedata import Interaction, NotFoundError
from tracedata.decision import Decision
from tracedata.typed_json import to_json

_NS_PER_US = 1_000
# Where an output names what was chosen.
_CHOICES = ("model", "selected", "name", "target", "route", "provider")


def represent_trace(trace: decision_reader.DecisionTrace) -> schema.DecisionTrace:
    """What lists show."""
    return schema.DecisionTrace(
        **_above(trace),
        decisions=[schema.Decision(**_fields(one)) for one in trace.decisions],
        matched=[one.id for one in trace.decisions if one.id in trace.matched],
    )


def represent_exported(one: Decision) -> ExportedDecision:
    """A decision by itself."""
    return ExportedDecision(
        **_fields(one),
        trace_id=one.trace_id.hex() or None,
        time_unix_nano=str(one.time_unix_nano),
        request_id=one.request_id or None,
        user_id=one.user_id or UNSET,
        session_id=one.session_id or UNSET,
        organization_id=one.organization_id or UNSET,
        request_path=one.request_path or UNSET,
        final_outcome=schema.FinalOutcome(**structs.asdict(one.final)),
    )


def represent_flow(trace: decision_reader.DecisionTrace, interactions: Sequence[Interaction]) -> schema.DecisionFlow:
    """``interactions`` are calls of models by their start."""
    led_to = _led_to(trace.decisions, interactions)
    return schema.DecisionFlow(
        **_above(trace),
        decisions=[
            schema.DecisionStep(
                **_fields(one),
                alternatives=alternatives(one),
                interaction_ids=[interaction_id(call.trace_id, call.span_id) for call in led_to.get(number, ())],
            )
            for number, one in enumerate(trace.decisions)
        ],
        interactions=[_interaction(call) for call in interactions],
        flow=list(_flow(trace)),
    )


def alternatives(one: Decision) -> list[schema.Alternative]:
    """The candidates, and which of them the output names."""
    chosen = _chosen(one.output)
    return [schema.Alternative(name=name, is_selected=name in chosen) for name in one.candidates]


def _chosen(output: object) -> set[str]:
    if isinstance(output, str):
        return {output}
    if not isinstance(output, Mapping):
        return set()
    said = [text for key in _CHOICES if isinstance(text := output.get(key), str)]
    provider, model = output.get("provider"), output.get("model")
    # A model beside its provider: the provider alone names none.
    if isinstance(provider, str) and isinstance(model, str):
        return {*said, f"{provider}/{model}", f"{provider}:{model}", f"{provider} {model}"} - {provider}
    return set(said)


def _led_to(decisions: Sequence[Decision], calls: Sequence[Interaction]) -> Mapping[int, list[Interaction]]:
    """By step, the calls that it led to: a call follows the last model selection before it, or else the last decision."""
    enforced = [(number, one) for number, one in enumerate(decisions) if one.is_enforced is not False]
    selections = [pair for pair in enforced if pair[1].type == "model_selection"]
    found: dict[int, list[Interaction]] = {}
    for call in calls:
        before = [number for number, one in selections or enforced if one.time_unix_nano <= call.start_time_unix_nano]
        if before:
            found.setdefault(before[-1], []).append(call)
    return found


def _flow(trace: decision_reader.DecisionTrace) -> Iterator[str]:
    yield from dict.fromkeys(one.component for one in trace.decisions if one.is_enforced is not False)
    answered = " ".join(filter(None, (trace.final.provider, trace.final.model)))
    if answered:
        yield answered


def represent_group(row: decision_reader.DecisionGroup) -> schema.DecisionGroup:
    return schema.DecisionGroup(
        key={str(name): value for name, value in row.key.items()},
        bucket_start=None if row.bucket_us is None else iso_time(row.bucket_us * _NS_PER_US),
        count=row.count,
        share=row.share,
        traces=row.traces,
        enforced=row.enforced,
        shadow=row.shadow,
        evaluated=row.evaluated,
        evaluation_time=_percentiles(row.evaluation),
        downstream=_downstream(row.downstream),
    )


def _downstream(found: decision_reader.Downstream) -> schema.DecisionDownstream:
    costs = [Money(currency=name, amount=pico / PICO_PER_UNIT) for name, pico in sorted(found.costs_pico.items())]
    only = costs[0] if len(costs) == 1 else None
    return schema.DecisionDownstream(
        calls=found.calls,
        errors=found.errors,
        error_rate=found.errors / found.calls if found.calls else None,
        cost=only.amount if only else None,
        currency=only.currency if only else None,
        costs=costs,
        priced_calls=found.priced,
        latency=_percentiles(found.latency),
    )


def no_such_trace() -> NotFoundError:
    return NotFoundError("There are no decisions of this trace or request.")


# ``Any`` from here on: fields by name, for types that share them; a test encodes each and reads it as its type.
def _above(trace: decision_reader.DecisionTrace) -> dict[str, Any]:
    def said(name: str) -> str:
        return next(filter(None, (getattr(one, name) for one in trace.decisions)), "")

    return {
        "trace_id": trace.trace_id.hex(),
        "request_id": said("request_id") or None,
        "timestamp": iso_time(min(one.time_unix_nano for one in trace.decisions)),
        "user_id": said("user_id") or UNSET,
        "session_id": said("session_id") or UNSET,
        "organization_id": said("organization_id") or UNSET,
        "request_path": said("request_path") or UNSET,
        "final_outcome": schema.FinalOutcome(**structs.asdict(trace.final)),
    }


def _fields(one: Decision) -> dict[str, Any]:
    return {
        "id": one.id,
        "timestamp": iso_time(one.time_unix_nano),
        "type": one.type,
        "reported_type": one.reported_type or UNSET,
        "component": one.component,
        "service": one.service_name,
        "span_id": one.span_id.hex() or None,
        "input": to_json(one.input),
        "output": to_json(one.output),
        "reasoning": one.reasoning or UNSET,
        "rule_id": one.rule_id or UNSET,
        "rule_name": one.rule_name or UNSET,
        "rule_version": one.rule_version or UNSET,
        "evaluation_time_ms": None if one.evaluation_ns is None else milliseconds(one.evaluation_ns),
        "outcome": one.outcome,
        "is_enforced": one.is_enforced,
        "candidates": list(one.candidates),
        "sequence": one.sequence,
        "parent_id": one.parent_id or None,
        "attributes": {key: to_json(value) for key, value in one.attributes.items()},
        "carriers": list(one.carriers),
        "convention": one.convention,
        "mapper_version": one.mapper_version,
    }


def _interaction(call: Interaction) -> schema.DecidedInteraction:
    return schema.DecidedInteraction(
        id=interaction_id(call.trace_id, call.span_id),
        span_id=call.span_id.hex(),
        operation=call.operation,
        provider=call.provider,
        model=call.model,
        start_time=iso_time(call.start_time_unix_nano),
        latency_ms=milliseconds(call.latency_ns),
        total_tokens=call.usage.total,
        cost=call.cost.amount,
        currency=call.cost.currency,
        status=call.status,
        error_class=call.error_class or UNSET,
    )


def _percentiles(found: interaction_reader.Percentiles | None) -> Percentiles | None:
    return Percentiles(**structs.asdict(found)) if found else None
