"""What the mapper makes of every source of decisions, written down from what its documentation says."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from processors.ai.mapper import Mapper
from processors.decisions.adapter import ADAPTERS
from processors.decisions.adapter.table import Adapter
from processors.decisions.subject import OF_EVENT, adapters_of, event_of_record
from tests.support.decision import decided
from tests.support.golden import Golden, between
from tests.support.llm_recording import RECORDED, WRITTEN, Recording, recording, recordings
from tests.support.repository import ROOT
from tracedata.decision import NO_OUTCOME, Decision

FOLDER = ROOT / "tests" / "fixtures" / "decisions"
_NAMES = recordings(FOLDER)
# Decisions in the recordings that were made for interactions.
_DECISIONS = {
    "openinference_openai_agents": 3,
    "claude_code_logs": 1,
    "litellm_v2": 2,
    "openinference_llama_index": 1,
    "pydantic_ai_v1": 1,
}


@pytest.mark.parametrize("name", _NAMES)
def test_decisions_are_as_reviewed(name: str, golden: Golden) -> None:
    rows = [_row(one) for one in _decided(recording(FOLDER, name))]
    golden.check(f"{name}.json", msgspec.json.format(msgspec.json.encode(rows), indent=1).decode() + "\n")


def test_no_golden_file_is_left_behind(golden: Golden) -> None:
    assert golden.names() == {f"{name}.json" for name in _NAMES}


@pytest.mark.parametrize("name", _NAMES)
def test_interactions_lose_nothing_to_decisions(name: str) -> None:
    told = recording(FOLDER, name)
    before = Mapper().interactions(told.spans, told.log_records)
    _decided(told)
    assert Mapper().interactions(told.spans, told.log_records) == before


def test_a_decision_of_a_model_is_an_interaction_too() -> None:
    told = recording(FOLDER, "openinference")
    (decision,) = [one for one in _decided(told) if one.component == "decide"]
    (interaction,) = [one for one in Mapper().interactions(told.spans) if one.operation == "decision"]
    assert interaction.span_id == decision.span_id
    assert interaction.usage.total == 42


def test_other_recordings_have_the_decisions_that_were_made() -> None:
    places = [(folder, name) for folder in (RECORDED, WRITTEN) for name in recordings(folder)]
    counts = {name: len(_decided(recording(folder, name))) for folder, name in places}
    assert {name: count for name, count in counts.items() if count} == _DECISIONS


def test_every_table_has_a_fixture() -> None:
    used: set[str] = set()
    for name in _NAMES:
        told = recording(FOLDER, name)
        used |= {adapter.title for span in told.spans for adapter, _ in adapters_of(span)}
        used |= {OF_EVENT[event.name].title for span in told.spans for event in span.events if event.name in OF_EVENT}
        used |= {OF_EVENT[name].title for record in told.log_records if (name := event_of_record(record)) in OF_EVENT}
    assert used == {adapter.title for adapter in ADAPTERS}


def test_the_tables_of_the_page_are_those_of_the_code_and_of_the_fixtures(request: pytest.FixtureRequest) -> None:
    page = Golden(ROOT / "docs", update=request.config.getoption("--update-golden"))
    text = (ROOT / "docs" / "decision-traces.md").read_text()
    head = "\n| source | known by | type | component |\n| --- | --- | --- | --- |\n"
    text = between(text, "sources", head + "".join(_described(adapter) for adapter in ADAPTERS) + "\n")
    page.check("decision-traces.md", between(text, "coverage", f"\n{_coverage()}"))


def _described(adapter: Adapter) -> str:
    known = [f"event `{name}`" for name in adapter.events]
    known += [f"`{key}`" for key in adapter.keys[:3]] + ["..."] * (len(adapter.keys) > 3)
    known += [f"`{key}` = {' or '.join(values)}" for key, values in adapter.values.items()]
    known += [f"span named `{name}`" for name in adapter.names]
    type_ = "as told" if adapter.types else f"`{adapter.type}`"
    component = ", ".join(f"`{key}`" for key in adapter.components) or f"{adapter.component}"
    return f"| {adapter.title} | {', '.join(known)} | {type_} | {component} |\n"


_COLUMNS = (
    "rule_id",
    "outcome",
    "input",
    "output",
    "reasoning",
    "is_enforced",
    "candidates",
    "evaluation_ns",
    "user_id",
    "session_id",
    "request_id",
    "request_path",
)


def _coverage() -> str:
    """How many decisions of each fixture have what."""
    titles = ["fixture", "decisions", "carriers", *(name.removesuffix("_ns").replace("_", " ") for name in _COLUMNS)]
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    for name in _NAMES:
        made = _decided(recording(FOLDER, name))
        carriers = sorted({carrier.replace("_", " ") for one in made for carrier in one.carriers})
        counts = [sum(getattr(one, field) not in ("", None, ()) for one in made) or "" for field in _COLUMNS]
        lines.append("| " + " | ".join(map(str, [name, len(made), ", ".join(carriers), *counts])) + " |")
    return "\n".join(lines) + "\n\n"


def _decided(told: Recording) -> Sequence[Decision]:
    return decided(*told.spans, records=told.log_records)


def _row(decision: Decision) -> dict[str, object]:
    """Everything that is not its default, ids in hex."""
    row = {
        name: value.hex() if isinstance(value, bytes) else value
        for name in Decision.__struct_fields__
        if (value := getattr(decision, name)) not in (None, "", b"", (), {}) and name != "mapper_version"
    }
    if decision.final == NO_OUTCOME:
        del row["final"]
    return row
