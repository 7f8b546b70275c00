"""What can be set of the store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field

from relayscope.settings.value import MIB, Age, DatabaseUrl, Section, parse_age


class RetentionSettings(Section):
    """How long what is stored is kept."""

    spans: Age | None = Field(None, description="Spans that started longer ago go, such as `30d`, `12h` or `8w`.")
    log_records: Age | None = Field(None, description="The same for log records, by their time.")
    ai_interactions: Age | None = Field(None, description="The same for AI interactions; by default as long as spans.")
    decisions: Age | None = Field(None, description="The same for decisions; by default as long as spans.")
    interval_s: float = Field(3600.0, ge=1, description="How often what is too old is removed.")

    @property
    def periods(self) -> dict[str, timedelta]:
        """How long each signal is kept, by the name of its table; those that are kept for ever are missing."""
        interactions = self.ai_interactions or self.spans
        ages = {
            "spans": self.spans,
            # An index of the spans.
            "attribute_chunks": self.spans,
            "log_records": self.log_records,
            "ai_interactions": interactions,
            # The words go with the texts.
            "ai_search": interactions,
            "decisions": self.decisions or self.spans,
        }
        return {signal: parse_age(age) for signal, age in ages.items() if age is not None}


class ExportSettings(Section):
    """Exports, which have connections of their own."""

    max_connections: int = Field(2, ge=1, le=32, description="Exports that run at a time; more are told to come later.")
    timeout_s: float = Field(
        600.0, gt=0, description="One statement of an export that takes longer is cancelled, and the export with it."
    )
    stall_timeout_s: float = Field(
        60.0,
        gt=0,
        description="An export whose reader takes nothing for longer is broken off, and so is an answer to SQL.",
    )


class SqlSettings(Section):
    """SQL of users."""

    enabled: bool = Field(default=True, description="Whether users can ask in SQL, and the roles for it are made.")
    key_file: Path | None = Field(
        None,
        description="The secret of which the passwords of the roles are made; by default `sql.key` in the data folder.",
    )
    timeout_s: float = Field(30.0, gt=0, le=3600, description="A query that takes longer is ended.")
    max_rows: int = Field(100_000, ge=1, description="Rows that may be asked for at once.")
    max_bytes: int = Field(
        64 * MIB, ge=MIB, le=1024 * MIB, description="Longer answers are cut, and larger rows refused."
    )
    max_connections: int = Field(4, ge=1, le=20, description="Queries that run at once, in one workspace.")
    work_mem_mb: int = Field(16, ge=1, description="Memory that a step of a query may use before it uses the disk.")
    memory_mb: int = Field(
        512,
        ge=64,
        description="Memory that a query may use in all, in the embedded server; one that uses more is ended.",
    )
    temp_file_mb: int = Field(
        256, ge=1, description="Disk that a query may use besides, where the server lets us say so."
    )


class StorageSettings(Section):
    """Where spans and log records are kept, and the bounds of writing and reading."""

    data_dir: Path = Field(Path("relayscope-data"), description="The embedded PostgreSQL and its log live here.")
    database_url: DatabaseUrl | None = Field(
        None, description="Use this PostgreSQL (15 or newer) instead of the embedded one.", repr=False
    )
    shared_buffers_mb: int | None = Field(
        None,
        ge=16,
        description="Memory of the embedded server's cache; by default an eighth of the machine's, at most 2 GiB.",
    )
    max_group_rows: int = Field(20_000, ge=1, description="A commit takes about this many rows at most.")
    max_queued_rows: int = Field(200_000, ge=1, description="Rows a worker holds before it refuses more.")
    max_queued_bytes: int = Field(64 * MIB, ge=MIB, description="Bytes a worker holds before it refuses more.")
    allow_data_loss_on_crash: bool = Field(
        default=False, description="Start on a database that can lose acknowledged spans when it crashes."
    )
    query_timeout_s: float = Field(30.0, gt=0, description="A query that takes longer is cancelled.")
    partition_width: Literal["hour", "day"] = Field("day", description="What one partition holds: `hour` or `day`.")
    partitions_ahead: int = Field(3, ge=1, le=100, description="Partitions that are made before their time comes.")
    retention: RetentionSettings = RetentionSettings()
    export: ExportSettings = ExportSettings()
    sql: SqlSettings = SqlSettings()
