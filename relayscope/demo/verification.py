"""What the system answers about the spans that it acknowledged, asked through its REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec

from relayscope.demo.emission import DecisionKey, SpanKey
from tracedata import PermanentError, RetryableError

_ATTEMPTS = 4
_FIRST_WAIT_S = 0.25
_TIMEOUT_S = 30.0
SETTLING_PAUSES = 80
"""So often is waited for what is settled later, in all: twenty seconds."""
# The demo's values stand in a few dozen places.
_MAX_REDACTIONS = 1000
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)

_Answer = TypeVar("_Answer")


class _Span(msgspec.Struct, rename="camel"):
    span_id: str


class _Trace(msgspec.Struct):
    spans: list[_Span]


class _Decision(msgspec.Struct):
    id: str


class _DecisionTrace(msgspec.Struct):
    decisions: list[_Decision]


class _Service(msgspec.Struct):
    name: str


class _Services(msgspec.Struct, rename="camel"):
    items: list[_Service]
    next_cursor: str | None = None


class _Edge(msgspec.Struct):
    source: str
    target: str


class _ServiceMap(msgspec.Struct):
    edges: list[_Edge]


class _Redaction(msgspec.Struct):
    entity: str
    values: int


class _Redactions(msgspec.Struct):
    items: list[_Redaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time range with zone, start included, end excluded."""

    start: datetime
    end: datetime


class TraceApi:
    """Reads from ``/api/v1``. Waits and repeats while the API is busy.

    Every method raises ``RetryableError`` when the API cannot be reached, ``PermanentError`` when it answers with
    something that is not in its contract.
    """

    def __init__(
        self, url: str, *, wait: Callable[[float], None] = time.sleep, transport: httpx.BaseTransport | None = None
    ) -> None:
        # The system under demonstration is reached directly, whatever proxy the environment names.
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False, transport=transport)
        self._wait = wait

    def close(self) -> None:
        self._client.close()

    def span_ids(self, trace_id: str) -> frozenset[str]:
        """Ids of the stored spans of a trace; empty for a trace that is not stored."""
        response = self._get(f"/api/v1/traces/{trace_id}", {})
        if response.status_code == HTTPStatus.NOT_FOUND:
            return frozenset()
        return frozenset(span.span_id for span in _decode(response, _Trace).spans)

    def decision_ids(self, trace_id: str) -> frozenset[str]:
        """Ids of the stored decisions of a trace; empty for a trace that has none."""
        response = self._get(f"/api/v1/decisions/{trace_id}", {})
        if response.status_code == HTTPStatus.NOT_FOUND:
            return frozenset()
        return frozenset(decision.id for decision in _decode(response, _DecisionTrace).decisions)

    def pause(self) -> None:
        """Waits before something is asked again that takes its time."""
        self._wait(_FIRST_WAIT_S)

    def services(self) -> frozenset[str]:
        """Names of all services, over all pages."""
        names: set[str] = set()
        parameters: dict[str, str] = {}
        while True:
            page = _decode(self._get("/api/v1/services", parameters), _Services)
            names.update(service.name for service in page.items)
            if page.next_cursor is None:
                return frozenset(names)
            parameters = {"cursor": page.next_cursor}

    def edges(self, period: Period) -> frozenset[tuple[str, str]]:
        """Pairs of calling and called service in the map of ``period``."""
        parameters = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        answer = _decode(self._get("/api/v1/traces/services", parameters), _ServiceMap)
        return frozenset((edge.source, edge.target) for edge in answer.edges)

    def redactions(self, period: Period) -> dict[str, int]:
        """How many values were redacted in spans of ``period``, by entity."""
        parameters = {"start": period.start.isoformat(), "end": period.end.isoformat(), "limit": str(_MAX_REDACTIONS)}
        counts: dict[str, int] = {}
        for found in _decode(self._get("/api/v1/redaction/stats", parameters), _Redactions).items:
            counts[found.entity] = counts.get(found.entity, 0) + found.values
        return counts

    def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._wait(_FIRST_WAIT_S * 2**attempt)
            try:
                response = self._client.get(path, params=parameters)
            except httpx.TransportError:
                continue
            if response.status_code not in _BUSY:
                return response
        raise RetryableError(f"the API at {self._client.base_url} does not answer; is the system running?")


def missing_spans(
    api: TraceApi, spans: Iterable[SpanKey], *, on_trace: Callable[[], None] = lambda: None
) -> frozenset[SpanKey]:
    """Those of ``spans`` that the API does not know. ``on_trace`` is called after every trace."""
    wanted: dict[str, set[str]] = {}
    for key in spans:
        wanted.setdefault(key.trace_id, set()).add(key.span_id)
    missing: set[SpanKey] = set()
    for trace_id, span_ids in wanted.items():
        missing.update(SpanKey(trace_id, span_id) for span_id in span_ids - api.span_ids(trace_id))
        on_trace()
    return frozenset(missing)


def unknown_decisions(api: TraceApi, decisions: Iterable[DecisionKey]) -> frozenset[DecisionKey]:
    """Those of ``decisions`` that the API does not know. Decisions of traces with log records come a little after their spans."""
    wanted: dict[str, set[str]] = {}
    for key in decisions:
        wanted.setdefault(key.trace_id, set()).add(key.decision_id)
    left = SETTLING_PAUSES
    missing: set[DecisionKey] = set()
    for trace_id, ids in wanted.items():
        while (lacking := ids - api.decision_ids(trace_id)) and left:
            left -= 1
            api.pause()
        missing.update(DecisionKey(trace_id, decision_id) for decision_id in lacking)
    return frozenset(missing)


def _decode(response: httpx.Response, kind: type[_Answer]) -> _Answer:
    path = response.request.url.path
    if response.status_code != HTTPStatus.OK:
        raise PermanentError(f"the API answered {path} with status {response.status_code}")
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as exc:
        raise PermanentError(f"the API answered {path} with something unexpected") from exc
