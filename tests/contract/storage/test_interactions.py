"""What every ``InteractionReader`` answers: lists, single ones, sources."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from msgspec.structs import replace

from storage.interaction_reader import InteractionFilter, InteractionQuestion, Sources
from tests.support.factory import (
    BASE_US,
    HOUR_US,
    MS_NS,
    SECOND_US,
    full_resource,
    full_scope,
    resource,
    span,
    trace_id,
)
from tests.support.interaction import full_interaction, interaction
from tests.support.interaction_store import InteractionStore, everything, span_ids
from tracedata import Interaction, LogRecord
from tracedata.interaction import Cost, SpanReference, Usage

_TRACE_ID = trace_id()


def where(**changes: Any) -> InteractionFilter:  # noqa: ANN401 - the fields of InteractionFilter
    return replace(everything(), **changes)


def at(seconds: int, **fields: Any) -> Interaction:  # noqa: ANN401 - the fields of Interaction
    """An interaction that starts so many seconds after ``BASE_US`` and lasts 5 ms unless told otherwise."""
    start = (BASE_US + seconds * SECOND_US) * 1_000
    return interaction(start_time_unix_nano=start, end_time_unix_nano=start + 5 * MS_NS, **fields)


async def test_what_was_stored_comes_back_whole(interactions: InteractionStore) -> None:
    stored = full_interaction()
    await interactions.put(stored)
    (found,) = (await interactions.reader.find(InteractionQuestion(where=everything(), limit=10))).items
    assert found == replace(stored, tags=list(stored.tags), tool_calls=list(stored.tool_calls)) or found == stored
    got = await interactions.reader.get(1, trace_id=stored.trace_id, span_id=stored.span_id)
    assert got == found


async def test_newest_come_first_and_pages_give_each_once(interactions: InteractionStore) -> None:
    trace = trace_id()
    ones = [at(second // 2, trace_id=trace, span_id=bytes([second + 1] * 8)) for second in range(7)]
    await interactions.put(*ones)
    for is_oldest_first in (False, True):
        pages: list[list[bytes]] = []
        question = InteractionQuestion(where=everything(), limit=3, is_oldest_first=is_oldest_first)
        while True:
            page = await interactions.reader.find(question)
            pages.append(span_ids(page))
            if page.cursor is None:
                break
            question = replace(question, after=page.cursor)
        order = [one.span_id for one in ones]
        assert list(chain.from_iterable(pages)) == (order if is_oldest_first else order[::-1])
        assert [len(page) for page in pages] == [3, 3, 1]


async def test_a_full_last_page_is_the_last(interactions: InteractionStore) -> None:
    await interactions.put(at(1), at(2))
    assert (await interactions.reader.find(InteractionQuestion(where=everything(), limit=2))).cursor is None


@pytest.mark.parametrize(
    ("changes", "fields", "others"),
    [
        ({"provider": "openai"}, {"provider": "openai"}, {"provider": "anthropic"}),
        ({"model": "m"}, {"model_served": "m"}, {"model_served": "n"}),
        ({"model": "m"}, {"model_requested": "m", "model_served": "m-1"}, {"model_requested": "n"}),
        ({"user": "ann"}, {"user_id": "ann"}, {"user_id": ""}),
        ({"user": "u" * 400}, {"user_id": "u" * 400}, {"user_id": "u" * 401}),
        ({"session": "s"}, {"session_id": "s"}, {"session_id": "t"}),
        ({"agent": "planner"}, {"agent": "planner"}, {}),
        ({"organization": "acme"}, {"organization_id": "acme"}, {}),
        ({"service": "bot"}, {"service_name": "bot"}, {"service_name": "cat"}),
        ({"status": "timeout"}, {"status": "timeout"}, {"status": "error"}),
        ({"error_class": "auth"}, {"status": "error", "error_class": "auth"}, {"status": "error"}),
        ({"trace_id": _TRACE_ID}, {"trace_id": _TRACE_ID}, {}),
        ({"operations": ("tool",)}, {"operation": "tool"}, {"operation": "chat"}),
        ({"operations": ("tool", "agent")}, {"operation": "agent"}, {"operation": "chat"}),
        ({"min_cost_pico": 10**10}, {"cost": Cost(amount=0.01)}, {"cost": Cost(amount=0.009)}),
        ({"max_cost_pico": 10**10}, {"cost": Cost(amount=0.01)}, {"cost": Cost(amount=0.011)}),
        ({"max_cost_pico": 10**10}, {"cost": Cost(amount=0.0)}, {"cost": Cost()}),
        ({"min_tokens": 3}, {"usage": Usage(input=1, output=2)}, {"usage": Usage(input=2)}),
        ({"max_tokens": 3}, {"usage": Usage(cache_read=1, reasoning=2)}, {"usage": Usage(input=4)}),
        ({"max_tokens": 3}, {"usage": Usage(output=0)}, {}),
        ({"min_latency_ns": 6 * MS_NS}, {"end_time_unix_nano": BASE_US * 1_000 + 6 * MS_NS}, {}),
        ({"max_latency_ns": 4 * MS_NS}, {"end_time_unix_nano": BASE_US * 1_000 + 4 * MS_NS}, {}),
        ({"start_us": BASE_US}, {}, {"start_time_unix_nano": (BASE_US - 1) * 1_000 + 999}),
        ({"end_us": BASE_US}, {"start_time_unix_nano": BASE_US * 1_000 + 999}, {"start_time_unix_nano": (BASE_US + 1) * 1_000}),
    ],
)  # fmt: skip
async def test_filters(
    interactions: InteractionStore, changes: dict[str, Any], fields: dict[str, Any], others: dict[str, Any]
) -> None:
    wanted, other = interaction(**fields), interaction(**others)
    await interactions.put(wanted, other)
    assert await interactions.found(where(**changes)) == [wanted.span_id]


async def test_all_filters_hold_together(interactions: InteractionStore) -> None:
    wanted = interaction(provider="openai", user_id="ann")
    await interactions.put(wanted, interaction(provider="openai"), interaction(user_id="ann"))
    assert await interactions.found(where(provider="openai", user="ann")) == [wanted.span_id]


async def test_only_calls_of_models_are_meant_unless_told_otherwise(interactions: InteractionStore) -> None:
    names = ("chat", "completion", "embedding", "rerank", "decision", "tool", "agent", "workflow", "retriever")
    ones = {name: interaction(operation=name) for name in names}
    await interactions.put(*ones.values())
    assert set(await interactions.found(everything())) == {ones[name].span_id for name in names[:5]}
    assert len(await interactions.found(where(operations=()))) == len(names)


async def test_others_see_nothing(interactions: InteractionStore) -> None:
    mine, theirs = interaction(prompt="hello"), interaction(prompt="hello", session_id="s")
    await interactions.put(mine)
    await interactions.put(theirs, workspace_id=2)
    assert await interactions.found(everything()) == [mine.span_id]
    assert await interactions.hits("hello", everything()) == [mine.span_id]
    assert await interactions.reader.get(1, trace_id=theirs.trace_id, span_id=theirs.span_id) is None


async def test_workspaces_may_hold_the_same_ids(interactions: InteractionStore) -> None:
    mine = interaction(prompt="mine alone")
    await interactions.put(mine)
    await interactions.put(replace(mine, prompt="theirs alone"), workspace_id=2)
    assert await interactions.hits("mine", everything()) == [mine.span_id]
    assert await interactions.hits("theirs", everything()) == []
    found = await interactions.reader.get(1, trace_id=mine.trace_id, span_id=mine.span_id)
    assert found is not None
    assert found.prompt == "mine alone"


async def test_texts_are_cut_as_asked(interactions: InteractionStore) -> None:
    await interactions.put(interaction(prompt="p" * 500, response="r" * 5))
    question = InteractionQuestion(where=everything(), limit=1, max_text_chars=300)
    (found,) = (await interactions.reader.find(question)).items
    assert (found.prompt, found.response) == ("p" * 300, "r" * 5)


async def test_an_interaction_is_found_by_a_span_that_contributed(interactions: InteractionStore) -> None:
    one = interaction()
    sources = [
        SpanReference(trace_id=one.trace_id, span_id=span_id, start_time_unix_nano=1, convention="c")
        for span_id in (one.span_id, b"\x07" * 8)
    ]
    await interactions.put(replace(one, sources=sources), interaction(trace_id=one.trace_id))
    reader = interactions.reader
    for span_id in (one.span_id, b"\x07" * 8):
        found = await reader.get(1, trace_id=one.trace_id, span_id=span_id)
        assert found is not None
        assert found.span_id == one.span_id
    assert await reader.get(1, trace_id=one.trace_id, span_id=b"\x08" * 8) is None
    assert await reader.get(1, trace_id=b"\x08" * 16, span_id=one.span_id) is None


async def test_sources_are_the_spans_and_their_log_records(interactions: InteractionStore) -> None:
    first, second = span(name="wrapper", at_us=5), span(name="native", at_us=7)
    await interactions.put_spans(
        first,
        second,
        span(name="of another"),
        log_records=[
            LogRecord(
                resource=full_resource(),
                scope=full_scope(),
                trace_id=second.trace_id,
                span_id=second.span_id,
                time_unix_nano=second.start_time_unix_nano,
                event_name="gen_ai.user.message",
                body={"content": ["hi", 1, 2.0]},
                attributes={"a": 1},
            ),
            LogRecord(
                resource=resource(),
                scope=full_scope(),
                trace_id=first.trace_id,
                span_id=b"\x09" * 8,
                time_unix_nano=1,
            ),
        ],
    )
    one = interaction(
        trace_id=second.trace_id,
        span_id=second.span_id,
        sources=[
            SpanReference(
                trace_id=one.trace_id,
                span_id=one.span_id,
                start_time_unix_nano=one.start_time_unix_nano,
                convention="otel",
            )
            for one in (second, first)
        ],
    )
    found = await interactions.reader.sources(1, one)
    assert [one.name for one in found.spans] == ["native", "wrapper"]
    (record,) = found.log_records
    assert (record.event_name, record.body, record.attributes) == (
        "gen_ai.user.message",
        {"content": ["hi", 1, 2.0]},
        {"a": 1},
    )
    assert (record.resource, record.scope) == (full_resource(), full_scope())
    assert await interactions.reader.sources(2, one) == Sources(spans=[], log_records=[])


async def test_related_spans_are_sources_parents_and_children(interactions: InteractionStore) -> None:
    parent = span(name="agent")
    source = span(name="chat", trace_id=parent.trace_id, parent_span_id=parent.span_id, at_us=1)
    child = span(name="POST", trace_id=parent.trace_id, parent_span_id=source.span_id, at_us=2, status_code=2)
    sibling = span(name="tool", trace_id=parent.trace_id, parent_span_id=parent.span_id)
    await interactions.put_spans(parent, source, child, sibling)
    one = interaction(
        trace_id=source.trace_id,
        span_id=source.span_id,
        start_time_unix_nano=source.start_time_unix_nano,
        sources=[
            SpanReference(
                trace_id=source.trace_id,
                span_id=source.span_id,
                start_time_unix_nano=source.start_time_unix_nano,
                convention="otel",
            )
        ],
    )
    found = await interactions.reader.related(1, one)
    assert [(span.relation, span.name, span.convention, span.status_code) for span in found] == [
        ("source", "chat", "otel", 0),
        ("parent", "agent", "", 0),
        ("child", "POST", "", 2),
    ]
    assert found[0].duration_ns == 5 * MS_NS


async def test_absurd_windows_are_answered(interactions: InteractionStore) -> None:
    await interactions.put(interaction())
    assert len(await interactions.found(where(start_us=-1, end_us=2**63))) == 1
    assert await interactions.found(where(start_us=BASE_US + HOUR_US, end_us=BASE_US + 2 * HOUR_US)) == []
