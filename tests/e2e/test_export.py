"""Out and in again: the same bytes, and the same spans through every way of reading."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.support.canonical import canonical
from tests.support.exporter import TRANSPORTS, Exporter
from tests.support.factory import BASE_US, HOUR_US, MAX_INT64, MIN_INT64, full_span, span, trace_id
from tests.support.rest_answer import spans_of_trace
from tests.support.system import System, command, environment, run
from tracedata import Event, Link, Resource, Scope, Span, Value

ODD: dict[str, Value] = {
    "": "a key of no characters", "empty": "", "none": None, "bytes": bytes(range(256)), "no bytes": b"",
    "max": MAX_INT64, "min": MIN_INT64, "one": 1, "one.0": 1.0, "true": True, "nan": math.nan, "inf": math.inf,
    "-inf": -math.inf, "-0": -0.0, "tiny": 5e-324, "list": [1, 1.0, "1", None, [], {}, [[b"\x00"]]],
    "map": {"a": {"": {"$bytes": "x"}}}, "text": "é\U0001f600\"\\\t\n\u2028,'=1+1",
}  # fmt: skip
# A moment that no other test uses.
AT_US = 10 * HOUR_US
WINDOW = ("--start", "2026-01-15T22:00:00Z", "--end", "2026-01-15T22:00:01Z")


def sent_spans() -> list[Span]:
    start = (BASE_US + AT_US) * 1_000
    whole = _bare(replace(full_span(), start_time_unix_nano=start + 1, end_time_unix_nano=start + 999))
    twin = replace(whole, name="another span of the same ids", attributes=ODD)
    events = [Event(attributes=ODD), Event(time_unix_nano=1, name="e", dropped_attributes_count=2)]
    links = [Link(), Link(trace_id=trace_id(), span_id=b"\x01" * 8, trace_state="a=b", flags=3, attributes=ODD)]
    return [
        whole,
        twin,
        span(
            at_us=AT_US, events=events, links=links, dropped_events_count=3, dropped_links_count=2**32 - 1, flags=0x301
        ),
        span(at_us=AT_US, resource=Resource(attributes=ODD, schema_url="https://x/1", dropped_attributes_count=4)),
        span(
            at_us=AT_US, scope=Scope(name="", version="v", attributes=ODD, schema_url="https://x/2"), trace_state="k=v"
        ),
        span(
            at_us=AT_US,
            attributes={"to": "write to jane.doe@mailbox.org, card 4012 8888 8888 1881"},
            status_message="for jane@mailbox.org",
        ),
        span(at_us=AT_US, lasting_ns=-5),
    ]


def exported(system: System, path: Path, *flags: str) -> bytes:
    done = run("export", "traces", *WINDOW, *flags, "--url", system.url, "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


def test_an_export_can_be_imported_and_exported_again_without_a_difference(system: System, tmp_path: Path) -> None:
    spans = sent_spans()
    with Exporter(system.ready, TRANSPORTS[0]) as exporter:
        exporter.export(spans)
    first = exported(system, tmp_path / "first.otlp.jsonl")
    with System(tmp_path / "second", workers=1) as second:
        for _ in range(2):
            # The second time, everything is stored already. Through a pipe, so that nothing depends on a file.
            done = subprocess.run(
                command("import", "-", "--json", "--endpoint", f"http://127.0.0.1:{second.ready.otlp_http}"),
                env=environment(),
                input=first,
                capture_output=True,
                check=True,
            )
            assert json.loads(done.stdout)["faults"] == 0
        assert exported(second, tmp_path / "again.otlp.jsonl") == first
        for one in spans:
            assert _read(second, one) == _read(system, one)
    _assert_everything_is_there(exported(system, tmp_path / "lines.jsonl"), spans)


def _read(system: System, one: Span) -> tuple[object, Any]:
    """The trace through REST, without receipts of redaction, and through Jaeger's API."""
    trace = one.trace_id.hex()
    found = spans_of_trace(system.get(f"/api/v1/traces/{trace}"))
    return [canonical(_bare(each)) for each in found], system.jaeger(f"/api/traces/{trace}")


def _assert_everything_is_there(lines: bytes, spans: list[Span]) -> None:
    by_id = {}
    for line in lines.splitlines():
        (found,) = spans_of_trace({"spans": [json.loads(line)]})
        by_id[found.trace_id, found.span_id, found.name] = found
    for one in spans:
        found = by_id[one.trace_id, one.span_id, one.name]
        if "to" in one.attributes:
            assert found.attributes["to"] == "write to <EMAIL_ADDRESS>, card <CREDIT_CARD>"
        else:
            assert canonical(found) == canonical(one)


def _bare(one: Span) -> Span:
    return replace(one, redactions={}, redacted_keys={}, redaction_policy="")
