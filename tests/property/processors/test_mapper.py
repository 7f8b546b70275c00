from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.ai.detection import KNOWN_KEYS
from processors.ai.event import MEANINGS
from processors.ai.mapper import Mapper
from tests.support.llm_recording import RECORDED, WRITTEN, recording, recordings
from tests.support.llm_span import RESOURCE
from tracedata import Event, LogRecord, Scope, Span, Value

_Item = TypeVar("_Item")
_ALL = [(folder, name) for folder in (RECORDED, WRITTEN) for name in recordings(folder)]
_SCOPES = [
    "",
    "ai",
    "litellm",
    "langsmith",
    "pydantic-ai",
    "langfuse-sdk",
    "openinference.x",
    "codex",
    "com.anthropic.claude_code",
]
_TEXTS = st.sampled_from(
    [
        "",
        "None",
        "chat",
        "LLM",
        "x",
        "-1",
        "12",
        "1e400",
        "[",
        "{}",
        "[[]]",
        '[{"role":1,"parts":{}}]',
        '{"messages":[null,[],{}]}',
    ]
) | st.text(max_size=6)
_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | _TEXTS | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "parts", "content", "type", "message", "input", "tool_calls", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
_KEYS = st.sampled_from(sorted(KNOWN_KEYS)) | st.sampled_from(
    [
        "gen_ai.operation.name",
        "openinference.span.kind",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.x.0",
        "llm.input_messages.3.message.role",
    ]
)
_ATTRIBUTES = st.dictionaries(_KEYS, _VALUES, max_size=8)
_TIMES = st.sampled_from([0, 1, 2**63, 2**64 - 1])
_NAMES = st.sampled_from(sorted(MEANINGS)) | st.just("exception")
_IDS = st.sampled_from([bytes(7) + bytes([number]) for number in range(1, 5)])
_TRACES = st.sampled_from([bytes(15) + bytes([number]) for number in range(1, 3)])
_SPANS = st.builds(
    Span,
    trace_id=_TRACES,
    span_id=_IDS,
    parent_span_id=_IDS | st.just(b""),
    resource=st.just(RESOURCE),
    scope=st.builds(Scope, name=st.sampled_from(_SCOPES)),
    name=st.sampled_from(["", "call_llm", "raw_gen_ai_request", "running tool"]),
    start_time_unix_nano=_TIMES,
    end_time_unix_nano=_TIMES,
    attributes=_ATTRIBUTES,
    events=st.lists(st.builds(Event, time_unix_nano=_TIMES, name=_NAMES, attributes=_ATTRIBUTES), max_size=2),
    status_code=st.integers(0, 3),
    status_message=_TEXTS,
)


@st.composite
def _records(draw: st.DrawFn) -> LogRecord:
    return LogRecord(
        resource=RESOURCE,
        scope=Scope(name=draw(st.sampled_from(_SCOPES))),
        trace_id=draw(_TRACES | st.just(b"")),
        span_id=draw(_IDS | st.just(b"")),
        observed_time_unix_nano=draw(_TIMES),
        event_name=draw(_NAMES),
        body=draw(_VALUES),
        attributes=draw(_ATTRIBUTES),
    )


@pytest.mark.parametrize(("folder", "name"), _ALL, ids=[name for _, name in _ALL])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_order_and_duplicates_and_parts_change_nothing(folder: Path, name: str, seed: int) -> None:
    told = recording(folder, name)
    dice = random.Random(seed)
    spans, records = _shuffled(told.spans, dice), _shuffled(told.log_records, dice)
    cut, record_cut = dice.randint(0, len(spans)), dice.randint(0, len(records))
    parts = [(spans[cut:], records[record_cut:]), (spans[:cut], records[:record_cut])]
    joined = [span for part, _ in parts for span in part], [record for _, part in parts for record in part]
    assert Mapper().interactions(*joined) == Mapper().interactions(told.spans, told.log_records)


@given(spans=st.lists(_SPANS, max_size=6), records=st.lists(_records(), max_size=4), seed=st.integers())
@settings(max_examples=60, deadline=None)
def test_nothing_that_senders_may_write_is_left_out_or_depends_on_order(
    spans: list[Span], records: list[LogRecord], seed: int
) -> None:
    failures: list[int] = []
    mapper = Mapper(failed=failures.append)
    made = mapper.interactions(spans, records)
    dice = random.Random(seed)
    assert repr(mapper.interactions(_shuffled(spans, dice), _shuffled(records, dice))) == repr(made)
    mapper.conversation(spans, records)
    assert failures == []


def _shuffled(items: Sequence[_Item], dice: random.Random) -> list[_Item]:
    """In another order, some of them twice or more."""
    several = [*items, *(item for item in items if dice.random() < 0.3)]
    dice.shuffle(several)
    return several
