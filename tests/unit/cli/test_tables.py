from __future__ import annotations

import io
from datetime import date

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from relayscope.api.rest import schema, service_schema
from relayscope.api.rest.representation import represent_summary
from relayscope.api.rest.servicemap import represent_map
from relayscope.cli.render.map import render_map
from relayscope.cli.render.services import render_services
from relayscope.cli.render.text import clean, duration, fit, rate
from relayscope.cli.render.traces import render_traces
from storage.api import PeerEdge, ServiceMap, Window
from tests.support.canned_reader import TRACE_ID, edge, node, statistics
from tests.support.outline import outline_of
from tests.support.trace import CHILD, MS, ROOT, failed

DAY = date(2025, 1, 31)
WINDOW = Window(workspace_id=1, start_us=0, end_us=3_600_000_000)


def drawn(renderable: RenderableType, width: int = 140) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [" ".join(line.split()) for line in capture.get().splitlines()]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0.0, "0 ms"), (0.000_5, "500 ns"), (0.000_000_25, "0.25 ns"), (0.012_34, "12.3 µs"), (1.0, "1 ms"),
        (999.4, "999 ms"), (1_250.0, "1.25 s"), (90_000.0, "1.5 min"), (7_200_000.0, "2 h"), (-5.0, "-5 ms"),
        (None, "-"), (float("nan"), "-"), (1e12, "277,778 h"),
    ],
)  # fmt: skip
def test_durations(milliseconds: float | None, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("per_second", "text"), [(0.0, "0/h"), (1_234.0, "1,234/s"), (1.5, "1.5/s"), (0.1, "6/min"), (0.01, "36/h")]
)
def test_rates(per_second: float, text: str) -> None:
    assert rate(per_second) == text


