"""What can be asked about AI interactions, so that it can be implemented from these comments alone.

``tests/contract/storage`` holds the suite that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from tracedata.interaction import MODEL_OPERATIONS, NO_USAGE, Interaction, Usage
from tracedata.log_record import LogRecord
from tracedata.span import Span

PICO_PER_UNIT = 10**12
"""Costs are compared and summed as whole 10^-12 of their currency, so that sums are exact."""

Dimension: TypeAlias = Literal["provider", "model", "family", "operation", "user", "session", "agent", "service"]
DIMENSIONS: Sequence[Dimension] = ("provider", "model", "family", "operation", "user", "session", "agent", "service")
CALLS = tuple(sorted(MODEL_OPERATIONS))


class InteractionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which interactions are meant: those on which every given predicate holds.

    Times are Unix microseconds and bound the start, cut to microseconds; ranges include both ends. No ``operations`` at
    all means any. ``model`` is the model that answered or the one that was asked for. What is not known, such as a
    cost, lies in no range of it. ``tokens`` are those of all buckets together.
    """

    workspace_id: int
    start_us: int
    end_us: int
    operations: Sequence[str] = CALLS
    provider: str | None = None
    model: str | None = None
    user: str | None = None
    session: str | None = None
    agent: str | None = None
    organization: str | None = None
    service: str | None = None
    status: str | None = None
    error_class: str | None = None
    trace_id: bytes | None = None
    min_cost_pico: int | None = None
    max_cost_pico: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_latency_ns: int | None = None
    max_latency_ns: int | None = None


class InteractionCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an interaction in a list: its start in microseconds, then its ids."""

    start_us: int
    trace_id: bytes
    span_id: bytes


class InteractionQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A page of interactions: newest first by start, trace id and span id, or the other way round.

    Of ``prompt`` and ``response`` no more than ``max_text_chars`` characters are given.
    """

    where: InteractionFilter
    limit: int
    after: InteractionCursor | None = None
    is_oldest_first: bool = False
    max_text_chars: int = 16_000


class InteractionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Interactions in the order that was asked for; ``cursor`` when there are more."""

    items: Sequence[Interaction]
    cursor: InteractionCursor | None = None


class HitCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a hit: its rank, then that of the interaction."""

    rank: float
    place: InteractionCursor


class InteractionSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A full-text search, in the words of web search: ``two words``, ``"a phrase"``, ``this or that``, ``-without``.

    Words are compared without regard to case, whole, and without a language in mind.
    """

    where: InteractionFilter
    text: str
    limit: int
    after: HitCursor | None = None


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a snippet; ``is_match`` when it is a word that was looked for."""

    text: str
    is_match: bool = False


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An interaction that was found, and where: snippets of the prompt and of the response, none where nothing matches.

    The texts of ``interaction`` itself are cut to a few hundred characters.
    """

    interaction: Interaction
    rank: float
    prompt: Sequence[Fragment] = ()
    response: Sequence[Fragment] = ()


MAX_RANKED = 2_000


class HitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hits by rank, best first, then newest first; ``cursor`` when there are more.

    Of more than ``MAX_RANKED`` matches the newest are ranked; ``is_cut`` says so.
    """

    items: Sequence[Hit]
    cursor: HitCursor | None = None
    is_cut: bool = False


class StatisticsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of interactions, by some dimensions, and by time when ``bucket_us`` says how long a bucket is.

    Buckets begin at multiples of their length since 1970.
    """

    where: InteractionFilter
    by: Sequence[Dimension] = ()
    bucket_us: int | None = None
    limit: int = 1_000


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds; linear between neighbours."""

    p50: float
    p95: float
    p99: float


class InteractionStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What some interactions amount to.

    ``errors`` counts those that did not succeed, ``timeouts`` those of them that ran out of time. ``usage`` sums each bucket over the interactions that told of it, None where none
    did; what was reported is left out. ``costs_pico`` are sums by currency, ``priced`` counts the interactions in them.
    Latencies are those of all interactions, times to the first token of those that told. ``tokens_per_second`` is the
    output of interactions that have any by the time that it took to write it.
    """

    calls: int
    errors: int
    timeouts: int = 0
    streaming: int = 0
    usage: Usage = NO_USAGE
    costs_pico: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    priced: int = 0
    latency: Percentiles | None = None
    time_to_first_token: Percentiles | None = None
    tokens_per_second: float | None = None


class StatisticsRow(msgspec.Struct, frozen=True, kw_only=True):
    """The statistics of one group: a value for each dimension that was asked for, empty when nobody told."""

    key: Mapping[Dimension, str]
    statistics: InteractionStatistics
    bucket_us: int | None = None


class StatisticsTable(msgspec.Struct, frozen=True, kw_only=True):
    """Groups by time bucket, then by calls, most first, then by key; ``is_cut`` when there are more."""

    rows: Sequence[StatisticsRow]
    is_cut: bool = False


class SessionCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a session: the start of its latest interaction in microseconds, then its id."""

    last_start_us: int
    session_id: str


class SessionQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sessions that have an interaction on which the filter holds; only such interactions count."""

    where: InteractionFilter
    limit: int
    after: SessionCursor | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session: the interactions that name it. Names are sorted, none twice, none empty.

    Times are Unix nanoseconds, those of the first start and of the last end.
    """

    session_id: str
    start_time_unix_nano: int
    end_time_unix_nano: int
    last_start_us: int
    calls: int
    errors: int
    traces: int
    usage: Usage = NO_USAGE
    costs_pico: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    users: Sequence[str] = ()
    agents: Sequence[str] = ()
    models: Sequence[str] = ()
    services: Sequence[str] = ()


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions by their latest interaction, newest first; ``cursor`` when there are more."""

    items: Sequence[Session]
    cursor: SessionCursor | None = None


MAX_RELATED = 100


class RelatedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span near an interaction: one that told of it, the parent of such a one, or a child."""

    relation: Literal["source", "parent", "child"]
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    service_name: str
    start_time_unix_nano: int
    duration_ns: int
    status_code: int
    convention: str = ""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of the spans that told of an interaction, and of the log records of these spans."""

    spans: Sequence[Span] = ()
    log_records: Sequence[LogRecord] = ()


class InteractionReader(Protocol):
    """Answers for AI interactions. Rows of other workspaces are never visible.

    Every method raises ``RetryableError`` when the store cannot be reached, and ``CallerError`` when a text is none
    that the store can hold.
    """

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def find(self, question: InteractionQuestion) -> InteractionPage:
        """At most ``question.limit`` interactions; following cursors gives each once."""
        ...

    async def get(self, workspace_id: int, *, trace_id: bytes, span_id: bytes) -> Interaction | None:
        """The interaction whose primary span this is; otherwise the one of this trace to which the span contributed.

        Of several with the same ids the newest.
        """
        ...

    async def search(self, search: InteractionSearch) -> HitPage:
        """What was written a moment ago may not be found yet.

        Raises:
            CallerError: the text holds no word to look for.
        """
        ...

    async def statistics(self, question: StatisticsQuestion) -> StatisticsTable:
        """Groups without interactions are left out, but for the one group when nothing is grouped by."""
        ...

    async def sessions(self, question: SessionQuestion) -> SessionPage:
        """Sessions that go on move to the front, so a page can repeat one that an earlier page showed."""
        ...

    async def sources(self, workspace_id: int, interaction: Interaction) -> Sources:
        """What told of the interaction, as far as it is still stored; spans in the order of ``interaction.sources``."""
        ...

    async def related(self, workspace_id: int, interaction: Interaction) -> Sequence[RelatedSpan]:
        """Sources, then parents, then children, each by start; at most ``MAX_RELATED`` children."""
        ...


class StoredSpans(Protocol):
    """Tells which spans are there."""

    async def stored(self, workspace_id: int, ids: Sequence[tuple[bytes, bytes]]) -> set[tuple[bytes, bytes]]:
        """Those of the pairs of trace and span id of which a span is stored, whatever it holds."""
        ...
