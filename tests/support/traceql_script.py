"""Conformance scripts: what is loaded, what is asked, and what is expected, as text that people can read.

::

    load
      trace a
        root  service="gateway" kind=server duration=100ms span.http.method="GET" event:exception={"exception.type": "IOError"}
          child  at=10ms status=error resource.zone="b" link:0102={} scope="io@1.2" instrumentation.x=1

    query { span.http.method = "GET" } | count() > 0
    expect
      a  count()=1: root

Indentation makes children of spans. What is expected has a line for each set of spans: the trace, what the set was grouped by and measured
at, and its spans; of a span that something was selected of, ``[...]`` has it. ``refused LINE:COLUMN words`` is for what is no query, ``nothing`` for no trace.
Of a metric it is a line for each series and step (one minute).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from query.duration import parse_duration
from tests.support.factory import BASE_US
from tracedata import Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

_PAIR = re.compile(r'\s*((?:"(?:\\.|[^"\\])*"|[^\s="])+)=')
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A query over what was loaded before it, and the lines that are expected."""

    title: str
    query: str
    spans: Sequence[Span]
    expected: Sequence[str]


@dataclass
class _State:
    spans: list[Span] = field(default_factory=list)
    trace: str = ""
    above: list[tuple[int, Span]] = field(default_factory=list)


def read_cases(folder: Path) -> Iterator[Case]:
    """All cases of all scripts."""
    for path in sorted(folder.glob("*.txt")):
        yield from _read(path.stem, path.read_text(encoding="utf-8"))


def trace_id_of(name: str) -> bytes:
    """The id of a trace by its name."""
    return sha256(name.encode()).digest()[:16]


def span_id_of(trace: str, name: str) -> bytes:
    """The id of a span by the names of both."""
    return sha256(f"{trace}/{name}".encode()).digest()[:8]


def _read(stem: str, text: str) -> Iterator[Case]:
    state = _State()
    section, query, expected, first = "", "", [], 0
    for number, line in enumerate([*text.splitlines(), "end"], start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] == " ":
            if section == "load":
                _load(state, line)
            elif section == "query":
                query += f"\n{line.strip()}"
            else:
                expected.append(line.strip())
            continue
        word, _, rest = line.partition(" ")
        if section == "expect":
            yield Case(title=f"{stem}:{first}", query=query, spans=list(state.spans), expected=expected)
        if word == "load":
            state = _State()
        if word == "query":
            query, first = rest, number
        section, expected = word, []


def _load(state: _State, line: str) -> None:
    depth = len(line) - len(line.lstrip())
    name, _, rest = line.strip().partition(" ")
    if name == "trace":
        state.trace, state.above = rest.strip(), []
        return
    while state.above and state.above[-1][0] >= depth:
        state.above.pop()
    parent = state.above[-1][1].span_id if state.above else b""
    span = _span(state.trace, name, parent, dict(_pairs(rest)))
    state.spans.append(span)
    state.above.append((depth, span))


def _pairs(text: str) -> Iterator[tuple[str, Value]]:
    position = 0
    while (found := _PAIR.match(text, position)) is not None:
        key = _QUOTED.sub(lambda quoted: str(json.loads(quoted[0])), found[1])
        position = found.end()
        if text[position] in '"[{':
            value, position = json.JSONDecoder().raw_decode(text, position)
        else:
            word = _WORD.match(text, position)
            assert word is not None
            value, position = _scalar(word[0]), word.end()
        yield key, value


def _scalar(word: str) -> Value:
    try:
        value: Value = json.loads(word)
    except json.JSONDecodeError:
        return word
    return value


def _span(trace: str, name: str, parent: bytes, given: Mapping[str, Value]) -> Span:
    start = BASE_US * 1_000 + parse_duration(str(given.get("at", "0")))
    scope, _, version = str(given.get("scope", "")).partition("@")
    return Span(
        trace_id=trace_id_of(trace),
        span_id=span_id_of(trace, name),
        parent_span_id=bytes.fromhex(str(given["parent"])) if "parent" in given else parent,
        name=str(given.get("name", name)),
        kind=SpanKind[str(given.get("kind", "internal")).upper()],
        status_code=StatusCode[str(given.get("status", "unset")).upper()],
        status_message=str(given.get("message", "")),
        start_time_unix_nano=start,
        end_time_unix_nano=start + parse_duration(str(given.get("duration", "1ms"))),
        resource=Resource(attributes={"service.name": given.get("service", "shop"), **_below("resource.", given)}),
        scope=Scope(name=scope, version=version, attributes=_below("instrumentation.", given)),
        attributes=_below("span.", given),
        events=[Event(name=key, attributes=_map(value)) for key, value in _below("event:", given).items()],
        links=[
            Link(trace_id=bytes.fromhex(key), span_id=b"\1" * 8, attributes=_map(value))
            for key, value in _below("link:", given).items()
        ],
    )


def _below(prefix: str, given: Mapping[str, Value]) -> dict[str, Value]:
    return {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}


def _map(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, Mapping) else {}


def set_line(trace: str, values: Sequence[tuple[str, object]], spans: Sequence[str]) -> str:
    """A set of spans as a script has it."""
    told = "".join(f" {label}={written(value)}" for label, value in values)
    return f"{trace}{told}: {' '.join(spans)}"


def written(value: object) -> str:
    """A value as a script has it; numbers without a needless fraction."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)
