"""OpenTelemetry's GenAI conventions up to 1.36: ``gen_ai.system``, and messages as events (before 1.28 with JSON in attributes)."""

from __future__ import annotations

from processors.ai.convention.table import Convention, Source

CONVENTION = Convention(
    name="otel-old",
    title="OpenTelemetry GenAI, up to 1.36",
    markers=("gen_ai.system",),
    provider=("gen_ai.system",),
    input=(Source("gen_ai.prompt"),),
    output=(Source("gen_ai.completion"),),
)
