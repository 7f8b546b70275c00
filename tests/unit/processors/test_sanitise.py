from __future__ import annotations

from typing import Any

import msgspec
import pytest

from processors.sanitise import MAX_DEPTH, TOO_DEEP, Sanitise
from tracedata import Batch, Event, Link, Resource, Scope, Span, Value

_RESOURCE = Resource(attributes={"service.name": "shop"})
_SCOPE = Scope(name="library", attributes={"a": 1})
_KEY = "relayscope.repaired"
# One object, since it equals itself only by identity.
_NAN = float("nan")


def _span(**fields: Any) -> Span:  # noqa: ANN401  # Fields of a span, by name.
    sound = Span(
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        resource=_RESOURCE,
        scope=_SCOPE,
        name="GET /ü",
        attributes={"text": "ü", "number": 2**63 - 1, "low": -(2**63), "none": None, "raw": b"\0", "nan": _NAN},
        events=[Event(name="e", attributes={"list": ["a", 1.5, True, {"k": ["v"]}]})],
        links=[Link(trace_state="a=b", attributes={"k": "v"})],
        start_time_unix_nano=5,
        end_time_unix_nano=3,
    )
    return msgspec.structs.replace(sound, **fields)


def _process(*spans: Span) -> list[Span]:
    return list(Sanitise().process(Batch(workspace_id=1, spans=spans)).spans)


def test_a_sound_batch_is_returned_itself() -> None:
    batch = Batch(workspace_id=1, spans=[_span(), _span(kind=-(2**15), flags=2**32 - 1)], rejections={"x": 1})

    assert Sanitise().process(batch) is batch


def test_sound_neighbours_are_shared_and_the_rest_of_the_batch_stays() -> None:
    sound = _span()

    batch = Sanitise().process(Batch(workspace_id=3, spans=[sound, _span(name="\0")], rejections={"x": 1}))

    assert batch.spans[0] is sound
    assert batch.spans[1].name == "�"
    assert (batch.workspace_id, batch.rejections) == (3, {"x": 1})


@pytest.mark.parametrize(
    ("bad", "good", "reason"),
    [
        ({"name": "a\0b"}, {"name": "a�b"}, "nul_character"),
        ({"name": "a\ud800b"}, {"name": "a�b"}, "lone_surrogate"),
        ({"name": "\udc00"}, {"name": "�"}, "lone_surrogate"),
        ({"name": "\ud83d\ude00"}, {"name": "��"}, "lone_surrogate"),
        ({"trace_state": "\0"}, {"trace_state": "�"}, "nul_character"),
        ({"status_message": "\0"}, {"status_message": "�"}, "nul_character"),
        ({"kind": 2**15}, {"kind": 0}, "kind_out_of_range"),
        ({"kind": -(2**31)}, {"kind": 0}, "kind_out_of_range"),
        ({"status_code": 2**15}, {"status_code": 0}, "status_code_out_of_range"),
        ({"flags": 2**32}, {"flags": 2**32 - 1}, "flags_out_of_range"),
        ({"flags": -1}, {"flags": 0}, "flags_out_of_range"),
        ({"dropped_attributes_count": -1}, {"dropped_attributes_count": 0}, "count_out_of_range"),
        ({"dropped_events_count": 2**40}, {"dropped_events_count": 2**32 - 1}, "count_out_of_range"),
        ({"dropped_links_count": 2**40}, {"dropped_links_count": 2**32 - 1}, "count_out_of_range"),
        ({"start_time_unix_nano": -1}, {"start_time_unix_nano": 0}, "time_out_of_range"),
        (
            {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64},
            {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64 - 1},
            "time_out_of_range",
        ),
        (
            {"start_time_unix_nano": 5, "end_time_unix_nano": 2**64 - 1},
            {"start_time_unix_nano": 5, "end_time_unix_nano": 2**63 + 4},
            "duration_out_of_range",
        ),
        (
            {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 0},
            {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**63 - 1},
            "duration_out_of_range",
        ),
        ({"events": [Event(name="\0")]}, {"events": [Event(name="�")]}, "nul_character"),
        (
            {"events": [Event(time_unix_nano=2**64)]},
            {"events": [Event(time_unix_nano=2**64 - 1)]},
            "time_out_of_range",
        ),
        (
            {"events": [Event(dropped_attributes_count=-1)]},
            {"events": [Event()]},
            "count_out_of_range",
        ),
        (
            {"events": [Event(attributes={"k\0": {"\0": ["\0"]}})]},
            {"events": [Event(attributes={"k�": {"�": ["�"]}})]},
            "nul_character",
        ),
        ({"links": [Link(trace_state="\0")]}, {"links": [Link(trace_state="�")]}, "nul_character"),
        ({"links": [Link(flags=2**32)]}, {"links": [Link(flags=2**32 - 1)]}, "flags_out_of_range"),
        ({"links": [Link(dropped_attributes_count=-1)]}, {"links": [Link()]}, "count_out_of_range"),
        ({"links": [Link(attributes={"k": "\0"})]}, {"links": [Link(attributes={"k": "�"})]}, "nul_character"),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, dict) else value,
)
def test_fields_are_repaired(bad: dict[str, Any], good: dict[str, Any], reason: str) -> None:
    (span,) = _process(_span(**bad))

    assert span == _span(**good, attributes={**_span().attributes, _KEY: [reason]})


