"""Asking the API about spans, with httpx's own test transport in place of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from relayscope.demo.emission import SpanKey
from relayscope.demo.verification import Period, TraceApi, missing_spans
from tracedata import PermanentError, RetryableError

_TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def _api(handler: Callable[[httpx.Request], httpx.Response], waits: list[float] | None = None) -> Iterator[TraceApi]:
    noted: list[float] = [] if waits is None else waits
    transport = httpx.MockTransport(handler)
    with closing(TraceApi("http://relayscope.test", wait=noted.append, transport=transport)) as api:
        yield api


def test_spans_that_are_not_in_the_answer_are_missing() -> None:
    answer = {"traceId": _TRACE, "spans": [{"spanId": "00f067aa0ba902b7", "name": "a"}]}
    wanted = [SpanKey(_TRACE, "00f067aa0ba902b7"), SpanKey(_TRACE, "00f067aa0ba902b8")]
    with _api(lambda _: httpx.Response(200, json=answer)) as api:
        assert missing_spans(api, wanted) == {wanted[1]}


def test_an_unknown_trace_has_no_spans() -> None:
    with _api(lambda _: httpx.Response(404, json={"title": "Not Found"})) as api:
        assert api.span_ids(_TRACE) == frozenset()


def test_services_are_read_page_by_page() -> None:
    pages = {None: {"items": [{"name": "a"}], "nextCursor": "x"}, "x": {"items": [{"name": "b"}], "nextCursor": None}}
    with _api(lambda request: httpx.Response(200, json=pages[request.url.params.get("cursor")])) as api:
        assert api.services() == {"a", "b"}


def test_edges_are_asked_for_the_period() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.params["start"] == "2026-01-01T00:00:00+00:00"
        assert request.url.params["end"] == "2026-01-01T01:00:00+00:00"
        return httpx.Response(200, json={"nodes": [], "edges": [{"source": "a", "target": "b", "calls": 3}]})

    period = Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, 1, tzinfo=UTC))
    with _api(handler) as api:
        assert api.edges(period) == {("a", "b")}


def test_a_busy_api_is_asked_again() -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json={"spans": []})])
    waits: list[float] = []
    with _api(lambda _: next(answers), waits) as api:
        assert api.span_ids(_TRACE) == frozenset()
    assert len(waits) == 1


def test_an_api_that_never_answers_is_named() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with _api(handler) as api, pytest.raises(RetryableError, match=r"http://relayscope\.test does not answer"):
        api.services()


@pytest.mark.parametrize(
    "response",
    [httpx.Response(500), httpx.Response(200, text="<html>"), httpx.Response(200, json={"data": []})],
    ids=["status", "not-json", "another-shape"],
)
def test_an_answer_against_the_contract_is_an_error(response: httpx.Response) -> None:
    with _api(lambda _: response) as api, pytest.raises(PermanentError, match="/api/v1/traces/"):
        api.span_ids(_TRACE)
