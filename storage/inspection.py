"""What can be said about a store and its place without changing either, for ``relayscope doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import msgspec


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """The client library: its version, how it is built, and the version of the C library below it."""

    version: str
    implementation: str
    library_version: str


class DatabaseState(msgspec.Struct, frozen=True, kw_only=True):
    """A database that answers. ``schema_version`` is none, and counts are zero, while it has no schema of ours.

    ``default_spans`` counts the spans outside every partition of a day or an hour, up to ``DEFAULT_SPANS_LIMIT``.
    ``owns_tables`` says whether the user may attach partitions; true when there are no tables yet.
    """

    server_version: str
    is_server_supported: bool
    server_encoding: str
    is_encoding_supported: bool
    schema_version: int | None
    program_schema_version: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: bool
    can_create_schema: bool
    can_create_tables: bool
    can_create_temporary_tables: bool
    owns_tables: bool
    partitions: int
    default_spans: int
    size_bytes: int


DEFAULT_SPANS_LIMIT = 100_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who would run the embedded server. ``exists`` is false when the start would make the account."""

    name: str
    exists: bool


class FolderState(msgspec.Struct, frozen=True, kw_only=True):
    """The embedded server's data folder.

    ``path`` is absolute. ``owner`` is none when the folder does not exist; ``holder`` is the process id of the
    Relayscope that uses it. ``server``: ``running`` while its holder lives, ``orphan`` when the server outlived its
    holder, ``crashed`` when only its lock file is left. ``dsn`` leads to a server that runs. ``cluster_version`` is none
    while there is no cluster.
    """

    path: Path
    owner: str | None
    is_usable: bool
    holder: int | None
    server: Literal["none", "running", "orphan", "crashed"]
    dsn: str | None
    cluster_version: str | None
    cluster_owner: str | None
    program_cluster_version: str


class Inspector(Protocol):
    """Looks at a store. Changes nothing, and leaves nothing behind."""

    def driver(self) -> Driver:
        """The client library."""
        ...

    def binaries(self) -> str:
        """The version of the embedded server's binaries.

        Raises:
            PermanentError: they are missing or do not run.
        """
        ...

    def account(self) -> Account:
        """Who would run the embedded server.

        Raises:
            PermanentError: nobody can; the message says what to do.
        """
        ...

    def folder(self, path: Path) -> FolderState:
        """The state of a data folder, which need not exist.

        Raises:
            PermanentError: it may not be looked into.
        """
        ...

    def describe_url(self, dsn: str) -> str:
        """Where a connection URL leads, without any secret in it."""
        ...

    async def database(self, dsn: str) -> DatabaseState:
        """The state of a database.

        Raises:
            CallerError: this is no connection URL.
            RetryableError: the database cannot be reached or asked; the message says why, without data.
        """
        ...
