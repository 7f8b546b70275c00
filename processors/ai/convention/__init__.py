"""The conventions that are known, in order of precedence: the first that recognises a span reads it.

A key that its table lacks is looked up in the tables below and above in the same order. docs/conventions.md says how to add one.
"""

from __future__ import annotations

from processors.ai.convention import (
    anthropic_native,
    claude_code,
    codex,
    crewai,
    google_adk,
    haystack,
    langfuse,
    langsmith,
    litellm,
    litellm_v2,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    openllmetry_old,
    otel,
    otel_old,
    pydantic_ai,
    semantic_kernel,
    strands,
    vercel,
    vercel_genai,
)
from processors.ai.convention.table import Convention

CONVENTIONS: tuple[Convention, ...] = (
    langfuse.CONVENTION,
    openinference.CONVENTION,
    vercel.CONVENTION,
    vercel_genai.CONVENTION,
    langsmith.CONVENTION,
    pydantic_ai.CONVENTION,
    litellm_v2.CONVENTION,
    litellm.CONVENTION,
    mlflow.CONVENTION,
    google_adk.CONVENTION,
    anthropic_native.CONVENTION,
    claude_code.CONVENTION,
    codex.CONVENTION,
    strands.CONVENTION,
    semantic_kernel.CONVENTION,
    openlit.CONVENTION,
    haystack.CONVENTION,
    crewai.CONVENTION,
    openllmetry_old.CONVENTION,
    openllmetry.CONVENTION,
    otel.CONVENTION,
    otel_old.CONVENTION,
)
