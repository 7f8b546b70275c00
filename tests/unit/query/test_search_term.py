"""Which terms a search yields for the index of attributes, in tags and in TraceQL."""

from __future__ import annotations

import pytest

from query.search import compile_search
from query.traceql.parser import parse
from query.traceql.search import trace_query
from storage.api import SearchPart, Tag, TraceSearch, Window
from tests.support.factory import search
from tracedata import StatusCode
from tracedata.term import FAILED, duration_traits, name_term, structure_term, term, trait_terms

_KX, _AB = term("k", "x"), term("a", "b")
_OVER_1S = trait_terms(duration_traits(1_000_000_000, None))
_PART = SearchPart(start_us=1, end_us=2)

SEARCHES: dict[str, tuple[TraceSearch, list[list[int]]]] = {
    "nothing": (search(), []),
    "a service alone": (search(service="shop"), []),
    "an operation": (search(operation="GET"), [[name_term("GET")]]),
    "a tag": (search(tags=[Tag(key="k", value="x")]), [[_KX]]),
    "tags": (search(tags=[Tag(key="k", value="x"), Tag(key="a", value="b")]), [[_KX], [_AB]]),
    "a tag of the resource": (search(tags=[Tag(key="resource.k", value="x")]), [[_KX]]),
    "a tag of a service": (
        search(service="shop", tags=[Tag(key="k", value="x")]),
        [[_KX], [term("service.name", "shop")]],
    ),
    "a tag of a service whose name is cut": (search(service="s" * 255, tags=[Tag(key="k", value="x")]), [[_KX]]),
    "what may be an array": (search(tags=[Tag(key="k", value="[1]")]), [[term("k", "[1]"), structure_term("k")]]),
    "what is no attribute": (
        search(tags=[Tag(key=key, value="x") for key in ("error", "span.kind", "span.status", "scope.name")]),
        [],
    ),
    "an operation of a service": (
        search(service="shop", operation="GET"),
        [trait_terms(duration_traits(None, None), service="shop", name="GET")],
    ),
    "a long operation of a service": (
        search(service="shop", operation="GET", min_duration_ns=5_000_000_000),
        [trait_terms(duration_traits(5_000_000_000, None), service="shop", name="GET")],
    ),
    "a duration of a service": (
        search(service="shop", min_duration_ns=1, max_duration_ns=9),
        [trait_terms(duration_traits(1, 9), service="shop")],
    ),
    "a short duration": (search(max_duration_ns=0), [trait_terms(duration_traits(None, 0))]),
    "no duration at all": (search(service="shop", min_duration_ns=0), []),
    "an operation and a duration of a service whose name is cut": (
        search(service="s" * 255, operation="GET", min_duration_ns=7),
        [[name_term("GET")], trait_terms(duration_traits(7, None))],
    ),
    "errors": (search(tags=[Tag(key="error", value="true")]), [trait_terms([FAILED])]),
    "no errors": (search(tags=[Tag(key="error", value="false")]), []),
    "errors of a service": (
        search(service="shop", tags=[Tag(key="span.status", value="error"), Tag(key="k", value="x")]),
        [trait_terms([FAILED], service="shop"), [_KX], [term("service.name", "shop")]],
    ),
    "errors of an operation": (
        search(service="shop", operation="GET", status_codes=[StatusCode.ERROR]),
        [
            trait_terms([FAILED], service="shop", name="GET"),
            trait_terms(duration_traits(None, None), service="shop", name="GET"),
        ],
    ),
    "errors and others": (search(status_codes=[StatusCode.ERROR, StatusCode.OK]), []),
}


@pytest.mark.parametrize(("asked", "expected"), SEARCHES.values(), ids=SEARCHES.keys())
def test_terms_of_a_search(asked: TraceSearch, expected: list[list[int]]) -> None:
    assert compile_search(asked).terms == expected
    assert compile_search(asked, part=_PART).terms == expected


QUERIES: dict[str, list[list[int]]] = {
    "{}": [],
    '{ span.k = "x" }': [[_KX]],
    '{ .k = "x" }': [[_KX]],
    '{ "x" = resource.k }': [[_KX]],
    '{ event.k = "x" || link.a = "b" }': [[_KX, _AB]],
    '{ span.k = "x" && instrumentation.a = "b" }': [[_KX], [_AB]],
    '{ span.k = "x" && duration > 1s }': [[_KX], _OVER_1S],
    '{ span.k = "x" || duration > 1s }': [[_KX, *_OVER_1S]],
    '{ (span.k = "x" && duration > 1s) || span.a = "b" }': [[_KX, _AB]],
    "{ duration >= 1s }": [_OVER_1S],
    "{ 1s < duration }": [_OVER_1S],
    "{ duration < 1.5 }": [trait_terms(duration_traits(None, 2))],
    "{ duration = 1.5 }": [trait_terms(duration_traits(1, 2))],
    "{ duration != 1s }": [],
    "{ duration > span.n }": [],
    "{ traceDuration > 1s }": [],
    "{ status = error }": [trait_terms([FAILED])],
    "{ status = ok }": [],
    "{ status != error }": [],
    "{ span.n = 1.0 }": [[term("n", "1")]],
    "{ span.n = -0.0 }": [[term("n", "0")]],
    "{ span.n = 1s }": [[term("n", "1000000000")]],
    "{ span.k }": [[term("k", "true")]],
    "{ !span.k }": [],
    "{ span.k = nil }": [],
    '{ span.k != "x" }': [],
    '{ span.k =~ "x" }': [],
    '{ name = "GET" }': [[name_term("GET")]],
    '{ status = error && span.k = "x" }': [trait_terms([FAILED]), [_KX]],
    '{ span.k = "x" } >> { duration > 1s }': [[_KX]],
    "{ span.k = span.a }": [],
}


@pytest.mark.parametrize("text", QUERIES)
def test_terms_of_a_query(text: str) -> None:
    query = trace_query(parse(text), Window(workspace_id=1, start_us=0, end_us=1), limit=20)
    assert query.candidates().terms == QUERIES[text]


def test_a_part_in_chunks_comes_whole_and_in_no_order() -> None:
    asked = search(tags=[Tag(key="k", value="x")])
    part = SearchPart(start_us=1, end_us=2, in_chunks=True)
    query = trace_query(parse('{ span.k = "x" }'), Window(workspace_id=1, start_us=0, end_us=1), limit=20)
    for statement in (compile_search(asked, part=part), query.candidates(part=part)):
        assert "ORDER BY" not in statement.sql
        assert "%(rows)s" not in statement.sql
        assert "s.chunk = ANY" in statement.sql
