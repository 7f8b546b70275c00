"""Generated queries over generated spans: PostgreSQL finds what brute force finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from query.traceql.metrics import metric_query
from query.traceql.parser import parse
from query.traceql.search import trace_query
from query.traceql.syntax import Query
from storage.api import SearchCursor, Window
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from storage.trace_query import TraceMatch
from tests.support.factory import BASE_US, HOUR_US, workspace
from tests.support.store import Store
from tests.support.strategies import unhurried
from tests.support.traceql_oracle import FoundSet, found_in, measured
from tests.support.traceql_strategies import measured_queries, queries, traces
from tracedata import Span

_STEP_US = 10_000_000
_DIGITS = 9
# Without shrinking and explanations, which take minutes over a database. What fails is small as it is.
_PHASES = (Phase.generate,)


def _window(workspace_id: int) -> Window:
    return Window(workspace_id=workspace_id, start_us=BASE_US, end_us=BASE_US + HOUR_US)


def _reader(store: Store) -> PostgresTraceQueryReader:
    assert isinstance(store.reader, PostgresSpanReader)
    # Whatever the index of attributes can serve is asked of it.
    return PostgresTraceQueryReader(store.reader.pool, newest_spans=0)


def _by_trace(spans: Sequence[Span]) -> Mapping[bytes, Sequence[Span]]:
    ordered = sorted(spans, key=lambda span: span.trace_id)
    return {trace_id: list(group) for trace_id, group in groupby(ordered, key=lambda span: span.trace_id)}


def _rounded(value: object) -> object:
    if isinstance(value, bool):
        return f"a boolean: {value}"
    return round(float(value), _DIGITS) if isinstance(value, int | float) else value


def _set_of(found: FoundSet) -> str:
    spans = sorted((span.start_time_unix_nano, span.span_id.hex()) for span in found.spans)
    return repr((sorted((label, repr(_rounded(value))) for label, value in found.values), len(spans), spans))


def _sets_of(match: TraceMatch) -> list[str]:
    return sorted(
        repr(
            (
                sorted((label, repr(_rounded(value))) for label, value in one.values),
                one.matched,
                [(span.start_time_unix_nano, span.span_id.hex()) for span in one.spans],
            )
        )
        for one in match.sets
    )


async def _pages(store: Store, query: Query, workspace_id: int, limit: int) -> list[TraceMatch]:
    matches: list[TraceMatch] = []
    after: SearchCursor | None = None
    while True:
        asked = trace_query(query, _window(workspace_id), limit=limit, after=after)
        page = await _reader(store).find_matches(asked)
        matches += page.matches
        if page.cursor is None:
            return matches
        assert len(page.matches) == limit
        after = page.cursor


@settings(unhurried, max_examples=50, phases=_PHASES)
@given(sent=traces(), texts=st.lists(queries(), min_size=6, max_size=6, unique=True), limit=st.integers(1, 4))
async def test_any_query_finds_what_brute_force_finds(
    postgres_store: Store, sent: list[Span], texts: list[str], limit: int
) -> None:
    workspace_id = workspace()
    await postgres_store.put(*sent, workspace_id=workspace_id)
    for text in texts:
        query = parse(text)
        matches = await _pages(postgres_store, query, workspace_id, limit)
        assert len({match.trace_id for match in matches}) == len(matches), "a page repeats a trace"
        expected = {
            trace_id: sorted(map(_set_of, sets))
            for trace_id, trace in _by_trace(sent).items()
            if (sets := found_in(query, trace))
        }
        event("found" if expected else "not found")
        assert {match.trace_id: _sets_of(match) for match in matches} == expected, text


def _applied(function: str, numbers: Sequence[Fraction], scale: int) -> list[float]:
    total = sum(numbers, start=Fraction())
    results = {
        "rate": [Fraction(len(numbers), _STEP_US // 1_000_000)],
        "count_over_time": [Fraction(len(numbers))],
        "min_over_time": [min(numbers) / scale],
        "max_over_time": [max(numbers) / scale],
        "sum_over_time": [total / scale],
        "avg_over_time": [total / len(numbers) / scale],
        "quantile_over_time": [min(numbers) / scale, max(numbers) / scale],
    }
    return [round(float(result), _DIGITS) for result in results[function]]


@settings(unhurried, max_examples=20, phases=_PHASES)
@given(sent=traces(), texts=st.lists(measured_queries(), min_size=3, max_size=3, unique=True))
async def test_any_metric_is_what_brute_force_measures(
    postgres_store: Store, sent: list[Span], texts: list[str]
) -> None:
    workspace_id = workspace()
    await postgres_store.put(*sent, workspace_id=workspace_id)
    for text in texts:
        query = parse(text)
        assert query.metric is not None
        asked = metric_query(query, _window(workspace_id), step_us=_STEP_US)
        points = await _reader(postgres_store).measure(asked)
        function = query.metric.function
        scale = 10**9 if query.metric.field is not None and query.metric.field.label == "duration" else 1
        expected = {
            (repr([_rounded(label) for label in labels]), bucket): _applied(function, numbers, scale)
            for labels, buckets in measured(query, query.metric, _by_trace(sent).values(), _STEP_US).items()
            for bucket, numbers in buckets.items()
        }
        found = {
            (repr([_rounded(label) for _, label in point.labels]), point.bucket): [
                round(measure, _DIGITS) for measure in point.measures
            ]
            for point in points
        }
        assert found == expected, text
