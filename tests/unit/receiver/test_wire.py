from __future__ import annotations

from collections.abc import Callable

import pytest

from receiver.error import DecodeFailedError, TooLargeError
from receiver.wire import check_json, check_protobuf
from tests.support.factory import full_span, span
from tests.support.otlp import export_json, export_request
from tests.support.wire import attribute, delimited, fixed64, number_field, request_of_spans, varint

# Request, resource, attribute, value...: counted by hand below.
_TWO_VALUES = attribute("k", delimited(5, delimited(1, b"") * 2))


def _largest_refused(check: Callable[[bytes, int], None], data: bytes) -> int:
    """The count that ``check`` sees, found by its answer alone."""
    low, high = -1, len(data)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            check(data, middle)
        except TooLargeError:
            low = middle
        else:
            high = middle
    return high


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(b"\x0a\x00" * 50, 50, id="resources"),
        pytest.param(request_of_spans(*[b""] * 50), 52, id="spans"),
        pytest.param(request_of_spans(_TWO_VALUES * 10), 3 + 10 * 5, id="values"),
        pytest.param(request_of_spans(*[delimited(11, b"")] * 20), 2 + 20 + 20, id="events"),
        pytest.param(request_of_spans(delimited(5, b"\x0a\x00" * 50)), 3, id="text-that-looks-like-messages"),
        pytest.param(
            request_of_spans(fixed64(7, 2**64 - 1) + number_field(6, 2**40) + b"\x85\x01abcd"), 3, id="numbers"
        ),
        pytest.param(b"\x8a\x00\x80\x00" * 30, 30, id="padded"),
        pytest.param(delimited(900, b"\x0a\x00" * 50) + b"\x0a\x00", 1, id="unknown-fields"),
    ],
)
def test_messages_are_counted_exactly_where_it_matters(data: bytes, count: int) -> None:
    found = _largest_refused(check_protobuf, data)

    # Below the count it is always refused; above it, small requests pass without being looked at.
    assert found <= count
    assert found == count or len(data) // 2 <= count


@pytest.mark.parametrize("spans", [1, 7], ids=str)
def test_real_requests_pass_with_the_number_of_their_messages(spans: int) -> None:
    sent = [full_span() for _ in range(spans)]
    request = export_request(sent)

    def messages(message: object) -> int:
        fields = message.ListFields()  # type: ignore[attr-defined]  # Any message.
        children = [value for field, value in fields if field.message_type is not None]
        flat = [one for child in children for one in (child if hasattr(child, "__len__") else [child])]
        return len(flat) + sum(map(messages, flat))

    count = messages(request)
    data = request.SerializeToString()
    check_protobuf(data, count)
    assert _largest_refused(check_protobuf, data) <= count


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x0b\x0a\x00\x0a\x00\x0c" * 20, id="group"),
        pytest.param(b"\x0a\x00" * 20 + b"\x0a\x7f", id="beyond-the-end"),
        pytest.param(b"\x0a\x00" * 20 + b"\x0a", id="cut-off"),
        pytest.param(b"\x0a\x00" * 20 + b"\x08" + b"\x8a" * 40, id="endless-number"),
        pytest.param(b"\x0a\x00" * 20 + b"\x8a" * 40, id="endless-tag"),
        pytest.param(b"\x0a" + varint(300) + b"\x12\x00" * 100, id="child-beyond-its-parent"),
    ],
)
def test_what_is_no_request_is_refused_rather_than_counted(data: bytes) -> None:
    with pytest.raises((DecodeFailedError, TooLargeError)):
        check_protobuf(data, 20)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(b"{}," * 50, 50, id="objects"),
        pytest.param(b'["{{{{\\"{{{{", {}, "\\\\", {}]', 2, id="braces-in-text"),
        pytest.param(b'{"a": "{{{{{{{{{{{{{{{{{{{{{{', 1, id="cut-off-text"),
    ],
)
def test_objects_of_json_are_counted(data: bytes, count: int) -> None:
    assert _largest_refused(check_json, data) == count


def test_json_of_real_spans_passes_with_the_number_of_its_objects() -> None:
    text = export_json([span(attributes={"prompt": '{"role": "user"}' * 99}) for _ in range(5)])

    check_json(text.encode(), text.count("{") - 5 * 99)
