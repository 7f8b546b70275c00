from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.ai.context import KEYS as CONTEXT_KEYS
from processors.ai.mapper import Mapper
from processors.decisions.adapter import ADAPTERS
from processors.decisions.mapper import DecisionMapper
from processors.decisions.relevance import is_relevant, relevant_of
from processors.decisions.subject import OF_EVENT
from processors.decisions.value import encoded
from tests.support.decision import decided
from tests.support.llm_recording import recording, recordings
from tests.support.llm_span import RESOURCE, event, record, span
from tests.support.repository import ROOT
from tracedata import Event, LogRecord, Scope, Span, StatusCode, Value
from tracedata.decision import Decision

_FOLDER = ROOT / "tests" / "fixtures" / "decisions"
_Item = TypeVar("_Item")
_PREFIX = "decision_trace."
_EVENT = f"{_PREFIX}decision"


@pytest.mark.parametrize("name", recordings(_FOLDER))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_order_and_duplicates_change_nothing(name: str, seed: int) -> None:
    told = recording(_FOLDER, name)
    dice = random.Random(seed)
    spans, records = _shuffled(told.spans, dice), _shuffled(told.log_records, dice)
    assert decided(*spans, records=records) == decided(*told.spans, records=told.log_records)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
_JSON: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_SAID = st.fixed_dictionaries(
    {"type": st.sampled_from(["rule_evaluation", "model_selection", "cache_decision", "budget_check", "other"])},
    optional={
        "component": st.sampled_from(["router", "budget"]),
        "input": _JSON.map(json.dumps),
        "output": _JSON.map(json.dumps),
        "reasoning": st.sampled_from(["because", "why not"]),
        "rule.id": st.sampled_from(["r-1", "r-2"]),
        "rule.version": st.just("3"),
        "outcome": st.sampled_from(["allow", "deny", "selected"]),
        "enforced": st.booleans(),
        "sequence": st.integers(0, 9),
        "candidates": st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=2),
        "evaluation_time_ms": st.floats(0, 1e6),
        "parent_id": st.just("p"),
        "novel": st.integers(0, 5),
    },
)


