"""Messages without numbers and ids, and failures in the order of causes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from query.error_signature import ErrorSignature, failed_spans, shape_of, signature_of
from storage.frame import SpanFrame
from tests.support.trace import ROOT, failed
from tracedata import Event


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        ("", ""),
        ("connection refused", "connection refused"),
        ("user 17 not found", "user <n> not found"),
        ("no answer after 1.5s, 3 tries", "no answer after <n>s, <n> tries"),
        ("10.0.0.1:5432 is down", "<n> is down"),
        ("order 550e8400-e29b-41d4-a716-446655440000", "order <id>"),
        ("span eee19b7ec3c1b174 failed at 0xdeadbeef", "span <id> failed at <id>"),
        ("request req_abc123XYZ987", "request <id>"),
        ("many\n  lines\tof text", "many lines of text"),
        ("x" * 9_000, "x" * 300),
    ],
)
def test_messages_that_differ_in_numbers_and_ids_are_equal(message: str, shape: str) -> None:
    assert shape_of(message) == shape
    assert shape_of(shape) == shape


def test_a_signature_tells_of_the_exception_that_escaped() -> None:
    handled = Event(name="exception", attributes={"exception.type": "First", "exception.message": "a"})
    escaped = Event(name="exception", attributes={"exception.type": "Last", "exception.message": "row 7"})
    span = replace(failed(ROOT, attributes={"error.type": "500"}), events=[handled, escaped])
    assert signature_of(span) == ErrorSignature("gateway", ROOT.name, "Last", "row <n>")
    assert signature_of(replace(span, events=[])) == ErrorSignature("gateway", ROOT.name, "500", "")
    assert signature_of(replace(span, status_message="no 5")).message == "no <n>"


def _frame(own: str, parent: str, *, start: int, code: int = 2) -> SpanFrame:
    return SpanFrame(
        span_id=own.encode(),
        parent_span_id=parent.encode(),
        name=own,
        service="",
        kind=1,
        start_time_unix_nano=start,
        duration_ns=1,
        status_code=code,
    )


def test_failures_come_deepest_first_and_know_what_they_led_to() -> None:
    frames = [
        _frame("root", "", start=0),
        _frame("fine", "root", start=1, code=0),
        _frame("late", "fine", start=9),
        _frame("early", "fine", start=2),
        _frame("leaf", "early", start=3),
        _frame("alone", "lost", start=4),
    ]
    found = failed_spans(frames)
    names = [frames[one.place].name for one in found]
    assert names == ["leaf", "early", "late", "root", "alone"]
    told = {
        frames[one.place].name: (
            None if one.led_to is None else frames[one.led_to].name,
            {frames[place].name for place in one.came_from},
            one.depth,
        )
        for one in found
    }
    assert told == {
        "leaf": ("early", set(), 3),
        "early": ("root", {"leaf"}, 2),
        "late": ("root", set(), 2),
        "root": (None, {"early", "late"}, 0),
        "alone": (None, set(), 0),
    }
