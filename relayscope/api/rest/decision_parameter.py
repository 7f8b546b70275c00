"""The query parameters of decisions."""

import shlex
from typing import get_args

from pydantic import Field

from query.cursor import decode_decision_cursor
from query.path import parse_path_predicate
from relayscope.api.rest.interaction_parameter import bucket_us_of
from relayscope.api.rest.parameter import CURSOR, Text, WindowParameters, named
from storage.decision_reader import (
    DECISION_DIMENSIONS,
    DecisionDimension,
    DecisionFilter,
    DecisionStatisticsQuestion,
    DecisionTraceQuestion,
    PathPredicate,
)
from tracedata import CallerError

_MAX_PREDICATES = 20


class DecisionFilterParameters(WindowParameters):
    """Which decisions are meant: those on which everything given holds."""

    type: Text | None = Field(None, description="The type of the decision.", examples=["model_selection"])
    component: Text | None = Field(None, description="The component that decided.", examples=["router"])
    rule: Text | None = Field(None, description="The id or the name of the rule.", examples=["r-17"])
    outcome: Text | None = Field(None, description="The verdict.", examples=["deny"])
    enforced: bool | None = Field(
        None, description="false: shadow decisions only; true: all others, also where nobody told."
    )
    final_status: Text | None = Field(None, description="What became of the request.", examples=["success"])
    provider: Text | None = Field(None, description="The provider that answered in the end.")
    model: Text | None = Field(None, description="The model that answered in the end.")
    request_id: Text | None = Field(None, description="The request's id.")
    user: Text | None = Field(None, description="The user's id.")
    session: Text | None = Field(None, description="The session's id.")
    organization: Text | None = Field(None, description="The organization's id.")
    service: Text | None = Field(None, description="The service that decided.", examples=["gateway"])

    def where(
        self,
        *,
        workspace_id: int,
        now_ns: int,
        words: tuple[str, ...] = (),
        paths: tuple[PathPredicate, ...] = (),
    ) -> DecisionFilter:
        """The filter for the store.

        Raises:
            CallerError: a parameter cannot be read; the message begins with its name.
        """
        start_us, end_us = self.bounds_us(now_ns)
        return DecisionFilter(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            type=self.type or None,
            component=self.component or None,
            rule=self.rule or None,
            outcome=self.outcome or None,
            is_enforced=self.enforced,
            status=self.final_status or None,
            provider=self.provider or None,
            model=self.model or None,
            request_id=self.request_id or None,
            user=self.user or None,
            session=self.session or None,
            organization=self.organization or None,
            service=self.service or None,
            words=words,
            paths=paths,
        )


class DecisionParameters(DecisionFilterParameters):
    """A page of decision traces."""

    limit: int = Field(50, ge=1, le=500, description="How many traces at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, *, workspace_id: int, now_ns: int) -> DecisionTraceQuestion:
        return DecisionTraceQuestion(
            where=self.where(workspace_id=workspace_id, now_ns=now_ns),
            limit=self.limit,
            after=named("cursor", lambda: decode_decision_cursor(self.cursor) if self.cursor else None),
        )


class DecisionSearchParameters(DecisionFilterParameters):
    """What is looked for in decisions."""

    q: Text | None = Field(
        None,
        description='Words, all of which stand in the reasoning, the input or the output; `"a phrase"` stands as it is. '
        "Compared without regard to case, parts of words too.",
        examples=['budget "rate limit"'],
    )
    where_: list[Text] = Field(
        default_factory=list,
        alias="where",
        max_length=_MAX_PREDICATES,
        description="Repeatable: a place inside `input`, `output` or `attributes`, an operator (`=`, `!=`, `<`, `<=`, `>`, `>=`, "
        "`~` for contains) and a value. Numbers are compared as numbers; of a list, any member will do.",
        examples=[["input.plan=enterprise", "input.prompt_tokens>=1000"]],
    )
    limit: int = Field(50, ge=1, le=500, description="How many traces at most.")
    cursor: Text | None = Field(None, description=CURSOR)

    def question(self, *, workspace_id: int, now_ns: int) -> DecisionTraceQuestion:
        words = named("q", lambda: _words(self.q))
        paths = named("where", lambda: tuple(map(parse_path_predicate, self.where_)))
        return DecisionTraceQuestion(
            where=self.where(workspace_id=workspace_id, now_ns=now_ns, words=words, paths=paths),
            limit=self.limit,
            after=named("cursor", lambda: decode_decision_cursor(self.cursor) if self.cursor else None),
        )


class DecisionStatisticsParameters(DecisionFilterParameters):
    """How decisions are counted."""

    by: list[Text] = Field(
        default_factory=list,
        description=f"Repeatable, or with commas: {', '.join(DECISION_DIMENSIONS)}. Default: type, component, outcome.",
        examples=[["component", "outcome"]],
    )
    bucket: Text | None = Field(None, description="The length of a time bucket, such as `5m` or `1h`; at least 1s.")
    limit: int = Field(1_000, ge=1, le=10_000, description="How many groups at most.")

    def question(self, *, workspace_id: int, now_ns: int) -> DecisionStatisticsQuestion:
        where = self.where(workspace_id=workspace_id, now_ns=now_ns)
        bucket_us = named("bucket", lambda: bucket_us_of(self.bucket, start_us=where.start_us, end_us=where.end_us))
        return DecisionStatisticsQuestion(where=where, by=_dimensions(self.by), bucket_us=bucket_us, limit=self.limit)


def _words(text: str | None) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text or "", posix=True))
    except ValueError as exc:
        raise CallerError("a quotation mark has no other half") from exc
    if len(words) > _MAX_PREDICATES:
        raise CallerError(f"must be {_MAX_PREDICATES} words at most")
    return words


def _dimensions(texts: list[str]) -> tuple[DecisionDimension, ...]:
    names = [name.strip() for text in texts for name in text.split(",")]
    if any(name and name not in get_args(DecisionDimension) for name in names):
        raise CallerError(f"by: must be some of {', '.join(DECISION_DIMENSIONS)}")
    return tuple(name for name in DECISION_DIMENSIONS if name in names) or ("type", "component", "outcome")
