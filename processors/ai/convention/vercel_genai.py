"""The Vercel AI SDK's OpenTelemetry integration: GenAI attributes, with the tokens of a call on the agent above it too."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention

CONVENTION = Convention(
    name="vercel-genai",
    title="Vercel AI SDK, `gen_ai.*`",
    scopes=("gen_ai", "@ai-sdk/otel"),
    operations=(Choice("gen_ai.operation.name", {"agent_step": "workflow", "rerank": "rerank"}),),
    agent=("gen_ai.agent.name",),
)
