"""The query parameters of AI interactions and sessions."""

from decimal import Decimal
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec.structs import replace
from pydantic import Field

from query.cursor import decode_hit_cursor, decode_interaction_cursor, decode_session_cursor
from query.duration import parse_duration
from relayscope.api.rest.parameter import CURSOR, DURATION, Text, WindowParameters, duration_ns, named
from relayscope.api.rest.value import parse_trace_id
from storage.interaction_reader import (
    CALLS,
    DIMENSIONS,
    PICO_PER_UNIT,
    Dimension,
    InteractionFilter,
    InteractionQuestion,
    InteractionSearch,
    SessionQuestion,
    StatisticsQuestion,
)
from tracedata import CallerError
from tracedata.interaction import ErrorClass, InteractionStatus, OperationName

PREVIEW_CHARS = 300
_ALL = "all"
_NS_PER_US = 1_000
_MIN_BUCKET_US = 1_000_000
_MAX_BUCKETS = 10_000
_MAX_COST = Decimal(1_000_000)
_MAX_TOKENS = 2**40

Operation: TypeAlias = Literal[OperationName, "all"]
Cost: TypeAlias = Annotated[Decimal, Field(ge=0, le=_MAX_COST, allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=_MAX_TOKENS)]


class FilterParameters(WindowParameters):
    """Which interactions are meant: those on which everything given holds."""

    provider: Text | None = Field(None, description="The provider.", examples=["openai"])
    model: Text | None = Field(None, description="The model that answered, or that was asked for.", examples=["gpt-4o"])
    operation: list[Operation] = Field(
        default_factory=list,
        description="Repeatable; `all` means any. Default: calls of models, which are chat, completion, embedding, "
        "rerank and decision.",
        examples=[["chat"]],
    )
    user: Text | None = Field(None, description="The user's id.")
    session: Text | None = Field(None, description="The session's id.")
    agent: Text | None = Field(None, description="The name of the agent.")
    organization: Text | None = Field(None, description="The organization's id.")
    service: Text | None = Field(None, description="The service that called.", examples=["gateway"])
    status: InteractionStatus | None = Field(None, description="How the call ended.")
    error_class: ErrorClass | None = Field(None, description="The normalised class of the error.")
    min_cost: Cost | None = Field(None, description="In the currency of the call; the bound is included.")
    max_cost: Cost | None = Field(None, description="In the currency of the call; the bound is included.")
    min_tokens: Count | None = Field(None, description="Of input and output together; the bound is included.")
    max_tokens: Count | None = Field(None, description="Of input and output together; the bound is included.")
    min_latency: Text | None = Field(None, description=DURATION, examples=["500ms"])
    max_latency: Text | None = Field(None, description=DURATION, examples=["10s"])
    trace_id: Text | None = Field(None, description="1 to 32 hex digits. Without `start`, of any age.")

    def where(self, *, workspace_id: int, now_ns: int) -> InteractionFilter:
        """The filter for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        # Who names a trace means that one, however old it is.
        parameters = self if self.start or not self.trace_id else self.model_copy(update={"start": "0"})
        start_us, end_us = parameters.bounds_us(now_ns)
        return InteractionFilter(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            operations=_operations(self.operation),
            provider=self.provider or None,
            model=self.model or None,
            user=self.user or None,
            session=self.session or None,
            agent=self.agent or None,
            organization=self.organization or None,
            service=self.service or None,
            status=self.status,
            error_class=self.error_class or None,
            trace_id=parse_trace_id(self.trace_id) if self.trace_id else None,
            min_cost_pico=_pico(self.min_cost),
            max_cost_pico=_pico(self.max_cost),
            min_tokens=self.min_tokens,
            max_tokens=self.max_tokens,
            min_latency_ns=named("minLatency", lambda: duration_ns(self.min_latency)),
            max_latency_ns=named("maxLatency", lambda: duration_ns(self.max_latency)),
        )


class InteractionParameters(FilterParameters):
    """A page of interactions."""

    limit: int = Field(50, ge=1, le=1_000, description="How many at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, *, workspace_id: int, now_ns: int) -> InteractionQuestion:
        return InteractionQuestion(
            where=self.where(workspace_id=workspace_id, now_ns=now_ns),
            limit=self.limit,
            after=named("cursor", lambda: decode_interaction_cursor(self.cursor) if self.cursor else None),
            max_text_chars=PREVIEW_CHARS,
        )


class SearchParameters(FilterParameters):
    """What is looked for in prompts and answers."""

    q: Text = Field(
        description='Words as in a search engine: `two words`, `"a phrase"`, `this or that`, `-without`. '
        "They are compared whole, without regard to case.",
        examples=['"rate limit" -test'],
    )
    limit: int = Field(20, ge=1, le=100, description="How many at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, *, workspace_id: int, now_ns: int) -> InteractionSearch:
        return InteractionSearch(
            where=self.where(workspace_id=workspace_id, now_ns=now_ns),
            text=self.q,
            limit=self.limit,
            after=named("cursor", lambda: decode_hit_cursor(self.cursor) if self.cursor else None),
        )


class ModelParameters(FilterParameters):
    """Which models are compared."""

    limit: int = Field(100, ge=1, le=1_000, description="How many at most, those with most calls first.")

    def question(self, *, workspace_id: int, now_ns: int) -> StatisticsQuestion:
        where = self.where(workspace_id=workspace_id, now_ns=now_ns)
        return StatisticsQuestion(where=where, by=("provider", "model"), limit=self.limit)


class StatisticsParameters(FilterParameters):
    """How interactions are counted."""

    by: list[Text] = Field(
        default_factory=list,
        description="Repeatable, or with commas: provider, model, family, operation, user, session, agent, service. By operation, "
        "agents, tools and the like are counted too, unless `operation` says which.",
        examples=[["model"]],
    )
    bucket: Text | None = Field(None, description="The length of a time bucket, such as `5m` or `1h`; at least 1s.")
    limit: int = Field(1_000, ge=1, le=10_000, description="How many groups at most.")

    def question(self, *, workspace_id: int, now_ns: int) -> StatisticsQuestion:
        where = self.where(workspace_id=workspace_id, now_ns=now_ns)
        bucket_us = named("bucket", lambda: bucket_us_of(self.bucket, start_us=where.start_us, end_us=where.end_us))
        by = _dimensions(self.by)
        if "operation" in by and not self.operation:
            # Who asks for each operation by itself wants all of them; what only sums up calls has no tokens, nor costs.
            where = replace(where, operations=())
        return StatisticsQuestion(where=where, by=by, bucket_us=bucket_us, limit=self.limit)


class SessionListParameters(FilterParameters):
    """A page of sessions."""

    limit: int = Field(50, ge=1, le=1_000, description="How many at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, *, workspace_id: int, now_ns: int) -> SessionQuestion:
        return SessionQuestion(
            where=self.where(workspace_id=workspace_id, now_ns=now_ns),
            limit=self.limit,
            after=named("cursor", lambda: decode_session_cursor(self.cursor) if self.cursor else None),
        )


class SessionParameters(WindowParameters):
    """Which part of a session is wanted."""

    start: Text | None = Field(None, description="Default: its beginning. As in lists.")
    operation: list[Operation] = Field(
        default_factory=list, description="Repeatable; `all` shows agents and tools too. Default: calls of models."
    )
    limit: int = Field(50, ge=1, le=200, description="How many turns at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, session_id: str, *, workspace_id: int, now_ns: int) -> InteractionQuestion:
        parameters = self if self.start else self.model_copy(update={"start": "0"})
        # A clock that is ahead is no reason to hide the newest turns.
        if not self.end:
            parameters = parameters.model_copy(update={"end": "+1d"})
        start_us, end_us = parameters.bounds_us(now_ns)
        where = InteractionFilter(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            operations=_operations(self.operation),
            session=session_id,
        )
        after = named("cursor", lambda: decode_interaction_cursor(self.cursor) if self.cursor else None)
        return InteractionQuestion(where=where, limit=self.limit, after=after, is_oldest_first=True)


def _operations(names: list[Operation]) -> tuple[str, ...]:
    if _ALL in names:
        return ()
    return tuple(names) or CALLS


def _pico(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * PICO_PER_UNIT)


def _dimensions(texts: list[str]) -> tuple[Dimension, ...]:
    names = [name.strip() for text in texts for name in text.split(",")]
    unknown = [name for name in names if name and name not in get_args(Dimension)]
    if unknown:
        raise CallerError(f"by: must be some of {', '.join(DIMENSIONS)}")
    return tuple(name for name in DIMENSIONS if name in names)


def bucket_us_of(text: str | None, *, start_us: int, end_us: int) -> int | None:
    """The length of a time bucket in a window, in microseconds.

    Raises:
        CallerError: it cannot be read, or is too short.
    """
    if not text:
        return None
    try:
        length_us = parse_duration(text) // _NS_PER_US
    except CallerError as exc:
        raise CallerError("expected a duration such as 5m or 1h") from exc
    if length_us < _MIN_BUCKET_US:
        raise CallerError("must be at least 1s")
    if (end_us - start_us) // length_us > _MAX_BUCKETS:
        raise CallerError(f"too short for this window: there would be more than {_MAX_BUCKETS:,} buckets")
    return length_us
