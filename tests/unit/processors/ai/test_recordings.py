"""What the mapper makes of everything that instrumentations emitted for known requests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from processors.ai.convention import CONVENTIONS
from processors.ai.convention.table import Convention
from processors.ai.detection import plan_for
from processors.ai.mapper import Mapper
from processors.ai.record import scope_of, told_of
from tests.support.golden import Golden, between
from tests.support.llm_recording import RECORDED, WRITTEN, Recording, recording, recordings
from tests.support.repository import ROOT
from tracedata.interaction import MODEL_OPERATIONS, Conversation, Interaction, Usage

_ALL = [(RECORDED, name) for name in recordings(RECORDED)] + [(WRITTEN, name) for name in recordings(WRITTEN)]
_IDS = [name for _, name in _ALL]
# Requests that the instrumentation of a recording told nothing of, by path.
_UNSEEN = {
    "crewai": ("/v1/chat/completions",),
    "crewai_openinference": ("/v1/chat/completions",),
    "openai_v2_legacy": ("/v1/responses",),
    "traceloop_openai_old": ("/v1/responses",),
}
# Tokens of all calls, in and out, as the server counted them, less those that nobody was told of: streams without usage,
# and, for old instrumentations, all streams. CrewAI tells of tokens for a whole crew only.
_TOKENS = {
    "crewai_openinference": (0, 0),
    "genai_openai_content": (1209, 300),
    "genai_openai_default": (1209, 300),
    "langchain_langsmith": (480, 120),
    "litellm_otel": (499, 120),
    "openai_v2_legacy": (849, 210),
    "openinference_anthropic": (650, 150),
    "openinference_openai": (1209, 300),
    "openinference_openai_agents": (480, 120),
    "pydantic_ai_v2": (960, 240),
    "traceloop_openai": (1209, 300),
    "traceloop_openai_old": (609, 150),
    "claude_code": (84_777, 176),
    "claude_code_logs": (85_177, 188),
    "codex_logs": (1_200, 300),
    "crewai": (240, 60),
    "google_adk": (120, 30),
    "haystack": (120, 30),
    "langfuse": (130, 30),
    "litellm_v2": (120, 30),
    "logfire": (120, 30),
    "mlflow": (120, 30),
    "openinference_llama_index": (169, 32),
    "openlit": (240, 60),
    "pydantic_ai_v1": (280, 62),
    "semantic_kernel": (240, 60),
    "strands": (130, 30),
    "traceloop_anthropic": (260, 60),
    "traceloop_langchain": (120, 30),
    "vercel": (249, 60),
    "vercel_genai": (120, 30),
}


@pytest.mark.parametrize(("folder", "name"), _ALL, ids=_IDS)
def test_every_request_that_was_told_of_is_one_call(folder: Path, name: str) -> None:
    told = recording(folder, name)
    seen = [request for request in told.requests if request.path not in _UNSEEN.get(name, ())]
    assert len(_calls(_interactions(told))) == len(seen)


@pytest.mark.parametrize(("folder", "name"), _ALL, ids=_IDS)
def test_tokens_are_counted_once(folder: Path, name: str) -> None:
    usages = [one.usage for one in _interactions(recording(folder, name))]
    assert _TOKENS[name] == (
        sum(usage.input_total or 0 for usage in usages),
        sum(usage.output_total or 0 for usage in usages),
    )


@pytest.mark.parametrize(("folder", "name"), _ALL, ids=_IDS)
def test_interactions_and_conversations_are_as_reviewed(folder: Path, name: str, golden: Golden) -> None:
    told = recording(folder, name)
    rows = [_row(one, _conversation(told, one)) for one in _interactions(told)]
    golden.check(f"{name}.json", msgspec.json.format(msgspec.json.encode(rows), indent=1).decode() + "\n")


def test_every_convention_has_a_recording() -> None:
    spoken = set()
    for folder, name in _ALL:
        told = recording(folder, name)
        spoken |= {plan_for(span.scope.name, span.attributes).convention.name for span in told.spans}
        spoken |= {plan_for(scope_of(one), one.record.attributes).convention.name for one in told_of(told.log_records)}
    assert spoken >= {convention.name for convention in CONVENTIONS}


def test_no_golden_file_is_left_behind(golden: Golden) -> None:
    assert golden.names() == {f"{name}.json" for name in _IDS}


def test_the_tables_of_the_page_are_those_of_the_code_and_of_the_recordings(request: pytest.FixtureRequest) -> None:
    page = Golden(ROOT / "docs", update=request.config.getoption("--update-golden"))
    text = (ROOT / "docs" / "conventions.md").read_text()
    head = "\n| table | convention | known by scope | known by attribute |\n| --- | --- | --- | --- |\n"
    text = between(text, "tables", head + "".join(_described(convention) for convention in CONVENTIONS) + "\n")
    page.check("conventions.md", between(text, "coverage", f"\n{_coverage()}"))


def _described(convention: Convention) -> str:
    scopes, markers = (", ".join(f"`{key}`" for key in keys) for keys in (_few(convention.scopes), convention.markers))
    return f"| `{convention.name}` | {convention.title} | {scopes} | {markers} |\n"


def _few(scopes: Sequence[str]) -> Sequence[str]:
    """A library for each provider is too many to list."""
    return scopes if len(scopes) < 12 else (*scopes[:3], "...")


def _coverage() -> str:
    columns = (
        "recording|requests|told of|calls|input tokens|output tokens|cost|messages|tool calls|first token|user|session"
    )
    lines = [f"| {columns.replace('|', ' | ')} |", "|" + " --- |" * len(columns.split("|"))]
    lines += [_line(folder, name) for folder, name in _ALL]
    return "\n".join(lines) + "\n\n"


def _line(folder: Path, name: str) -> str:
    told = recording(folder, name)
    rows = _interactions(told)
    calls = _calls(rows)
    seen = [request for request in told.requests if request.path not in _UNSEEN.get(name, ())]
    cost = sum(one.cost.amount or 0 for one in calls)
    cells = (
        f"`{name}`" if folder == RECORDED else name,
        len(told.requests),
        len(seen),
        len(calls),
        sum(one.usage.input_total or 0 for one in rows),
        sum(one.usage.output_total or 0 for one in rows),
        f"{cost:.7f}".rstrip("0").rstrip(".") if cost else "",
        sum(bool(one.prompt) for one in calls) or "",
        sum(len(one.tool_calls) for one in calls) or "",
        sum(one.time_to_first_token_ns is not None for one in calls) or "",
        sum(bool(one.user_id) for one in calls) or "",
        sum(bool(one.session_id) for one in calls) or "",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _interactions(told: Recording) -> Sequence[Interaction]:
    failures: list[int] = []
    made = Mapper(failed=failures.append).interactions(told.spans, told.log_records)
    assert failures == []
    return made


def _calls(made: Sequence[Interaction]) -> Sequence[Interaction]:
    return [one for one in made if one.operation in MODEL_OPERATIONS]


def _conversation(told: Recording, interaction: Interaction) -> Conversation:
    places = [(source.trace_id, source.span_id) for source in interaction.sources]
    spans = {(span.trace_id, span.span_id): span for span in told.spans}
    records = [one for one in told.log_records if one.span_id and (one.trace_id, one.span_id) in places]
    return Mapper().conversation([spans[place] for place in places if place in spans], records)


def _row(interaction: Interaction, conversation: Conversation) -> dict[str, object]:
    """Everything that is not its default, ids in hex."""
    row: dict[str, object] = {
        name: _shown(value)
        for name in Interaction.__struct_fields__
        if (value := getattr(interaction, name)) not in (None, "", b"", (), {}, Usage()) and name != "mapper_version"
    }
    row["input"] = [_message(one) for one in conversation.input]
    row["output"] = [_message(one) for one in conversation.output]
    row["tools"] = [tool.get("name") for tool in conversation.tools]
    return row


def _shown(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: _shown(one) for name, one in fields.items() if one not in (None, "", (), False, b"")}
    return [_shown(one) for one in value] if isinstance(value, tuple) else value


def _message(message: object) -> object:
    assert isinstance(message, msgspec.Struct)
    shown = _shown(message)
    assert isinstance(shown, dict)
    for part in shown.get("parts", ()):
        part.pop("data", None)
    return shown
