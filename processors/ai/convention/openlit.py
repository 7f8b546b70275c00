"""OpenLIT: GenAI attributes with costs that it computes."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, CostKeys, Moment, UsageKeys

CONVENTION = Convention(
    name="openlit",
    title="OpenLIT",
    scopes=("openlit*",),
    markers=("gen_ai.usage.cost", "gen_ai.sdk.version"),
    operations=(Choice("gen_ai.operation.name", {"framework": "workflow", "agent": "agent", "vectordb": "retriever"}),),
    user_id=("gen_ai.request.user", "gen_ai.user.id"),
    session_id=("gen_ai.session.id", "coding_agent.session.id"),
    endpoint=("server.address", "gen_ai.endpoint"),
    # Zero when nothing was streamed.
    first_token=(Moment("gen_ai.server.time_to_first_token", "s"),),
    usage=UsageKeys(cache_read=("gen_ai.usage.cache.read_input_tokens",)),
    costs=(
        CostKeys(total="gen_ai.usage.cost", currency="gen_ai.usage.cost.currency"),
        CostKeys(total="coding_agent.session.cost_usd"),
    ),
)
