"""One decision of a gateway, a router or an agent: what was decided, from what, by which rule, and why.

Source: docs/decision-traces.md (the ``decision_trace.*`` convention), and document 1 of the requirements, "Decision Trace Model".
The empty string and None mean that nobody said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from tracedata.span import Value

DecisionType: TypeAlias = Literal["rule_evaluation", "model_selection", "cache_decision", "budget_check", "other"]
# How a decision came: as an event of a span, as a span of its own, or as a log record.
Carrier: TypeAlias = Literal["span_event", "span", "log_record"]


class FinalOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the request that a trace's decisions were made for.

    ``status`` is success, fallback_success, served_from_cache, blocked, budget_exceeded, error, or what the sender said. It is
    ``is_stated`` by a span, or derived from the trace's primary model call.
    """

    provider: str = ""
    model: str = ""
    status: str = ""
    is_stated: bool = False


NO_OUTCOME = FinalOutcome()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, however many carriers told of it.

    ``id`` is unique in its trace; a decision without one gets an id made from where it stands and what it says. ``trace_id`` of what a
    log record tells that belongs to no trace is made of that record. ``span_id`` is that
    of the span that it is, or belongs to; no bytes when there is none. ``reported_type`` is the type as it came when it is none of
    ours. ``input`` and ``output`` are values as JSON has them: a string with JSON in it was read, any other stays a string.
    ``is_enforced`` is False for a shadow decision, of which nothing followed. ``sequence`` is the order inside the trace where times
    tie. ``attributes`` are the convention's other keys, as they came.

    What stands above it, and is the same for all decisions of the trace but for senders that say otherwise: the context, from
    ``request_id`` to ``request_path``, and ``final``.
    """

    id: str
    trace_id: bytes
    time_unix_nano: int
    type: DecisionType
    component: str
    span_id: bytes = b""
    service_name: str = ""
    reported_type: str = ""
    input: Value = None
    output: Value = None
    reasoning: str = ""
    rule_id: str = ""
    rule_name: str = ""
    rule_version: str = ""
    outcome: str = ""
    is_enforced: bool | None = None
    candidates: Sequence[str] = ()
    sequence: int | None = None
    parent_id: str = ""
    evaluation_ns: int | None = None
    attributes: dict[str, Value] = msgspec.field(default_factory=dict[str, Value])
    request_id: str = ""
    user_id: str = ""
    session_id: str = ""
    organization_id: str = ""
    request_path: str = ""
    final: FinalOutcome = NO_OUTCOME
    carriers: Sequence[Carrier] = ()
    convention: str = ""
    mapper_version: int = 0
