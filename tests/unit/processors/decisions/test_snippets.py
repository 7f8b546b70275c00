"""The snippets of the page say what they are meant to say."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from processors.decisions.adapter import decision_trace
from receiver.protobuf import decode_traces
from tests.support.decision import decided
from tests.support.repository import ROOT
from tracedata.decision import Decision, FinalOutcome

_LANGUAGES = ("python", "typescript", "go")


def _snippet(language: str) -> str:
    text = (ROOT / "docs" / "decision-traces.md").read_text()
    found = re.search(rf"<!-- {language} -->\n```{language}\n(.*?)```\n<!-- end of {language} -->", text, re.DOTALL)
    assert found is not None
    return found[1]


def _run(code: str, monkeypatch: pytest.MonkeyPatch) -> Sequence[Decision]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The snippet finds its provider as every application does; setting the real global one could not be undone.
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    exec(code, {})  # noqa: S102 - our own page
    return decided(*decode_traces(encode_spans(exporter.get_finished_spans()).SerializeToString(), 1).spans)


def test_the_python_snippet_runs_and_its_decisions_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    routed, budget = _run(_snippet("python"), monkeypatch)
    assert (routed.type, routed.component, routed.rule_id) == ("model_selection", "router", "r-17")
    assert routed.input == {"prompt_tokens": 812, "plan": "team"}
    assert routed.output == {"provider": "openai", "model": "gpt-4o-mini"}
    assert routed.candidates == ("gpt-4o", "gpt-4o-mini")
    assert routed.evaluation_ns == 420_000
    assert (budget.type, budget.outcome, budget.carriers) == ("budget_check", "within", ("span",))
    assert budget.evaluation_ns is not None
    assert {one.user_id for one in (routed, budget)} == {"user-7"}
    final = FinalOutcome(provider="openai", model="gpt-4o-mini-2024-07-18", status="success", is_stated=True)
    assert {one.final for one in (routed, budget)} == {final}


def test_all_snippets_use_the_same_keys() -> None:
    keys = [set(re.findall(r"decision_trace\.[\w.]+", _snippet(language))) for language in _LANGUAGES]
    assert keys[0] == keys[1] == keys[2]


def test_the_page_names_every_key_that_is_read() -> None:
    text = (ROOT / "docs" / "decision-traces.md").read_text()
    adapter = decision_trace.ADAPTER
    read = [*adapter.id, *adapter.components, *adapter.input, *adapter.output, *adapter.reasons[0]]
    read += [*adapter.rule_id, *adapter.rule_name, *adapter.rule_version, *adapter.enforced, *adapter.candidates]
    read += [*adapter.sequence, *adapter.parent_id, adapter.durations[0].key, adapter.outcomes[0].key]
    assert [key for key in read if f"`{key}`" not in text] == []
