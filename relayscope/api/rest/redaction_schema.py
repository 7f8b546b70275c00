"""The JSON of redaction: statistics, the policy, the audit log."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import Json


class RedactionCount(Json, frozen=True, kw_only=True):
    """How often an entity was redacted at one place."""

    entity: Annotated[str, Meta(examples=["EMAIL_ADDRESS"])]
    key: Annotated[str, Meta(description="The attribute key, or another place such as `name` or `body`.")]
    values: Annotated[int, Meta(description="Values that were redacted.")]
    spans: Annotated[int, Meta(description="Spans and log records in which they stood.")]


class RedactionStatistics(Json, frozen=True, kw_only=True):
    """What was redacted in a window."""

    items: Sequence[RedactionCount]
    next_cursor: str | None
    start: str
    end: str
    policy_hash: Annotated[str, Meta(description="The policy in force now.")]


class RedactionPolicy(Json, frozen=True, kw_only=True):
    """The policy in force."""

    enabled: bool
    policy_hash: Annotated[str, Meta(description="Names the policy in receipts and in the audit log.")]
    policy: Annotated[Mapping[str, Any], Meta(description="All of it, as in the configuration file.")]


class AuditEntry(Json, frozen=True, kw_only=True):
    """One act."""

    audit_id: int
    at: str
    actor: Annotated[str, Meta(description="The account that did it, and its machine.")]
    action: Annotated[str, Meta(examples=["redaction_policy"])]
    detail: Mapping[str, Any]


class AuditList(Json, frozen=True, kw_only=True):
    """Acts, newest first."""

    items: Sequence[AuditEntry]
    next_cursor: str | None


REDACTION_ANSWERS: tuple[type[msgspec.Struct], ...] = (RedactionStatistics, RedactionPolicy, AuditList)
