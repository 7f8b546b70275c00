"""The wiring, by hand: the one place that names concrete implementations.

Components are listed in the order in which they start, against the flow of data; they stop the other way round, so
that a receiver takes nothing more before the writer behind it commits what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from processors.sanitise import Sanitise
from query.search import compile_search
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.guest_server import GuestConfig, GuestServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from relayscope.api.app import create_app
from relayscope.api.grpc_server import GrpcQueryConfig, GrpcQueryServer
from relayscope.settings import Settings, split_endpoint
from storage.api import DEFAULT_WORKSPACE_ID
from storage.inspection import Inspector
from storage.postgres.connection import check_url
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.inspection import PostgresInspector
from storage.postgres.migration import SCHEMA_VERSION, migrate
from storage.postgres.reader import PostgresSpanReader, ReaderConfig
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tracedata import Pipeline


class Component(Protocol):
    """Something that starts and stops. ``aclose`` is idempotent, safe before ``start``, and drains."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


class Database(Component, Protocol):
    """A database server of our own; ``dsn`` is valid while it runs.

    ``claim`` takes its folder, which ``start`` otherwise does, and raises what it would raise when another has it.
    """

    def claim(self) -> None: ...

    @property
    def dsn(self) -> str: ...

    @property
    def pid(self) -> int | None: ...


def build_database(settings: Settings, *, on_restart: Callable[[], None] | None = None) -> Database:
    """The embedded PostgreSQL. ``on_restart`` is called when it has died and runs again, with another ``pid``."""
    storage = settings.storage
    config = EmbeddedConfig(data_dir=storage.data_dir, shared_buffers_mb=storage.shared_buffers_mb)
    return EmbeddedServer(config, on_restart=on_restart)


def build_inspector() -> Inspector:
    """What looks at the database and its place, for ``relayscope doctor``."""
    return PostgresInspector()


def check_database_url(settings: Settings) -> None:
    """Raises ``CallerError`` when the database that is given cannot be one, before anything is started."""
    if settings.storage.database_url is not None:
        check_url(settings.storage.database_url)


class Schema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The schema's version, and the names of the migrations that were just applied."""

    schema_version: int
    applied: Sequence[str]


async def migrate_schema(dsn: str) -> Schema:
    """Brings the schema up to date.

    Raises:
        RelayscopeError: the database cannot be reached or used; the message says why.
    """
    applied = [f"{migration.version:04d}_{migration.name}" for migration in await migrate(dsn)]
    return Schema(schema_version=SCHEMA_VERSION, applied=applied)


def build_reader(settings: Settings, dsn: str) -> PostgresSpanReader:
    """What answers questions."""
    timeout_s = settings.storage.query_timeout_s
    return PostgresSpanReader(ReaderConfig(dsn=dsn, statement_timeout_s=timeout_s), compile_search=compile_search)


def build_ingest(settings: Settings, dsn: str) -> Sequence[Component]:
    """An ingest worker: receivers, processors, writer."""
    storage = settings.storage
    writer = PostgresSpanWriter(
        WriterConfig(
            dsn=dsn,
            max_group_rows=storage.max_group_rows,
            max_queued_rows=storage.max_queued_rows,
            max_queued_bytes=storage.max_queued_bytes,
        )
    )
    pipeline = Pipeline([Sanitise()], writer)
    grace_s = settings.service.shutdown_grace_s
    protocols = settings.receivers.otlp.protocols
    grpc_host, grpc_port = split_endpoint(protocols.grpc.endpoint)
    http_host, http_port = split_endpoint(protocols.http.endpoint)
    grpc = OtlpGrpcServer(
        OtlpGrpcConfig(
            host=grpc_host,
            port=grpc_port,
            reuse_port=True,
            workspace_id=DEFAULT_WORKSPACE_ID,
            max_request_bytes=protocols.grpc.max_request_bytes,
            grace_period_s=grace_s,
        ),
        pipeline,
    )
    http = OtlpHttpServer(
        OtlpHttpConfig(
            host=http_host,
            port=http_port,
            reuse_port=True,
            workspace_id=DEFAULT_WORKSPACE_ID,
            max_request_bytes=protocols.http.max_request_bytes,
            grace_period_s=grace_s,
        ),
        pipeline,
    )
    return [writer, grpc, http]


def build_api(settings: Settings, dsn: str) -> Sequence[Component]:
    """The process that answers: REST and Jaeger's JSON on both of their ports, and gRPC."""
    reader = build_reader(settings, dsn)
    endpoints = (settings.service.http.endpoint, settings.service.jaeger.http)
    config = GuestConfig(
        name="The HTTP API",
        addresses=[split_endpoint(endpoint) for endpoint in endpoints],
        reuse_port=True,
        grace_period_s=settings.service.shutdown_grace_s,
    )
    grpc_host, grpc_port = split_endpoint(settings.service.jaeger.grpc)
    grpc = GrpcQueryServer(
        GrpcQueryConfig(host=grpc_host, port=grpc_port, grace_period_s=settings.service.shutdown_grace_s)
    )
    return [reader, GuestServer(config, create_app(reader)), grpc]
