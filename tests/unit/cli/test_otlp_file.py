"""Files of OTLP/JSON, taken apart: what is found, and what is named as left out."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import pytest

from relayscope.cli.otlp_file import MAX_DOCUMENT_BYTES, MAX_PART_BYTES, MAX_PART_ITEMS, Fault, Part, parts_of


def spans(*names: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    scope = {"scope": {"name": "s"}, "spans": [{"name": name, **more} for name in names], "schemaUrl": "of-scope"}
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [scope], "schemaUrl": "of-resource"}]}


def logs(*names: str) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"eventName": name} for name in names]}]}]}


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def read(data: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES) -> list[Part | Fault]:
    return list(parts_of(io.BufferedReader(io.BytesIO(data)), "f", max_bytes=max_bytes))


def told(data: bytes) -> list[tuple[str, ...]]:
    """Of a part: its place and the names in it; of a fault: its place and the reason."""
    return [
        (one.place, one.reason) if isinstance(one, Fault) else (one.place, one.signal, *_names(json.loads(one.entry)))
        for one in read(data)
    ]


def _names(node: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(node, list):
        return [name for item in node for name in _names(item)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("name", "eventName") if key in node and "attributes" not in node]
    return [name for name in own if name != "s"] + [name for value in node.values() for name in _names(value)]


A, B, C = spans("a"), spans("b", "b2"), logs("c")
FOUND_A, FOUND_B, FOUND_C = ("f:1", "traces", "a"), ("f:2", "traces", "b", "b2"), ("f:3", "logs", "c")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (line(A) + line(B) + line(C), [FOUND_A, FOUND_B, FOUND_C]),
        (line(A) + b"\r\n \n" + line(C), [FOUND_A, ("f:4", "logs", "c")]),
        (line(A).rstrip(), [FOUND_A]),
        (b"\xef\xbb\xbf" + line(A), [FOUND_A]),
        (json.dumps(A, indent=2).encode(), [FOUND_A]),
        (json.dumps(A, indent=2).encode() + b"\n" + line(C), [FOUND_A, ("f:24", "logs", "c")]),
        (json.dumps([A, C]).encode(), [FOUND_A, ("f:1", "logs", "c")]),
        (b"[\n" + line(A).rstrip() + b",\n" + line(C) + b"]\n", [FOUND_A, ("f:1", "logs", "c")]),
        (line({**A, **C}), [FOUND_A, ("f:1", "logs", "c")]),
        (line(spans('{"[', 'b"}')), [("f:1", "traces", '{"[', 'b"}')]),
        (line({"resourceSpans": []}), []),
        (b"", []),
        (gzip.compress(line(A)) + gzip.compress(line(B)), [FOUND_A, FOUND_B]),
    ],
    ids=[
        "lines", "blank lines", "no last newline", "byte order mark", "over many lines", "and then a line", "array",
        "array of lines", "both signals", "brackets in texts", "nothing in it", "empty", "gzip",
    ],
)  # fmt: skip
def test_finds_requests_however_they_are_written(data: bytes, expected: list[tuple[str, ...]]) -> None:
    assert told(data) == expected


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"nonsense\n", "is not JSON"),
        (b'{"resourceSpans":[{"reso\n', "ends before it is whole"),
        (b'{"a": 1 "b"}\n', "is not JSON in UTF-8"),
        (b'{"resourceMetrics": []}\n', "has neither resourceSpans nor resourceLogs"),
        (b'{"resourceSpans": 5}\n', "is no OTLP: expected `array | null`, got `int` - at `$.resourceSpans`"),
        (
            b'{"resourceSpans": [{"scopeSpans": 5}]}\n',
            "is no OTLP: expected `array | null`, got `int` - at `$.scopeSpans`",
        ),
        (b'[{"resourceSpans": []}, 5]\n', "is no OTLP: expected `object`, got `int` - at `$[1]`"),
        (b'{"data": [{"traceID": "of Jaeger"}]}\n', "has neither resourceSpans nor resourceLogs"),
    ],
    ids=["text", "cut off", "broken", "metrics", "no list", "no list inside", "array", "other JSON"],
)
def test_names_what_is_left_out_and_goes_on(bad: bytes, reason: str) -> None:
    assert told(line(A) + bad + line(C)) == [FOUND_A, ("f:2", reason), FOUND_C]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (line(A) + b'{"resourceSpans":[\n', [FOUND_A, ("f:2", "ends before it is whole")]),
        (
            gzip.compress(line(A) + line(B))[:-12],
            "the compressed data are damaged, or end too early; what came before them was read",
        ),
    ],
    ids=["plain", "gzip"],
)
def test_names_where_a_file_ends_too_early(data: bytes, expected: object) -> None:
    found = told(data)
    assert found == expected or found[-1][1] == expected


@pytest.mark.parametrize(
    "value",
    [r'"\ud800"', "NaN", "[" * 20_000 + "]" * 20_000],
    ids=["half a surrogate pair", "no number", "nested too deep"],
)
def test_leaves_to_the_receiver_what_it_mends(value: str) -> None:
    sent = line(spans("a", odd="?")).replace(b'"?"', value.encode())
    for data in (sent, b"[" + sent.rstrip() + b"]\n"):
        (part,) = read(data)
        assert isinstance(part, Part)
        assert (part.place, part.items) == ("f:1", 1)


@pytest.mark.parametrize("begin", [b"", b'{"resourceSpans":[\n'], ids=["one line", "over many lines"])
def test_a_line_without_end_ends_the_reading(begin: bytes) -> None:
    found = read(line(A) + begin + bytes(4_000) + line(B), max_bytes=1_000)
    assert [one.place for one in found] == ["f:1", "f:2"]
    assert found[1] == Fault("f:2", "is larger than 0 MiB; the rest of the file is left out")


def test_a_long_text_takes_no_memory_beside_itself() -> None:
    text = b"x" * 1_000_000 + rb"\n" * 500_000
    tracemalloc.start()
    try:
        found = told(b'{"resourceSpans":["' + text + b"\n" + line(A))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [("f:1", "ends before it is whole"), ("f:2", "traces", "a")]
    assert peak < 10 * len(text)


def test_what_is_large_goes_in_pieces_with_all_that_stands_above_it() -> None:
    sent = spans(*(str(number) for number in range(MAX_PART_ITEMS + 1)))
    sent["resourceSpans"][0]["scopeSpans"] += spans("x" * MAX_PART_BYTES, "y")["resourceSpans"][0]["scopeSpans"]
    found = [one for one in read(line(sent)) if isinstance(one, Part)]
    assert [one.items for one in found] == [MAX_PART_ITEMS, 1, 1, 1]
    entries = [json.loads(one.entry) for one in found]
    for entry in entries:
        (scope,) = entry["scopeSpans"]
        assert (entry["schemaUrl"], scope["schemaUrl"], scope["scope"]) == ("of-resource", "of-scope", {"name": "s"})
    names = [span["name"] for entry in entries for span in entry["scopeSpans"][0]["spans"]]
    assert names == [*map(str, range(MAX_PART_ITEMS + 1)), "x" * MAX_PART_BYTES, "y"]
