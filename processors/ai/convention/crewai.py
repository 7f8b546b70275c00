"""CrewAI's own telemetry: crews, tasks and tools; it calls models through other libraries."""

from __future__ import annotations

from processors.ai.convention.table import Choice, Convention, Source, UsageKeys

_USAGE = "crewai.crew.usage_metrics#"

CONVENTION = Convention(
    name="crewai",
    title="CrewAI",
    scopes=("crewai.telemetry*", "crewai"),
    markers=(
        "crewai.crew.id",
        "crewai.crew.usage_metrics",
        "crewai.agent.role",
        "crewai.task.id",
        "crewai.task.description",
    ),
    relevant_prefixes=("crewai.",),
    operations=(Choice("gen_ai.operation.name", {"invoke_agent": "agent", "execute_task": "workflow"}),),
    names={
        "Crew Execution": "workflow",
        "Crew Created": "other",
        "Task Execution": "workflow",
        "Task Created": "other",
        "Tool Usage": "tool",
        "Flow Execution": "workflow",
        "crewai.workflow": "workflow",
    },
    agent=("crewai.agent.role",),
    aggregate=UsageKeys(
        input=(f"{_USAGE}prompt_tokens",),
        output=(f"{_USAGE}completion_tokens",),
        cache_read=(f"{_USAGE}cached_prompt_tokens",),
        total=(f"{_USAGE}total_tokens",),
    ),
    input=(Source("crewai.task.description"),),
    output=(Source("crewai.crew.result"), Source("crewai.task.output"), Source("crewai.agent.output")),
)
