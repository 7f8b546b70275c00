"""The JSON of health."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import Json


class Durability(Json, frozen=True, kw_only=True):
    """The settings of PostgreSQL that make an acknowledged span survive a crash; all are on when healthy."""

    fsync: bool
    full_page_writes: bool
    synchronous_commit: bool


class Store(Json, frozen=True, kw_only=True):
    """The database behind the API."""

    server_version: str
    schema_version: int
    durability: Durability


class IngestFigures(Json, frozen=True, kw_only=True):
    """What all ingest workers of this run have done, those included that were replaced."""

    workers: Annotated[int, Meta(description="Ingest workers that should run.")]
    workers_up: Annotated[int, Meta(description="Ingest workers that are ready.")]
    restarts: Annotated[int, Meta(description="Processes that ended by themselves and were started again.")]
    accepted_spans: Annotated[int, Meta(description="Spans acknowledged to their senders.")]
    rejected_spans: Annotated[int, Meta(description="Spans left out of accepted requests.")]
    committed_spans: Annotated[int, Meta(description="Spans in committed groups.")]
    refused_requests: Annotated[int, Meta(description="Requests answered with an error.")]
    failed_commits: Annotated[int, Meta(description="Groups whose senders were told to try again.")]
    accepted_log_records: Annotated[int, Meta(description="Log records acknowledged to their senders.")]
    rejected_log_records: Annotated[int, Meta(description="Log records left out of accepted requests.")]
    committed_log_records: Annotated[int, Meta(description="Log records in committed groups.")]
    queued_rows: Annotated[
        int, Meta(description="Rows of spans, log records and what is made of them that wait for a commit now.")
    ]
    queued_bytes: Annotated[int, Meta(description="Bytes that wait for a commit now.")]


class TelemetryHealth(Json, frozen=True, kw_only=True):
    """Whether the system can be trusted with traces."""

    status: Annotated[
        Literal["ok", "degraded"], Meta(description="degraded when a crash could lose acknowledged spans.")
    ]
    version: Annotated[str, Meta(description="The version of Relayscope.")]
    store: Store
    ingest: Annotated[IngestFigures | None, Meta(description="null when this API stands alone.")]


class Liveness(Json, frozen=True, kw_only=True):
    """An answer to a probe."""

    status: Annotated[str, Meta(examples=["ok"])]


HEALTH_ANSWERS: tuple[type[msgspec.Struct], ...] = (TelemetryHealth, Liveness)
