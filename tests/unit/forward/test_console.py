from __future__ import annotations

import asyncio
import os

import pytest

from receiver import otlp_json
from relayscope.forward.console_sink import ConsoleSink
from relayscope.forward.console_text import text_lines
from relayscope.forward.parcel import Parcel
from relayscope.otlp.document import encode, logs_document, traces_document
from tests.support import factory
from tests.support.forward import piece_of


def test_a_span_is_a_line() -> None:
    span = factory.full_span(trace_id=b"\1" * 16, span_id=b"\2" * 8, parent_span_id=b"\3" * 8)
    (line,) = text_lines(encode(traces_document([span])))
    assert line == (
        "2026-01-15T12:00:00.000Z span checkout GET /cart server 123.457 ms ERROR "
        "trace_id=01010101010101010101010101010101 span_id=0202020202020202 parent_span_id=0303030303030303 "
        "http.status_code=200"
    )


def test_a_log_record_is_a_line() -> None:
    record = factory.log_record(trace_id=b"", span_id=b"", attributes={"n": [1, "a"]}, severity_text="WARN")
    (line,) = text_lines(encode(logs_document([record])))
    assert line.startswith("2026-01-15T12:00:00.000Z log checkout WARN the cart was opened n=")


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\u202egnp", "bell\x07"], ids=ascii)
def test_nothing_reaches_a_terminal_but_text(text: str) -> None:
    span = factory.span(name=text, attributes={text: text}, service=text)
    record = factory.log_record(body=text, service=text)
    lines = [*text_lines(encode(traces_document([span]))), *text_lines(encode(logs_document([record])))]
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


async def test_json_lines_are_otlp() -> None:
    read, write = os.pipe()
    sink = ConsoleSink(line_format="json", descriptor=write)
    await sink.start()
    await sink.send(Parcel(signal="traces", pieces=[piece_of(factory.span(name=name), form="json") for name in "ab"]))
    await sink.aclose()
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        names = [otlp_json.decode_traces(line, 1).spans[0].name for line in pipe]
    assert names == ["a", "b"]


async def test_a_pipe_that_nobody_reads_blocks_nobody() -> None:
    read, write = os.pipe()
    sink = ConsoleSink(line_format="json", descriptor=write)
    await sink.start()
    piece = piece_of(*[factory.span() for _ in range(200)], form="json")
    with pytest.raises(TimeoutError):
        # The loop goes on, or there would be no timeout.
        await asyncio.wait_for(sink.send(Parcel(signal="traces", pieces=[piece] * 4)), 0.1)
    await sink.aclose()
    os.close(read)
