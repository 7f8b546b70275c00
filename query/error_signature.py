"""What failed, in a form in which the same failure of another request is equal; and which failures led to which."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from query.forest import ROOT, depths_of, parents_of, top_down
from storage.frame import SpanFrame
from tracedata import Attributes, Span, StatusCode
from tracedata.printed import printed

_TYPE_KEYS = ("exception.type", "error.type")
_MESSAGE_KEYS = ("exception.message", "error.message")
_MAX_SHAPE_CHARS = 300
# Longer messages tell no more, and take long to look through.
_MAX_MESSAGE_CHARS = 2_000
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
# Of hex digits, letters and digits mixed, or with some underscores or hyphens: what has a digit in it and is long.
_ID = re.compile(r"\b(?=[\w-]*\d)[\w-]{12,}\b", re.ASCII)
_HEX = re.compile(r"\b(?:0x[0-9a-f]+|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{6,})\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_SPACE = re.compile(r"\s+")


class ErrorSignature(NamedTuple):
    """Two failures with the same signature are taken for the same trouble."""

    service: str
    operation: str
    type: str
    message: str


class FailedSpan(NamedTuple):
    """A span that failed, and its place among the others that did, as places in the frames of the trace.

    ``led_to`` is the nearest span above it that failed; ``came_from`` are the nearest ones below.
    """

    place: int
    depth: int
    led_to: int | None
    came_from: Sequence[int]


def signature_of(span: Span) -> ErrorSignature:
    """Of a span that failed. The last exception is the one that escaped."""
    sources = [event.attributes for event in reversed(span.events) if event.name == "exception"]
    told = [*sources, span.attributes]
    message = span.status_message or _first(told, _MESSAGE_KEYS)
    return ErrorSignature(span.resource.service_name, span.name, _first(told, _TYPE_KEYS), shape_of(message))


def shape_of(message: str) -> str:
    """A message with a mark in place of each number and id, on one line."""
    text = message[:_MAX_MESSAGE_CHARS]
    for pattern, mark in ((_UUID, "<id>"), (_HEX, "<id>"), (_ID, "<id>"), (_NUMBER, "<n>"), (_SPACE, " ")):
        text = pattern.sub(mark, text)
    return text.strip()[:_MAX_SHAPE_CHARS]


def failed_spans(frames: Sequence[SpanFrame]) -> list[FailedSpan]:
    """The failures of a trace, the deepest first, then by time: what comes earlier can have caused what comes later."""
    parents = parents_of([(frame.span_id, frame.parent_span_id) for frame in frames])
    depths = depths_of(parents)
    failed = [place for place, frame in enumerate(frames) if frame.status_code == StatusCode.ERROR]
    failed.sort(key=lambda place: (-depths[place], frames[place].start_time_unix_nano, place))
    above = _nearest_failed(parents, frames)
    below: dict[int, list[int]] = {place: [] for place in failed}
    for place in failed:
        parent = above[place]
        if parent is not None:
            below[parent].append(place)
    return [FailedSpan(place, depths[place], above[place], below[place]) for place in failed]


def _nearest_failed(parents: Sequence[int], frames: Sequence[SpanFrame]) -> list[int | None]:
    """Of each span the nearest one above that failed. One in between that did not fail passed on what it was told."""
    nearest: list[int | None] = [None] * len(parents)
    for place in top_down(parents):
        above = parents[place]
        if above != ROOT:
            nearest[place] = above if frames[above].status_code == StatusCode.ERROR else nearest[above]
    return nearest


def _first(sources: Sequence[Attributes], keys: Sequence[str]) -> str:
    return next((text for source in sources for key in keys if (text := printed(source.get(key)))), "")
