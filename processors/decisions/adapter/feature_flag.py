"""Feature flags: the event of OpenTelemetry, as a log record or as an event of a span.

Source: https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-events/
"""

from __future__ import annotations

from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice

_FLAG = "feature_flag."

ADAPTER = Adapter(
    name="feature_flag",
    title="OpenTelemetry, `feature_flag.evaluation`",
    # The event had the shorter name before it was of the logs.
    events=("feature_flag.evaluation", "feature_flag"),
    type="rule_evaluation",
    component="feature_flag",
    components=(f"{_FLAG}provider.name", f"{_FLAG}provider_name"),
    input_parts={"flag": (f"{_FLAG}key",), "context": (f"{_FLAG}context.id",), "set": (f"{_FLAG}set.id",)},
    output_parts={
        "variant": (f"{_FLAG}result.variant", f"{_FLAG}variant"),
        "value": (f"{_FLAG}result.value", f"{_FLAG}evaluation.value"),
    },
    reasons=(
        (f"{_FLAG}result.reason", f"{_FLAG}evaluation.reason"),
        (f"{_FLAG}error.message", f"{_FLAG}evaluation.error.message"),
    ),
    rule_id=(f"{_FLAG}key",),
    rule_version=(f"{_FLAG}version",),
    outcomes=(
        Choice("error.type", {"*": "error"}),
        Choice(f"{_FLAG}result.reason", {"error": "error"}),
        Choice(f"{_FLAG}result.variant", {"*": AS_IT_CAME}),
        Choice(f"{_FLAG}variant", {"*": AS_IT_CAME}),
        Choice(f"{_FLAG}result.value", {"*": AS_IT_CAME}),
    ),
)
