"""The lines of exports as types, where they tell more than an item of a list."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.rest.decision_schema import Decision, FinalOutcome
from relayscope.api.rest.interaction_schema import CostExplanation, Interaction, ReportedUsage
from relayscope.api.rest.schema import Span, UnixNano
from relayscope.api.rest.sql_schema import SqlQuery

RowForm: TypeAlias = Literal["jsonl", "csv", "parquet"]


class ExportedInteraction(Interaction, frozen=True, kw_only=True):
    """An interaction with its texts as they are kept, its parameters, and how its cost came about."""

    start_time_unix_nano: UnixNano
    end_time_unix_nano: UnixNano
    # ``Any``: msgspec has no schema for ``object``.
    parameters: Mapping[str, Any]
    cost_explanation: CostExplanation
    reported_usage: ReportedUsage


class ExportedDecision(Decision, frozen=True, kw_only=True):
    """A decision by itself, with what stands above it."""

    trace_id: Annotated[str | None, Meta(description="32 hex digits; null without a trace.")]
    time_unix_nano: UnixNano
    request_id: str | None
    user_id: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    organization_id: str | UnsetType = UNSET
    request_path: str | UnsetType = UNSET
    final_outcome: FinalOutcome


class SqlExportRequest(SqlQuery, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One SELECT, all of whose rows are wanted."""

    format: Annotated[RowForm, Meta(description="How the rows come.")] = "jsonl"
    safe_for_spreadsheets: Annotated[
        bool, Meta(description="In CSV, an apostrophe stands before texts that a spreadsheet could take for a formula.")
    ] = False


EXPORT_ANSWERS: tuple[type[msgspec.Struct], ...] = (
    Span,
    ExportedInteraction,
    ExportedDecision,
    SqlExportRequest,
)
