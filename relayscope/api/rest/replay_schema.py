"""The JSON of replay and of rule sets as types. The report itself is ``query.replay.report``."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from query.replay.comparison import Verdict
from query.replay.difference import Difference
from query.replay.report import ReplayedDecision, ReplayReport
from query.replay.run import ReplayProgress
from relayscope.api.problem import Problem
from relayscope.api.rest.schema import NextCursor, Time
from tracedata.decision import DecisionType

MAX_EXAMPLES = 20


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class ReplayRequest(_Json, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rule set is replayed over which decisions. Either ``rules`` or ``name``."""

    # ``Any``: a rule set as an object; its parts are checked where rule sets are read.
    rules: Annotated[Any, Meta(description="A rule set: an object, or YAML or JSON as a text.")] = None
    name: Annotated[str | None, Meta(description="A rule set that is kept.")] = None
    version: Annotated[str | None, Meta(description="Its version. Default: the one that was imported last.")] = None
    since: Annotated[str, Meta(description="ISO-8601, relative such as `-7d`, or Unix time.")] = "-24h"
    until: Annotated[str, Meta(description="Like since; not included.")] = "now"
    type: Annotated[DecisionType | None, Meta(description="Only decisions of this type.")] = None
    component: Annotated[str | None, Meta(description="Only those of this component.")] = None
    service: Annotated[str | None, Meta(description="Only those of this service.")] = None
    rule: Annotated[str | None, Meta(description="Only those of this rule: its id or name.")] = None
    outcome: Annotated[str | None, Meta(description="Only those with this outcome.")] = None
    sql: Annotated[
        str | None,
        Meta(
            description="Only decisions whose `decision_id` this SELECT returns; with a column `trace_id`, only those of "
            "that trace. The other conditions hold as well, `since` and `until` among them."
        ),
    ] = None
    where: Annotated[str | None, Meta(description="CEL over `input`, `output` and `decision`.")] = None
    examples: Annotated[int, Meta(ge=0, le=MAX_EXAMPLES, description="So many decisions of each row at most.")] = 3
    each: Annotated[
        Sequence[Verdict],
        Meta(description="Verdicts of which every decision is told of, as a line of its own of a stream."),
    ] = ()


class ReplayLine(_Json, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a replay that is streamed; one of its members is there. The last one has the report, or a problem."""

    progress: ReplayProgress | None = None
    decision: ReplayedDecision | None = None
    report: ReplayReport | None = None
    problem: Problem | None = None


class RuleSetItem(_Json, frozen=True, kw_only=True):
    """A rule set that is kept."""

    name: str
    version: str
    imported_at: Time
    imported_by: str
    chars: Annotated[int, Meta(description="The length of its text.")]


class RuleSetList(_Json, frozen=True, kw_only=True):
    """Rule sets by name; of one name, the one that was imported last comes first."""

    items: Sequence[RuleSetItem]
    next_cursor: NextCursor


class RuleSetDetail(_Json, frozen=True, kw_only=True):
    """A rule set with its text, word for word, and the versions that there are."""

    name: str
    version: str
    imported_at: Time
    imported_by: str
    body: str
    versions: Sequence[str]


class ImportedRuleSet(_Json, frozen=True, kw_only=True):
    """What became of a rule set that was sent."""

    name: str
    version: str
    status: Annotated[Literal["stored", "known"], Meta(description="known: the same one was kept already.")]
    decision_points: int
    rules: int


class RuleSetDifference(_Json, frozen=True, kw_only=True):
    """What differs between two versions of a rule set."""

    name: str
    before: str
    after: str
    items: Sequence[Difference]


REPLAY_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    ReplayRequest,
    ReplayReport,
    ReplayLine,
    RuleSetList,
    RuleSetDetail,
    ImportedRuleSet,
    RuleSetDifference,
)
