from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from processors.ai.mapper import Mapper
from processors.ai.reported import Reported
from processors.enrich import Enrich
from tests.support.decision import decided
from tests.support.llm_recording import RECORDED, WRITTEN, recording, recordings
from tests.support.llm_span import CHAT, chat, event, messages, record, span
from tracedata import Batch, LogRecord, Span, Value
from tracedata.interaction import Cost, Interaction

_WORKSPACE = 7
_TRACE = (1).to_bytes(16, "big")
_DECISION = {"decision_trace.id": "d", "decision_trace.type": "cache_decision", "decision_trace.component": "cache"}


def _batch(*spans: Span, records: Sequence[LogRecord] = ()) -> Batch:
    return Batch(workspace_id=_WORKSPACE, spans=spans, log_records=records)


def test_a_batch_without_ai_is_passed_on_as_it_is() -> None:
    batch = _batch(span(1, {"http.route": "/"}), records=[record("started", {}, number=1)])
    assert Enrich().process(batch) is batch


def test_what_reaches_a_root_gives_rows_at_once_with_the_context_of_its_ancestors() -> None:
    spans = (span(1, {"user.id": "u-7", "session.id": "s-1"}), span(2, {}, parent=1), chat(3, parent=2))
    made = Enrich().process(_batch(*spans))
    assert made.spans == spans
    assert made.workspace_id == _WORKSPACE
    assert made.arrivals == ()
    (row,) = made.interactions
    assert (row.span_id, row.user_id, row.session_id) == (spans[2].span_id, "u-7", "s-1")


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(_batch(chat(3, parent=2)), id="the parent is missing"),
        pytest.param(_batch(chat(3, parent=2), span(2, {}, parent=1)), id="a span above is missing"),
        pytest.param(_batch(chat(1), chat(3, parent=2)), id="one part of the trace is whole"),
        pytest.param(_batch(chat(1), records=[record("gen_ai.choice", {}, number=1)]), id="log records belong to it"),
        pytest.param(_batch(records=[record("gen_ai.choice", {}, number=1)]), id="log records alone"),
        pytest.param(_batch(chat(3, parent=3)), id="its own parent"),
        pytest.param(_batch(chat(1), chat(1)), id="the same span twice"),
    ],
)
def test_what_cannot_be_told_of_yet_is_an_arrival_and_no_row(batch: Batch) -> None:
    made = Enrich().process(batch)
    assert made.arrivals == (_TRACE,)
    assert made.interactions == ()


def test_one_trace_waits_and_the_other_does_not() -> None:
    made = Enrich().process(_batch(chat(3, parent=2), chat(1, trace=2)))
    assert [row.trace_id for row in made.interactions] == [(2).to_bytes(16, "big")]
    assert made.arrivals == (_TRACE,)


def test_records_of_no_trace_are_settled_with_those_of_their_session() -> None:
    of_call: Mapping[str, Value] = {"model": "claude-opus-4-6", "input_tokens": 1}
    first = record("claude_code.user_prompt", {"session.id": "s", "prompt": "hi"})
    second = record("claude_code.api_request", {"session.id": "s", **of_call}, at_ms=5)
    other = record("claude_code.api_request", {"session.id": "t", **of_call})
    nobodys = record("claude_code.api_request", of_call)
    plain = record("started", {"session.id": "s"})
    made = Enrich().process(_batch(records=[first, second, other, nobodys, plain]))
    assert made.interactions == ()
    places = [one.ai_trace_id for one in made.log_records]
    assert places[0] == places[1]
    assert places[4] == b""
    assert made.arrivals == tuple(dict.fromkeys(places[:4]))
    assert len(made.arrivals) == 3
    calls = Mapper().interactions((), made.log_records)
    assert {one.trace_id for one in calls} == set(made.arrivals)
    assert calls == Mapper().interactions((), [first, second, other, nobodys, plain])


def test_a_price_is_asked_for_calls_with_what_was_reported() -> None:
    asked: list[tuple[str, Reported | None]] = []

    def price(interaction: Interaction, reported: Reported | None) -> Cost:
        asked.append((interaction.operation, reported))
        return Cost(amount=1.0, source="computed:1")

    spans = (
        span(1, {"gen_ai.operation.name": "invoke_agent"}),
        chat(2, {"gen_ai.usage.cost": 0.5}, parent=1),
        chat(3, parent=1),
    )
    made = Enrich(price).process(_batch(*spans))
    assert [row.cost.amount for row in made.interactions] == [None, 1.0, 1.0]
    assert asked == [("chat", Reported(amount=0.5, key="gen_ai.usage.cost")), ("chat", None)]


class _Counts:
    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []
        self.failed = 0

    def enriched(self, *, interactions: int, arrivals: int) -> None:
        self.made.append((interactions, arrivals))

    def unmapped(self, count: int) -> None:
        self.failed += count


