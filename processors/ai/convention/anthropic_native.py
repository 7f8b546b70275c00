"""The spans of Anthropic's own SDK and platform: requests as they are on the wire, the input with what came from caches."""

from __future__ import annotations

from processors.ai.convention.table import Convention, UsageKeys

_CREATED = "anthropic.usage.cache_creation.ephemeral_"

CONVENTION = Convention(
    name="anthropic",
    title="Anthropic's SDK and platform",
    scopes=("com.anthropic.sdk.*", "com.anthropic.claude-platform*"),
    relevant_prefixes=("anthropic.",),
    is_transport=True,
    default_provider="anthropic",
    names={"anthropic.messages": "chat", "anthropic.beta.messages": "chat", "anthropic.completions": "completion"},
    request_id=("anthropic.request_id", "anthropic.response.request_id"),
    organization_id=("anthropic.organization_id",),
    finish_reason=("anthropic.message.stop_reason",),
    usage=UsageKeys(
        cache_write_5m=(f"{_CREATED}5m_input_tokens",),
        cache_write_1h=(f"{_CREATED}1h_input_tokens",),
    ),
)