@pytest.mark.parametrize(
    ("text", "width", "fitted"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc…"), ("abc", 0, ""), ("日本語", 4, "日… "), ("abc", 1, "…")],
)
def test_text_fits(text: str, width: int, fitted: str) -> None:
    assert fit(text, width) == fitted


def test_harmless_text_is_kept() -> None:
    assert clean("größer 日本 🚀 [x]") == "größer 日本 🚀 [x]"


def test_traces() -> None:
    answer = schema.TraceList(items=[represent_summary(outline_of([ROOT, failed(CHILD)]))], next_cursor="CUR")
    lines = drawn(render_traces(answer, width=140, today=DAY))
    assert lines[2] == (f"{TRACE_ID.hex()} 2025-01-31 12:00:00.123 gateway POST /v1/chat/completions 100 ms 2 1 error")
    assert lines[-1] == "More: --cursor CUR"


def test_ids_of_traces_survive_a_narrow_terminal() -> None:
    answer = schema.TraceList(items=[represent_summary(outline_of([replace(ROOT, name="x" * 300)]))], next_cursor=None)
    assert any(TRACE_ID.hex() in line for line in drawn(render_traces(answer, width=80, today=DAY), width=80))


def test_map() -> None:
    answer = represent_map(
        ServiceMap(nodes=[node("a"), node("b")], edges=[edge("a", "b", calls=36), edge("b", "c", calls=72)]),
        window=WINDOW,
    )
    lines = drawn(render_map(answer, width=140))
    assert "RATE is CALLS divided by the whole window, 1 h." in lines
    assert "b → c 1.2/min 72 1.39 % 1 ms 2.5 ms 9.75 ms" in lines
    assert "a → b 36/h 36 2.78 % 1 ms 2.5 ms 9.75 ms" in lines
    assert "a 20 10 10 % 1 ms 2.5 ms 9.75 ms" in lines


@pytest.mark.parametrize(
    ("renderable", "sentence"),
    [
        (render_traces(schema.TraceList(items=[], next_cursor=None), width=80, today=DAY), "No traces match."),
        (render_services(service_schema.ServiceList(items=[], next_cursor=None)), "No service has sent spans yet."),
        (
            render_map(represent_map(ServiceMap(nodes=[], edges=[]), window=WINDOW), width=80),
            "No service has sent spans in this window",
        ),
        (
            render_map(represent_map(ServiceMap(nodes=[node("a")], edges=[]), window=WINDOW), width=80),
            "No service called another one",
        ),
    ],
    ids=["traces", "services", "map", "edges"],
)
def test_nothing_is_said_in_a_sentence(renderable: RenderableType, sentence: str) -> None:
    assert sentence in " ".join(drawn(renderable))


def test_services() -> None:
    answer = service_schema.ServiceList(
        items=[service_schema.Service(name="gateway"), service_schema.Service(name="[b]")], next_cursor=None
    )
    assert drawn(render_services(answer))[-2:] == ["gateway", "[b]"]


def test_no_digit_is_cut_on_a_narrow_terminal() -> None:
    answer = represent_map(
        ServiceMap(nodes=[node("a" * 60), node("b" * 60)], edges=[edge("a" * 60, "b" * 60)]), window=WINDOW
    )
    assert any("10/h 10 % 2.5 ms" in line for line in drawn(render_map(answer, width=80), width=80))
    traces = schema.TraceList(
        items=[represent_summary(outline_of([replace(ROOT, name="x" * 99), failed(CHILD)]))], next_cursor=None
    )
    assert any(line.endswith("100 ms error") for line in drawn(render_traces(traces, width=80, today=DAY), width=80))


@pytest.mark.parametrize(
    ("today", "days_later", "times"),
    [
        (DAY, 0, ["12:00:00", "12:00:00"]),
        (DAY, -1, ["01-31 12:00:00", "01-30 12:00:00"]),
        (date(2025, 2, 1), 0, ["01-31 12:00:00", "01-31 12:00:00"]),
        (date(2026, 1, 31), 0, ["2025-01-31 12:00", "2025-01-31 12:00"]),
    ],
    ids=["today", "two days", "yesterday", "last year"],
)
def test_a_narrow_terminal_shows_the_date_when_it_is_not_today(today: date, days_later: int, times: list[str]) -> None:
    shift = days_later * 24 * 3_600_000 * MS
    other = replace(
        ROOT,
        start_time_unix_nano=ROOT.start_time_unix_nano + shift,
        end_time_unix_nano=ROOT.end_time_unix_nano + shift,
    )
    answer = schema.TraceList(
        items=[represent_summary(outline_of([ROOT])), represent_summary(outline_of([other]))], next_cursor=None
    )
    lines = drawn(render_traces(answer, width=80, today=today), width=80)[-2:]
    assert [line.removeprefix(TRACE_ID.hex()).partition("POST")[0].strip() for line in lines] == times


def test_a_window_that_was_chosen_needs_no_advice_about_it() -> None:
    empty = schema.TraceList(items=[], next_cursor=None)
    assert drawn(render_traces(empty, width=80, today=DAY, has_start=True)) == ["No traces match."]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_names_are_cut_with_an_ellipsis_and_never_broken(width: int) -> None:
    answer = represent_map(
        ServiceMap(nodes=[node("a" * 60), node("b" * 60)], edges=[edge("a" * 60, "b" * 60)]), window=WINDOW
    )
    lines = drawn(render_map(answer, width=width), width=width)
    assert sum("aa" in line or "a…" in line for line in lines) == 2
    assert any("…" in line for line in lines)


def test_services_of_a_common_prefix_are_told_apart_on_a_narrow_terminal() -> None:
    names = ("relaycore-provider-openai", "relaycore-provider-anthropic", "relaycore-gateway")
    edges = [edge(names[2], names[0]), edge(names[2], names[1])]
    answer = represent_map(ServiceMap(nodes=[node(name) for name in names], edges=edges), window=WINDOW)
    lines = drawn(render_map(answer, width=80), width=80)
    assert any("relaycore-gateway → relaycore-provider-o" in line for line in lines)
    assert any("relaycore-gateway → relaycore-provider-a" in line for line in lines)


def test_what_sends_no_spans_is_shown_with_what_it_is() -> None:
    called = PeerEdge(kind="database", service="a", peer="orders", system="postgresql", statistics=statistics())
    taken = PeerEdge(
        kind="messaging", service="a", peer="mails", system="kafka", is_inbound=True, statistics=statistics()
    )
    linked = replace(edge("b", "a"), is_async=True)
    found = ServiceMap(nodes=[node("a"), node("b")], edges=[linked], peers=[called, taken])
    lines = drawn(render_map(represent_map(found, window=WINDOW), width=140))
    assert any(line.startswith("a → orders (postgresql) ") for line in lines)
    assert any(line.startswith("mails (kafka) ⇢ a ") for line in lines)
    assert any(line.startswith("b ⇢ a ") for line in lines)
    assert any(line.startswith("orders (postgresql) - ") for line in lines)
