"""The commands that people type, against a system with the demo's data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from relayscope.demo.load import DemoSummary, run_once
from tests.support.exporter import Exporter, Transport
from tests.support.factory import full_span
from tests.support.invocation import invoke
from tests.support.repository import document
from tests.support.system import ANY_PORTS, System, run

_TRACES = 40


@pytest.fixture(scope="module")
def loaded(system: System) -> DemoSummary:
    """The demo's traffic, in the shared system."""
    summary = run_once(api_url=system.url, otlp_endpoint=f"http://127.0.0.1:{system.ready.otlp_grpc}", traces=_TRACES)
    assert summary.complete
    return summary


def _lines(system: System, *arguments: str) -> str:
    result = invoke(*arguments, "--url", system.url)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def _json(system: System, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(_lines(system, *arguments, "--json"))


def test_the_demo_loads_checks_and_prints_its_summary(data_folder: Path) -> None:
    data = str(data_folder / "data")

    result = run("demo", "--once", "--json", "--traces", str(_TRACES), "--data-dir", data, "--workers", "2", *ANY_PORTS)

    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["spans_sent"] == summary["spans_stored"] > _TRACES
    assert summary["traces"] == _TRACES
    assert summary["services"] >= 7
    assert summary["edges"] >= summary["services"] - 1
    assert "Traceback" not in result.stderr


def test_services(system: System, loaded: DemoSummary) -> None:
    names = {item["name"] for item in _json(system, "services")["items"]}

    assert "relaycore-gateway" in names
    assert len(names) >= loaded.services
    assert "relaycore-gateway" in _lines(system, "services")


def test_traces(system: System, loaded: DemoSummary) -> None:
    filters = ("--service", "relaycore-gateway", "--status", "error", "--limit", "3")

    page = _json(system, "traces", *filters)
    drawn = _lines(system, "traces", *filters)

    assert len(page["items"]) == 3
    assert all(item["errorCount"] and "relaycore-gateway" in item["services"] for item in page["items"])
    assert all(item["traceId"] in drawn for item in page["items"])


def test_trace(system: System, loaded: DemoSummary) -> None:
    assert loaded.example_trace_id is not None

    found = _json(system, "trace", loaded.example_trace_id)
    drawn = _lines(system, "trace", loaded.example_trace_id)

    assert found["traceId"] == loaded.example_trace_id
    assert len(found["spans"]) == found["spanCount"]
    assert [span["name"] for span in found["spans"] if span["name"][:20] not in drawn] == [], drawn


def test_map(system: System, loaded: DemoSummary) -> None:
    edges = {(edge["source"], edge["target"]) for edge in _json(system, "map")["edges"]}
    drawn = _lines(system, "map")

    assert len(edges) >= loaded.edges
    assert [name for edge in edges for name in edge if name not in drawn] == [], drawn


def test_the_examples_of_the_documents_find_something(system: System, loaded: DemoSummary) -> None:
    examples = [
        path
        for page in ("README.md", "docs/api.md")
        for path in re.findall(r"curl '?http://127\.0\.0\.1:8000(/api/v1/traces\?[^'\s]*)", document(page))
    ]

    assert len(examples) == 2
    assert [path for path in examples if not system.get(path)["items"]] == []


def test_jaeger_agrees_with_the_map(system: System, loaded: DemoSummary) -> None:
    edges = system.get("/api/v1/traces/services")["edges"]

    links = system.jaeger("/api/dependencies", lookback=86_400_000)

    assert len(edges) >= loaded.edges
    # Jaeger knows of services only, and takes work within one for calls to itself.
    calls = [
        edge for edge in edges if edge["kind"] == "call" and not edge["async"] and edge["source"] != edge["target"]
    ]
    assert {
        (link["parent"], link["child"], link["callCount"]) for link in links if link["parent"] != link["child"]
    } == {(edge["source"], edge["target"], edge["calls"]) for edge in calls}
    assert all(0 <= edge["errors"] <= edge["calls"] for edge in edges)
    assert all(0 < edge["p50"] <= edge["p95"] <= edge["p99"] for edge in edges)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("trace", "00000000000000000000000000000bad"), 1, "no trace with this id", id="unknown-trace"),
        pytest.param(("traces", "--min-duration", "soon"), 2, "minDuration", id="malformed-duration"),
        pytest.param(("traces", "--colour", "red"), 2, "--colour", id="unknown-flag"),
    ],
)
def test_a_question_that_cannot_be_answered(system: System, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = invoke(*arguments, "--url", system.url)

    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_nobody_answers() -> None:
    result = run("services", "--url", "http://127.0.0.1:9")

    assert (result.returncode, result.stdout) == (1, "")
    assert "relayscope up" in result.stderr


def test_migrate_leaves_a_running_system_alone(system: System) -> None:
    result = run("migrate", "--database-url", system.ready.database_url, "--json")

    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["applied"] == []
    sent = full_span()
    with Exporter(system.ready, Transport("grpc")) as exporter:
        exporter.export([sent])
    assert _json(system, "trace", sent.trace_id.hex())["spanCount"] == 1
