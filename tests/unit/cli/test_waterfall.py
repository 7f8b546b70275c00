from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console, RenderableType

from relayscope.api.rest import schema
from relayscope.api.rest.representation import represent_spans, represent_trace
from relayscope.cli.render.tree import walk
from relayscope.cli.render.waterfall import waterfall
from tests.support.canned_reader import START_NS
from tests.support.outline import outline_of
from tests.support.trace import CHILD, MS, ROOT, failed
from tracedata import Span


def drawn(renderable: RenderableType, *, width: int = 100, colour: bool = False) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    with console.capture() as capture:
        console.print(renderable)
    return capture.get().splitlines()


def trace_of(spans: Sequence[Span]) -> schema.Trace:
    return represent_trace(outline_of(spans), shown=spans, next_cursor=None)


def ident(number: int) -> bytes:
    return number.to_bytes(8, "big")


def graph(edges: Sequence[tuple[int, int | None]]) -> list[Span]:
    """Spans of (id, parent) that start one after the other."""
    return [
        replace(
            ROOT,
            name=f"n{place}",
            span_id=ident(number),
            parent_span_id=b"" if parent is None else ident(parent),
            start_time_unix_nano=START_NS + place,
        )
        for place, (number, parent) in enumerate(edges)
    ]


def shape(edges: Sequence[tuple[int, int | None]]) -> list[tuple[str, int, str | None]]:
    nodes = walk(represent_spans(graph(edges)), limit=100, max_depth=10)
    return [(node.span.name, len(node.is_last), node.fault) for node in nodes]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([(1, None), (2, 1), (3, 2), (4, 1)], [("n0", 0, None), ("n1", 1, None), ("n2", 2, None), ("n3", 1, None)]),
        ([(2, 1), (1, None)], [("n1", 0, None), ("n0", 1, None)]),
        ([(1, 9), (2, 1)], [("n0", 0, "missing"), ("n1", 1, None)]),
        ([(1, 1)], [("n0", 0, "itself")]),
        ([(1, 2), (2, 1)], [("n0", 0, "cycle"), ("n1", 1, None)]),
        ([(5, None), (1, 3), (2, 1), (3, 2)], [("n0", 0, None), ("n1", 0, "cycle"), ("n2", 1, None), ("n3", 2, None)]),
        ([(1, None), (1, None), (2, 1)], [("n0", 0, None), ("n2", 1, None), ("n1", 0, None)]),
        ([(1, None), (1, 1)], [("n0", 0, None), ("n1", 0, "itself")]),
        ([(3, 1), (1, 2), (2, 1)], [("n0", 0, "cycle"), ("n1", 0, "cycle"), ("n2", 1, None)]),
    ],
    ids=[
        "tree",
        "child first",
        "missing",
        "itself",
        "cycle of two",
        "cycle of three",
        "twins",
        "own twin",
        "below a cycle",
    ],
)
def test_odd_graphs(edges: list[tuple[int, int | None]], expected: list[tuple[str, int, str | None]]) -> None:
    assert shape(edges) == expected


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ([(1, None)], None),
        ([(1, 9)], "(parent is missing)"),
        ([(1, 1)], "(is its own parent)"),
        ([(1, 2), (2, 1)], "(parents form a cycle)"),
    ],
    ids=["none", "missing", "itself", "cycle"],
)
def test_what_is_wrong_with_a_parent_is_said(edges: list[tuple[int, int | None]], said: str | None) -> None:
    text = "\n".join(drawn(waterfall(trace_of(graph(edges)), width=160), width=160))
    assert re.findall(r"\(.*?\)", text) == ([said] if said else [])


@given(
    edges=st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), max_size=30),
    max_depth=st.integers(1, 5),
)
def test_every_span_is_shown_once(edges: list[tuple[int, int | None]], max_depth: int) -> None:
    nodes = walk(represent_spans(graph(edges)), limit=1_000, max_depth=max_depth)
    assert sorted(node.span.name for node in nodes) == sorted(f"n{place}" for place in range(len(edges)))
    assert all(len(node.is_last) <= max_depth for node in nodes)


