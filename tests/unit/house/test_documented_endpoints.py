from __future__ import annotations

import re

from relayscope.api.app import AiAccess, DetailAccess, ReplayAccess, create_app
from relayscope.api.jaeger import JaegerAccess
from relayscope.api.rest.export import ExportAccess
from relayscope.api.rest.sql import SqlAccess
from relayscope.effective_policy import EffectivePolicy
from storage.postgres.archive import PostgresTraceArchive
from storage.postgres.audit import PostgresAudit
from storage.postgres.decision_reader import PostgresDecisionReader
from storage.postgres.read_pool import ReaderConfig, ReadPool
from storage.postgres.replay_reader import PostgresReplayReader, ReplayReaderConfig
from storage.postgres.rollup_statistics import PostgresSpanStatisticsReader
from storage.postgres.rule_set import PostgresRuleSets
from storage.postgres.sql_runner import PostgresSqlRunner, SqlRunnerConfig
from tests.support.canned_export import CannedExport
from tests.support.canned_queries import CannedQueries
from tests.support.factory import batch
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_interactions import MemoryInteractions
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.recording_consumer import RecordingConsumer
from tests.support.repository import document

_DOCUMENTED = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`\s?]*)")


def _shape(path: str) -> str:
    """A path without the names of its parameters, which are written in two styles."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_endpoint_is_documented_and_every_documented_endpoint_exists() -> None:
    store = MemoryStore()
    policy = EffectivePolicy(is_enabled=True, policy_hash="", tree={})
    decisions = PostgresDecisionReader(ReaderConfig(dsn="unused"))
    ai = AiAccess(MemoryInteractions(), consumer=RecordingConsumer(), decisions=decisions)
    redacted = (PostgresAudit("unused"), lambda _: policy)
    replayed = ReplayAccess(PostgresReplayReader(ReplayReaderConfig(dsn="unused")), PostgresRuleSets("unused"))
    config = SqlRunnerConfig(dsn="unused", key=b"unused", first_workspace_id=1, is_own_server=True)
    sql = SqlAccess(PostgresSqlRunner(config), max_rows=1, max_bytes=1)
    schema = create_app(
        store,
        logs=store.logs,
        redacted=redacted,
        ai=ai,
        queries=CannedQueries(),
        replayed=replayed,
        sql=sql,
        export=ExportAccess(CannedExport(), stall_timeout_s=1),
        details=DetailAccess(MemoryFrames(store), MemorySamples(store)),
        jaeger_access=JaegerAccess(archive=PostgresTraceArchive("unused"), decode=lambda _: batch()),
        statistics=PostgresSpanStatisticsReader(ReadPool(ReaderConfig(dsn="unused"))),
    ).openapi()
    served = {(method.upper(), _shape(path)) for path, methods in schema["paths"].items() for method in methods}
    documented = {(method, _shape(path)) for method, path in _DOCUMENTED.findall(document("docs/api.md"))}
    assert served <= documented
    assert {endpoint for endpoint in documented if endpoint[1].startswith("/api/")} <= served
