"""The shapes of what is asked and answered over SQL."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relayscope.api.problem import Problem

SqlFormat: TypeAlias = Literal["json", "csv", "arrow", "parquet"]
_Scalar: TypeAlias = str | int | float | bool | None


class SqlQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One SELECT over the views that `/api/v1/sql/schema` lists."""

    sql: Annotated[str, Meta(description="The query.", examples=["SELECT name, duration_ms FROM spans"])]
    parameters: Annotated[
        list[str | int | float | bool | list[_Scalar] | None],
        Meta(description="Values of `$1`, `$2` and so on.", max_length=1_000),
    ] = []


class SqlRequest(SqlQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SELECT, and how its rows are wanted."""

    format: Annotated[SqlFormat, Meta(description="How the rows come.")] = "json"
    limit: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="How many rows at most; 1,000 when nothing is said.")
    ] = None


class SqlColumnSchema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A column of an answer."""

    name: Annotated[str, Meta(description="As the query names it; names can come twice.")]
    type: Annotated[str, Meta(description="PostgreSQL's name of the type.", examples=["timestamptz", "text[]"])]


class SqlAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Rows as lists of values, in the order of the columns.

    Numbers are numbers, but for NaN and infinities, which are text; JSON is JSON, arrays are lists, times are ISO-8601, and
    whatever else there is is PostgreSQL's text.
    """

    columns: list[SqlColumnSchema]
    rows: list[list[msgspec.Raw]]
    row_count: Annotated[int, Meta(description="How many rows there are.")]
    truncated: Annotated[bool, Meta(description="Whether there were more rows or bytes than may be answered.")]
    error: Annotated[Problem | UnsetType, Meta(description="Why the rows end too early, if they do.")] = UNSET


class ViewColumnSchema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A column of a view."""

    name: str
    type: str
    description: str


class ViewSchema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A view that can be asked."""

    name: str
    description: str
    columns: list[ViewColumnSchema]
    examples: Annotated[list[str], Meta(description="Queries that run as they are.")]


class SqlSchema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What can be asked over SQL."""

    views: list[ViewSchema]
    functions: Annotated[list[str], Meta(description="The functions that a query may call.")]


SQL_ANSWERS = (SqlAnswer, SqlSchema)
