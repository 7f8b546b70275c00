"""What can be asked about decisions, so that it can be implemented from these comments alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from storage.interaction_reader import Percentiles
from tracedata.decision import NO_OUTCOME, Decision, FinalOutcome

DecisionDimension: TypeAlias = Literal["type", "component", "rule", "outcome", "service", "status"]
DECISION_DIMENSIONS: Sequence[DecisionDimension] = ("type", "component", "rule", "outcome", "service", "status")
PathRoot: TypeAlias = Literal["input", "output", "attributes"]
PathOperator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "~"]
# So many decisions of a trace are read at most.
MAX_DECISIONS = 1_000


class PathPredicate(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at a place inside ``input``, ``output`` or the other attributes.

    ``=`` compares numbers with numbers, and any other value by its text: ``true``, ``null``, or the string itself. The orders
    compare numbers alone. ``~``: the text contains it, whatever the case. Of a list, any member will do. ``!=``: there is
    a value, and ``=`` does not hold. ``path`` has keys, and places in lists.
    """

    root: PathRoot
    path: Sequence[str]
    operator: PathOperator
    text: str
    number: str | None = None


class DecisionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions are meant: those on which every given predicate holds.

    Times are Unix microseconds, both ends included. ``rule`` is the id or the name of a rule. ``words`` all stand in the
    reasoning, the input or the output, each anywhere, whatever the case. A decision of which nobody told whether it was enforced was.
    """

    workspace_id: int
    start_us: int
    end_us: int
    type: str | None = None
    component: str | None = None
    rule: str | None = None
    outcome: str | None = None
    is_enforced: bool | None = None
    status: str | None = None
    provider: str | None = None
    model: str | None = None
    request_id: str | None = None
    user: str | None = None
    session: str | None = None
    organization: str | None = None
    service: str | None = None
    words: Sequence[str] = ()
    paths: Sequence[PathPredicate] = ()


class DecisionTraceCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a trace in a list: the time of its newest matching decision in microseconds, then its id."""

    time_us: int
    trace_id: bytes


class DecisionTraceQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A page of traces with a decision on which the filter holds. Decisions without a trace are in none."""

    where: DecisionFilter
    limit: int
    after: DecisionTraceCursor | None = None


class DecisionTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of a trace, in the order in which they were made: all of them, or the first ``MAX_DECISIONS``.

    Those without a place in the order of their moment come last there.
    """

    trace_id: bytes
    decisions: Sequence[Decision]
    matched: frozenset[str] = frozenset()

    @property
    def final(self) -> FinalOutcome:
        """The outcome that a span states, or else any that is known."""
        known = [one.final for one in self.decisions if one.final != NO_OUTCOME]
        return next((one for one in known if one.is_stated), known[0] if known else NO_OUTCOME)


class DecisionTracePage(msgspec.Struct, frozen=True, kw_only=True):
    """Traces by their newest matching decision, newest first; ``cursor`` when there are more."""

    items: Sequence[DecisionTrace]
    cursor: DecisionTraceCursor | None = None


class DecisionStatisticsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of decisions by some dimensions, and by time when ``bucket_us`` says how long a bucket is.

    Buckets begin at multiples of their length since 1970.
    """

    where: DecisionFilter
    by: Sequence[DecisionDimension] = ()
    bucket_us: int | None = None
    limit: int = 1_000


class Downstream(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of models amount to in the traces of some decisions, each trace and each call counted once.

    ``costs_pico`` are sums by currency, ``priced`` counts the calls in them. Latencies are milliseconds.
    """

    calls: int = 0
    errors: int = 0
    priced: int = 0
    costs_pico: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    latency: Percentiles | None = None


class DecisionGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that agree in the dimensions that were asked for. A value is empty when nobody told.

    ``share`` is the group's part of all decisions that match in the same bucket, 0 to 1. ``evaluation`` is that of
    those that tell how long they took, in milliseconds; ``evaluated`` counts them.
    """

    key: Mapping[DecisionDimension, str]
    count: int
    share: float
    traces: int
    enforced: int
    shadow: int
    evaluated: int
    evaluation: Percentiles | None = None
    downstream: Downstream = Downstream()
    bucket_us: int | None = None


class DecisionTable(msgspec.Struct, frozen=True, kw_only=True):
    """Groups by time bucket, then by count, most first, then by key; ``is_cut`` when there are more."""

    rows: Sequence[DecisionGroup]
    total: int = 0
    is_cut: bool = False


class DecisionReader(Protocol):
    """Answers for decisions. Rows of other workspaces are never visible.

    Every method raises ``RetryableError`` when the store cannot be reached.
    """

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def traces(self, question: DecisionTraceQuestion) -> DecisionTracePage:
        """At most ``question.limit`` traces, each once, with all of its decisions, those outside the window too."""
        ...

    async def trace(self, workspace_id: int, trace_id: bytes) -> DecisionTrace | None:
        """The decisions of a trace; none when there are none."""
        ...

    async def trace_of_request(self, workspace_id: int, request_id: str) -> bytes | None:
        """The trace with the newest decision that tells this request id."""
        ...

    async def statistics(self, question: DecisionStatisticsQuestion) -> DecisionTable:
        """Groups without decisions are left out."""
        ...
