"""What became of the request that a trace's decisions were made for: as stated, or as its primary model call tells.

Of several that state it, the nearest to the root counts, key by key. The primary call is the one that ended last of those that went well,
or of all when none did; calls made inside a tool, a retriever, a guardrail, an evaluator, or a decision serve another purpose and
count only when there are no others, and so do embeddings and rerankings beside calls that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from processors.decisions.adapter.decision_trace import FINAL_PREFIX
from processors.decisions.value import encoded, identifier
from tracedata import Attributes
from tracedata.decision import NO_OUTCOME, FinalOutcome
from tracedata.interaction import MODEL_OPERATIONS, Interaction, OperationName

PURPOSES: frozenset[OperationName] = frozenset(
    {"tool", "retriever", "rerank", "guardrail", "evaluator", "decision", "memory"}
)
"""Operations inside which models are called for something else than the answer."""
_ANSWERS: frozenset[OperationName] = frozenset({"chat", "completion"})
# A model that decides answers a question of the application, not the request.
_CALLS = MODEL_OPERATIONS - {"decision"}
# Statuses beside which a model that answered, or did not, belongs.
_OF_CALLS = frozenset({"", "success", "fallback_success", "error"})
_FIELDS = ("provider", "model", "status")


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What one span or log record states. ``depth`` is how many spans are above it."""

    depth: int
    time_unix_nano: int
    outcome: FinalOutcome


def stated_in(attributes: Attributes) -> FinalOutcome | None:
    said = {name: identifier(attributes.get(f"{FINAL_PREFIX}{name}")) for name in _FIELDS}
    return FinalOutcome(**said, is_stated=True) if any(said.values()) else None


def stated(statements: Iterable[Statement]) -> FinalOutcome | None:
    """All of them as one."""
    ordered = sorted(statements, key=lambda one: (one.depth, one.time_unix_nano, encoded(one.outcome)))
    if not ordered:
        return None
    said = {name: next(filter(None, (getattr(one.outcome, name) for one in ordered)), "") for name in _FIELDS}
    return FinalOutcome(**said, is_stated=True)


def outcome_of(told: FinalOutcome | None, derived: FinalOutcome) -> FinalOutcome:
    """What is stated, with what the primary call tells where the statement leaves it open."""
    if told is None:
        return derived
    if told.status not in _OF_CALLS or told.provider or told.model:
        return msgspec.structs.replace(told, status=told.status or derived.status)
    return FinalOutcome(
        provider=derived.provider, model=derived.model, status=told.status or derived.status, is_stated=True
    )


def derived(calls: Sequence[Interaction], is_inside: Callable[[Interaction], bool]) -> FinalOutcome:
    """What the primary one of a trace's interactions tells. ``is_inside``: whether one was made for another purpose."""
    calls = [call for call in calls if call.operation in _CALLS]
    calls = [call for call in calls if call.operation in _ANSWERS] or calls
    calls = [call for call in calls if not is_inside(call)] or calls
    if not calls:
        return NO_OUTCOME
    served = [call for call in calls if call.status == "success"]
    primary = max(served or calls, key=_ending)
    others = [call for call in calls if call.status != "success" and _ending(call) < _ending(primary)]
    is_fallback = any(
        (call.provider, call.model_requested) != (primary.provider, primary.model_requested) for call in others
    )
    status = "error" if not served else "fallback_success" if is_fallback else "success"
    return FinalOutcome(provider=primary.provider, model=primary.model, status=status)


def _ending(call: Interaction) -> tuple[int, int, bytes, bytes]:
    return call.end_time_unix_nano, call.start_time_unix_nano, call.trace_id, call.span_id
