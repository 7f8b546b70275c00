"""The scripts in tests/fixtures/traceql, on PostgreSQL and on the oracle that other tests compare it with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from query.traceql.failure import QueryError
from query.traceql.metrics import metric_query
from query.traceql.parser import parse
from query.traceql.search import trace_query
from query.traceql.syntax import Query
from storage.api import Window
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from storage.trace_query import SeriesPoint
from tests.support.factory import BASE_US, HOUR_US, workspace
from tests.support.store import Store
from tests.support.traceql_oracle import found_in, selected
from tests.support.traceql_script import Case, read_cases, set_line, span_id_of, trace_id_of, written
from tracedata import Span

_FOLDER = Path(__file__).parents[2] / "fixtures" / "traceql"
_CASES = list(read_cases(_FOLDER))
_STEP_US = 60_000_000
_FOR_TRACES = [
    case
    for case in _CASES
    if not case.expected[0].startswith("refused") and "over_time" not in case.query and "rate()" not in case.query
]


def _names(spans: Sequence[Span]) -> Mapping[tuple[bytes, bytes], tuple[str, str]]:
    """Names of traces and spans by their ids, which scripts made of them."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.txt"))
    words = {line.split()[0] for line in text.splitlines() if line.startswith("    ")}
    traces = {line.split()[1] for line in text.splitlines() if line.startswith("  trace ")}
    known = {(trace_id_of(trace), span_id_of(trace, word)): (trace, word) for trace in traces for word in words}
    return {(span.trace_id, span.span_id): known[span.trace_id, span.span_id] for span in spans}


def _window(workspace_id: int) -> Window:
    return Window(workspace_id=workspace_id, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US)


@pytest.mark.parametrize("case", _CASES, ids=[case.title for case in _CASES])
async def test_postgres_answers_as_the_script_says(case: Case, postgres_store: Store) -> None:
    workspace_id = workspace()
    if case.spans:
        await postgres_store.put(*case.spans, workspace_id=workspace_id)
    assert await _asked(case, postgres_store, workspace_id) == _expected(case)


@pytest.mark.parametrize("case", _FOR_TRACES, ids=lambda case: case.title)
def test_the_oracle_answers_as_the_script_says(case: Case) -> None:
    query = parse(case.query)
    names = _names(case.spans)
    lines = []
    for trace_id, group in groupby(case.spans, key=lambda span: span.trace_id):
        trace = list(group)
        for found in found_in(query, trace):
            spans = [
                _shown(names[trace_id, span.span_id][1], list(selected(query, trace, span).items()))
                for span in found.spans
            ]
            lines.append(set_line(names[trace_id, trace[0].span_id][0], found.values, spans))
    assert _sorted(lines) == _expected(case)


async def _asked(case: Case, store: Store, workspace_id: int) -> Sequence[str]:
    try:
        query = parse(case.query)
    except QueryError as exc:
        return _refusal(exc, case)
    assert isinstance(store.reader, PostgresSpanReader)
    reader = PostgresTraceQueryReader(store.reader.pool)
    if query.metric is not None:
        asked = metric_query(query, _window(workspace_id), step_us=_STEP_US)
        return _sorted(_series(await reader.measure(asked)))
    return await _sets(case, reader, query, workspace_id)


async def _sets(case: Case, reader: PostgresTraceQueryReader, query: Query, workspace_id: int) -> Sequence[str]:
    names = _names(case.spans)
    page = await reader.find_matches(trace_query(query, _window(workspace_id), limit=20))
    assert page.cursor is None
    lines = []
    for match in page.matches:
        for one in match.sets:
            assert one.matched == len(one.spans)
            spans = [_shown(names[match.trace_id, span.span_id][1], span.values) for span in one.spans]
            trace = names[match.trace_id, one.spans[0].span_id][0]
            lines.append(set_line(trace, one.values, spans))
    return _sorted(lines)


def _series(points: Sequence[SeriesPoint]) -> Iterator[str]:
    for _, group in groupby(points, key=lambda point: point.series):
        found = list(group)
        steps = [
            f"+{point.bucket - BASE_US // _STEP_US}={','.join(written(measure) for measure in point.measures)}"
            for point in found
        ]
        yield f"{' '.join(f'{label}={written(value)}' for label, value in found[0].labels)}: {' '.join(steps)}"


def _shown(name: str, values: Sequence[tuple[str, object]]) -> str:
    told = " ".join(f"{label}={written(value)}" for label, value in values)
    return f"{name}[{told}]" if told else name


def _sorted(lines: Sequence[str] | Iterator[str]) -> Sequence[str]:
    """Sets are told apart by their spans, whose order in a set is that of the store: by start, then by id."""
    return sorted(
        f"{head}: {' '.join(sorted(rest.split()))}" for head, _, rest in (line.partition(": ") for line in lines)
    )


def _refusal(exc: QueryError, case: Case) -> Sequence[str]:
    """What is said, as far as the script says it."""
    assert exc.place is not None
    said = f"refused {exc.place.line}:{exc.place.column} {str(exc).partition(': line ')[2].partition(': ')[2]}"
    return [said[: len(case.expected[0])]]


def _expected(case: Case) -> Sequence[str]:
    if case.expected[0].startswith("refused"):
        return case.expected
    return [] if case.expected == ["nothing"] else _sorted(case.expected)