@pytest.mark.parametrize(
    ("bad", "good", "reason"),
    [
        pytest.param("a\0", "a�", "nul_character", id="NUL"),
        pytest.param(["x", {"k": "\ud800"}], ["x", {"k": "�"}], "lone_surrogate", id="nested surrogate"),
        pytest.param(2**63, str(2**63), "integer_out_of_range", id="large integer"),
        pytest.param([-(2**63) - 1], [str(-(2**63) - 1)], "integer_out_of_range", id="small integer"),
    ],
)
def test_values_are_repaired(bad: Value, good: Value, reason: str) -> None:
    (span,) = _process(_span(attributes={"same": True, "k": bad}))

    assert repr(span.attributes) == repr({"same": True, "k": good, _KEY: [reason]})


def test_keys_are_repaired_and_classes_are_told_once_and_sorted() -> None:
    (span,) = _process(_span(attributes={"a\0": "\0", "b": "\ud800"}, kind=2**20))

    assert span.attributes == {"a�": "�", "b": "�", _KEY: ["kind_out_of_range", "lone_surrogate", "nul_character"]}


@pytest.mark.parametrize(
    ("earlier", "marks"),
    [
        pytest.param(["invalid_utf8", 5], ["invalid_utf8", "kind_out_of_range"], id="classes"),
        pytest.param("text", ["kind_out_of_range"], id="something else"),
    ],
)
def test_an_earlier_mark_is_joined(earlier: Value, marks: Value) -> None:
    (span,) = _process(_span(attributes={_KEY: earlier}, kind=2**20))

    assert span.attributes == {_KEY: marks}


def _nested(levels: int, *, maps: bool) -> Value:
    value: Value = "core"
    for _ in range(levels - 1):
        value = {"k": value} if maps else [value]
    return value


@pytest.mark.parametrize("maps", [True, False], ids=["maps", "arrays"])
def test_nesting_to_the_limit_is_sound(maps: bool) -> None:  # noqa: FBT001  # A parameter of the test.
    batch = Batch(workspace_id=1, spans=[_span(attributes={"k": _nested(MAX_DEPTH, maps=maps)})])

    assert Sanitise().process(batch) is batch


@pytest.mark.parametrize("maps", [True, False], ids=["maps", "arrays"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500])
def test_deeper_values_are_replaced(levels: int, maps: bool) -> None:  # noqa: FBT001  # A parameter of the test.
    (span,) = _process(_span(attributes={"k": _nested(levels, maps=maps)}))

    value: Any = span.attributes["k"]
    depth = 1
    while value != TOO_DEEP:
        value = value["k"] if maps else value[0]
        depth += 1
    assert depth == MAX_DEPTH + 1
    assert span.attributes[_KEY] == ["nesting_too_deep"]


def test_resource_and_scope_carry_their_own_mark_and_stay_shared() -> None:
    resource = Resource(attributes={"service.name": "a\0"}, schema_url="\0", dropped_attributes_count=-1)
    scope = Scope(name="\0", version="\ud800", attributes={"k": "v"})

    one, two, other = _process(*[_span(resource=resource, scope=scope)] * 2, _span())

    assert one.resource is two.resource
    assert one.scope is two.scope
    assert one.resource == Resource(
        attributes={"service.name": "a�", _KEY: ["count_out_of_range", "nul_character"]}, schema_url="�"
    )
    assert one.scope == Scope(name="�", version="�", attributes={"k": "v", _KEY: ["lone_surrogate", "nul_character"]})
    assert _KEY not in one.attributes
    assert (other.resource, other.scope) == (_RESOURCE, _SCOPE)