@given(said=st.lists(_SAID, min_size=1, max_size=4), seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_however_a_decision_is_split_over_carriers_it_is_the_same(said: list[dict[str, Value]], seed: int) -> None:
    dice = random.Random(seed)
    decisions = {f"d-{number}": one for number, one in enumerate(said)}
    whole = decided(*_sent({id_: [("event", one)] for id_, one in decisions.items()})[0])
    parts = {id_: _split(one, dice) for id_, one in decisions.items()}
    spans, records = _sent(parts)
    split = decided(*_shuffled(spans, dice), records=_shuffled(records, dice))
    assert [_core(one) for one in split] == [_core(one) for one in whole]
    assert len(split) == len(decisions)


_Parts = Sequence[tuple[str, Mapping[str, Value]]]


def _split(said: Mapping[str, Value], dice: random.Random) -> _Parts:
    """The keys, spread over one to three carriers; some in several."""
    chosen = dice.sample(["event", "record", "span"], dice.randint(1, 3))
    parts: dict[str, dict[str, Value]] = {carrier: {} for carrier in chosen}
    for key, value in said.items():
        for carrier in dice.sample(chosen, dice.randint(1, len(chosen))):
            parts[carrier][key] = value
    return list(parts.items())


def _sent(parts: Mapping[str, _Parts]) -> tuple[list[Span], list[LogRecord]]:
    events: list[Event] = []
    children: list[Span] = []
    records: list[LogRecord] = []
    for number, (id_, told) in enumerate(parts.items(), start=2):
        for carrier, said in told:
            attributes: dict[str, Value] = {f"{_PREFIX}{key}": value for key, value in {"id": id_, **said}.items()}
            if carrier == "event":
                events.append(event(_EVENT, attributes, at_ms=number))
            elif carrier == "record":
                records.append(record(_EVENT, attributes, number=1, at_ms=number))
            else:
                children.append(span(number, attributes, parent=1, at_ms=number))
    return [span(1, {"user.id": "u"}, events=events), *children], records


def _core(one: Decision) -> Decision:
    """Without what depends on the carrier: where it stands, and how long a span lasted."""
    evaluation = one.evaluation_ns if one.evaluation_ns != 100_000_000 else None
    return replace(one, carriers=(), span_id=b"", evaluation_ns=evaluation)


_KEYS = sorted(
    {key.partition("#")[0] for adapter in ADAPTERS for key in (*adapter.keys, *adapter.values, *adapter.components)}
    | {f"{_PREFIX}{name}" for name in ("id", "type", "input", "output", "sequence", "evaluation_time_ms", "candidates")}
    | {f"{_PREFIX}final.status", f"{_PREFIX}final.model", "http.route", "metadata.routing_decision"}
    | set(sorted(CONTEXT_KEYS)[:20])
)
_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.binary(max_size=3)
    | st.sampled_from(["", "None", "guardrail", "decision", "tool", "-1", "1e400", "[", "{}", '{"a":[1]}', "x" * 600])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["model", "x"]), inner, max_size=2),
    max_leaves=6,
)
_ATTRIBUTES = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=6)
_TIMES = st.sampled_from([0, 1, 2**63, 2**64 - 1])
_IDS = st.sampled_from([bytes(7) + bytes([number]) for number in range(1, 4)])
_TRACES = st.sampled_from([bytes(15) + bytes([number]) for number in range(1, 3)])
_EVENT_NAMES = st.sampled_from([*sorted(OF_EVENT), f"{_PREFIX}final", "exception"])
_SPANS = st.builds(
    Span,
    trace_id=_TRACES,
    span_id=_IDS,
    parent_span_id=_IDS | st.just(b""),
    resource=st.just(RESOURCE),
    scope=st.builds(Scope, name=st.sampled_from(["", "litellm", "pydantic-ai"])),
    name=st.sampled_from(["", "route x", "handoff to ", "cache.get llm_response"]),
    start_time_unix_nano=_TIMES,
    end_time_unix_nano=_TIMES,
    attributes=_ATTRIBUTES,
    events=st.lists(st.builds(Event, time_unix_nano=_TIMES, name=_EVENT_NAMES, attributes=_ATTRIBUTES), max_size=2),
    status_code=st.sampled_from([StatusCode.UNSET, StatusCode.ERROR]),
)


@st.composite
def _records(draw: st.DrawFn) -> LogRecord:
    return LogRecord(
        resource=RESOURCE,
        scope=Scope(name=draw(st.sampled_from(["", "codex_otel", "com.anthropic.claude_code.events"]))),
        trace_id=draw(_TRACES | st.just(b"")),
        span_id=draw(_IDS | st.just(b"")),
        time_unix_nano=draw(_TIMES),
        event_name=draw(_EVENT_NAMES | st.just("")),
        body=draw(_VALUES),
        attributes=draw(_ATTRIBUTES),
    )


@given(spans=st.lists(_SPANS, max_size=6), records=st.lists(_records(), max_size=4), seed=st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_nothing_that_senders_may_write_fails_or_depends_on_order(
    spans: list[Span], records: list[LogRecord], seed: int
) -> None:
    failures: list[int] = []
    mapper = DecisionMapper(failed=failures.append)
    made = mapper.decisions(spans, records, Mapper().interactions(spans, records))
    dice = random.Random(seed)
    others, other_records = _shuffled(spans, dice), _shuffled(records, dice)
    again = mapper.decisions(others, other_records, Mapper().interactions(others, other_records))
    assert encoded(again) == encoded(made)
    assert failures == []
    assert relevant_of(spans) == [one for one in spans if is_relevant(one)]
    assert len({(one.trace_id, one.id) for one in made}) == len(made)
    assert all(one.id and len(one.id) <= 512 for one in made)


def _shuffled(items: Sequence[_Item], dice: random.Random) -> list[_Item]:
    """In another order, some of them twice or more."""
    several = [*items, *(item for item in items if dice.random() < 0.3)]
    dice.shuffle(several)
    return several