@given(
    edges=st.lists(st.tuples(st.integers(0, 6), st.none() | st.integers(0, 6)), min_size=1, max_size=12),
    width=st.integers(1, 120),
    name=st.text(max_size=40),
)
def test_no_line_is_wider_than_the_terminal(edges: list[tuple[int, int | None]], width: int, name: str) -> None:
    spans = [failed(replace(span, name=name), message=name) for span in graph(edges)]
    lines = drawn(waterfall(trace_of(spans), width=width), width=width)
    assert len(lines) >= len(edges)
    assert all(cell_len(line) <= width for line in lines)


def test_a_trace_is_drawn() -> None:
    late = replace(CHILD, span_id=ident(3), name="bill", start_time_unix_nano=START_NS + 90 * MS)
    lines = drawn(waterfall(trace_of([ROOT, CHILD, replace(late, end_time_unix_nano=START_NS + 100 * MS)]), width=80))
    assert lines[0] == "gateway  POST /v1/chat/completions"
    assert "100 ms" in lines[1]
    assert "3 spans · 2 services" in lines[1] + lines[2]
    root, chat, bill = lines[-3:]
    assert root.startswith("gateway POST /v1/chat/completions")
    assert chat.startswith("├─ provider chat gpt-4o")
    assert bill.startswith("└─ provider bill")
    assert (root.count("█"), chat.count("█"), bill.count("█")) == (31, 25, 4)
    assert bill.index("█") - root.index("█") == 27


def test_errors_stand_out() -> None:
    spans = [ROOT, failed(CHILD, message="rate limit", attributes={"error.type": "429"})]
    plain = drawn(waterfall(trace_of(spans), width=120), width=120)
    assert "error: 1 span failed. rate limit" in plain
    assert "✗ rate limit" in plain[-1]
    coloured = drawn(waterfall(trace_of(spans), width=120), width=120, colour=True)
    assert "\x1b[1;31m" in coloured[-1]
    assert "\x1b[1;31m" not in coloured[-2]


@pytest.mark.parametrize("width", [16, 32, 80, 120])
def test_the_mark_of_a_failure_survives_a_long_name(width: int) -> None:
    spans = [failed(replace(ROOT, name="x" * 200), message="y" * 200), replace(CHILD, name="x" * 200)]
    root, child = drawn(waterfall(trace_of(spans), width=width), width=width)[-2:]
    assert ("✗" in root, "✗" in child) == (True, False)


def test_names_cannot_steer_the_terminal() -> None:
    spans = [failed(replace(ROOT, name="a\x1b[2Jb\x07\n\u202ec"), message="\x1b]0;title\x07")]
    text = "\n".join(drawn(waterfall(trace_of(spans), width=100)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text


def test_markup_in_names_is_text() -> None:
    assert "[red]x[/red]" in drawn(waterfall(trace_of([replace(ROOT, name="[red]x[/red]")]), width=100))[0]


@pytest.mark.parametrize("is_chain", [False, True], ids=["wide", "deep"])
def test_a_large_trace_is_cut_with_a_note(is_chain: bool) -> None:  # noqa: FBT001 - a table of two
    spans = graph([(1, None), *((number, number - 1 if is_chain else 1) for number in range(2, 10_001))])
    lines = drawn(waterfall(trace_of(spans), width=100, limit=50))
    assert len([line for line in lines if "gateway n" in line]) == 50
    assert lines[-1].startswith("9,950 more spans are not shown")


def test_a_narrow_terminal_gets_no_bars() -> None:
    assert "█" not in "".join(drawn(waterfall(trace_of([ROOT, CHILD]), width=32), width=32))


def test_clocks_that_disagree_keep_bars_inside() -> None:
    early = replace(CHILD, end_time_unix_nano=START_NS - 10**12)
    assert all(line.count("█") >= 1 for line in drawn(waterfall(trace_of([ROOT, early]), width=100))[-2:])