class _Bad(list[str]):
    """A value whose length cannot be told: reading it fails as a mistake of ours would."""

    def __len__(self) -> int:
        raise RuntimeError


def test_a_span_that_cannot_be_read_is_counted_and_its_neighbours_are_kept() -> None:
    counts = _Counts()
    bad = span(1, {**CHAT, "gen_ai.request.stop_sequences": _Bad()})
    made = Enrich(instruments=counts).process(_batch(bad, chat(2, trace=2)))
    assert len(made.spans) == 2
    assert [row.trace_id for row in made.interactions] == [(2).to_bytes(16, "big")]
    assert counts.failed == 1
    assert counts.made == [(1, 0)]


def test_a_price_that_fails_costs_no_other_row() -> None:
    def price(interaction: Interaction, reported: Reported | None) -> Cost:
        if interaction.trace_id == _TRACE:
            raise ZeroDivisionError
        return Cost(amount=1.0)

    counts = _Counts()
    made = Enrich(price, instruments=counts).process(_batch(chat(1), chat(2, trace=2)))
    assert [row.cost.amount for row in made.interactions] == [1.0]
    assert counts.failed == 1


@pytest.mark.parametrize(
    ("folder", "name"),
    [(folder, name) for folder in (RECORDED, WRITTEN) for name in recordings(folder)],
    ids=[name for folder in (RECORDED, WRITTEN) for name in recordings(folder)],
)
def test_rows_made_at_once_are_those_that_settling_makes(folder: Path, name: str) -> None:
    told = recording(folder, name)
    batch = Batch(workspace_id=_WORKSPACE, spans=told.spans, log_records=told.log_records)
    made = Enrich().process(batch)
    settled = Mapper().interactions(told.spans, told.log_records)
    assert [row for row in settled if row.trace_id not in made.arrivals] == list(made.interactions)


def test_messages_are_those_that_redaction_left() -> None:
    left = replace(chat(1, {"gen_ai.input.messages": messages("user", "I am <PERSON>")}), redactions={"PERSON": 1})
    (row,) = Enrich().process(_batch(left)).interactions
    assert row.prompt == "I am <PERSON>"


def _deciding(number: int, *, parent: int = 0, trace: int = 1) -> Span:
    return span(number, {}, parent=parent, trace=trace, events=[event("decision_trace.decision", _DECISION)])


def test_decisions_of_a_whole_trace_are_made_at_once_with_what_became_of_the_request() -> None:
    batch = _batch(span(1, {"user.id": "u-7"}), _deciding(2, parent=1), chat(3, parent=2))
    made = Enrich().process(batch)
    (decision,) = made.decisions
    assert (decision.id, decision.user_id, decision.final.model) == ("d", "u-7", "gpt-4o-mini")
    assert len(made.interactions) == 1
    assert made.arrivals == ()
    assert list(made.decisions) == decided(*batch.spans)


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(_batch(_deciding(2, parent=1)), id="the parent is missing"),
        pytest.param(_batch(chat(1), _deciding(3, parent=2)), id="its interactions are whole"),
        pytest.param(_batch(_deciding(1), chat(3, parent=2)), id="its interactions are not"),
        pytest.param(_batch(_deciding(1), span(3, {"decision_trace.final.status": "error"}, parent=2)), id="outcome"),
        pytest.param(_batch(records=[record("decision_trace.decision", _DECISION, number=1)]), id="a log record"),
        pytest.param(
            _batch(_deciding(1), records=[record("decision_trace.final", {}, number=1)]), id="an outcome as a record"
        ),
    ],
)
def test_decisions_of_parts_are_left_to_be_settled(batch: Batch) -> None:
    made = Enrich().process(batch)
    assert made.arrivals == (_TRACE,)
    assert made.decisions == ()
    assert made.interactions == ()


def test_decisions_of_no_trace_are_settled_each_by_itself() -> None:
    said = {**_DECISION, "session.id": "s"}
    told = [record("decision_trace.decision", said), record("decision_trace.decision", said, at_ms=1)]
    made = Enrich().process(_batch(records=told))
    assert made.decisions == ()
    assert made.arrivals == tuple(one.ai_trace_id for one in made.log_records)
    assert len(set(made.arrivals)) == 2
    # Redaction may change what is stored: the place stays.
    changed = [replace(one, attributes={**one.attributes, "session.id": "x"}) for one in made.log_records]
    assert [one.trace_id for one in decided(records=changed)] == list(made.arrivals)


def test_one_trace_has_its_decisions_and_the_other_waits() -> None:
    made = Enrich().process(_batch(_deciding(1), _deciding(3, parent=2, trace=2)))
    assert [one.trace_id for one in made.decisions] == [_TRACE]
    assert made.arrivals == ((2).to_bytes(16, "big"),)
