from __future__ import annotations

from relayscope.api.app import create_app
from relayscope.api.rest.redaction import EffectivePolicy
from storage.postgres.audit import PostgresAudit
from tests.support.memory_store import MemoryStore

_POLICY = EffectivePolicy(is_enabled=True, policy_hash="", tree={})


def test_no_endpoint_of_redaction_or_of_the_audit_log_changes_anything() -> None:
    paths = create_app(MemoryStore(), redacted=(PostgresAudit("unused"), _POLICY)).openapi()["paths"]
    about = {path: set(methods) for path, methods in paths.items() if "redaction" in path or "audit" in path}
    assert len(about) >= 2
    assert set().union(*about.values()) == {"get"}
