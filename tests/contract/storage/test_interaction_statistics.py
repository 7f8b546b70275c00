"""What every ``InteractionReader`` tells of many interactions: full-text search, statistics, sessions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from storage.interaction_reader import (
    DIMENSIONS,
    InteractionSearch,
    InteractionStatistics,
    Percentiles,
    SessionQuestion,
    StatisticsQuestion,
)
from tests.support.factory import BASE_US, MS_NS, SECOND_US, trace_id
from tests.support.interaction import interaction
from tests.support.interaction_store import InteractionStore, everything
from tests.support.rolled import assert_about_same
from tracedata import CallerError, Interaction
from tracedata.interaction import Cost, Usage

_HOUR_US = 3_600 * SECOND_US


def at(seconds: int, *, lasting_ms: int = 5, **fields: Any) -> Interaction:  # noqa: ANN401 - the fields of Interaction
    start = (BASE_US + seconds * SECOND_US) * 1_000
    return interaction(start_time_unix_nano=start, end_time_unix_nano=start + lasting_ms * MS_NS, **fields)


CALM = at(1, prompt="How do I cook rice?", response="Wash it, then boil it in water.")
LOUD = at(2, prompt="RICE rice rice", response="Rice! 東京 naïve e-mail")
BARE = at(3, prompt="what is a span", response="<b>bold</b> <EMAIL_ADDRESS>")
NONE = at(4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rice", [CALM, LOUD]),
        ("Rice water", [CALM]),
        ("water rice", [CALM]),
        ('"cook rice"', [CALM]),
        ('"rice cook"', []),
        ("rice -boil", [LOUD]),
        ("span or water", [CALM, BARE]),
        ("naïve", [LOUD]),
        ("東京", [LOUD]),
        ("bold", [BARE]),
        ("EMAIL_ADDRESS", [BARE]),
        ("ric", []),
        ("unheard", []),
    ],
)
async def test_search_finds_words(interactions: InteractionStore, text: str, expected: list[Interaction]) -> None:
    await interactions.put(CALM, LOUD, BARE, NONE)
    assert set(await interactions.hits(text, everything())) == {one.span_id for one in expected}


@pytest.mark.parametrize("text", ["", "  ", "?!", '""', "-"])
async def test_a_search_without_words_is_refused(interactions: InteractionStore, text: str) -> None:
    with pytest.raises(CallerError, match="no word"):
        await interactions.hits(text, everything())


async def test_search_ranks_shows_and_filters(interactions: InteractionStore) -> None:
    await interactions.put(CALM, LOUD, BARE)
    page = await interactions.reader.search(InteractionSearch(where=everything(), text="rice", limit=10))
    loud, calm = page.items
    assert (loud.interaction.span_id, calm.interaction.span_id) == (LOUD.span_id, CALM.span_id)
    assert loud.rank > calm.rank
    assert [part.text for part in calm.prompt if part.is_match] == ["rice"]
    assert "".join(part.text for part in calm.prompt).startswith("How do I cook rice")
    assert calm.response == ()
    assert [part.text for part in loud.response if part.is_match] == ["Rice"]
    assert not page.is_cut
    none = replace(everything(), status="error")
    assert await interactions.hits("rice", none) == []


async def test_pages_of_hits_give_each_once(interactions: InteractionStore) -> None:
    ones = [at(number, prompt="word " * (1 + number % 3)) for number in range(7)]
    await interactions.put(*ones)
    search = InteractionSearch(where=everything(), text="word", limit=3)
    found: list[bytes] = []
    while True:
        page = await interactions.reader.search(search)
        found += [hit.interaction.span_id for hit in page.items]
        if page.cursor is None:
            break
        search = replace(search, after=page.cursor)
    assert sorted(found) == sorted(one.span_id for one in ones)
    assert found == await interactions.hits("word", everything())


async def test_snippets_of_long_texts_are_short(interactions: InteractionStore) -> None:
    await interactions.put(interaction(prompt="filler " * 2_000 + "needle \ue000here\ue001 " + "filler " * 200))
    page = await interactions.reader.search(InteractionSearch(where=everything(), text="needle", limit=1))
    (hit,) = page.items
    assert [part.text for part in hit.prompt if part.is_match] == ["needle"]
    assert len(hit.interaction.prompt) <= 300


def statistics_question(**fields: Any) -> StatisticsQuestion:  # noqa: ANN401 - the fields of StatisticsQuestion
    return StatisticsQuestion(where=everything(), **fields)


async def test_statistics_of_everything(interactions: InteractionStore) -> None:
    await interactions.put(
        at(1, lasting_ms=1_000, usage=Usage(input=10, output=90, reasoning=10), cost=Cost(amount=0.25, source="s"),
           time_to_first_token_ns=500 * MS_NS, is_streaming=True),
        at(2, lasting_ms=3_000, usage=Usage(input=5, cache_read=7), cost=Cost(amount=0.5, source="s"), status="error",
           is_streaming=False),
        at(3, lasting_ms=2_000, cost=Cost(amount=1.0, currency="EUR"), status="timeout"),
        at(4, operation="agent"),
    )  # fmt: skip
    table = await interactions.reader.statistics(statistics_question())
    expected = InteractionStatistics(
        calls=3,
        errors=2,
        timeouts=1,
        streaming=1,
        usage=Usage(input=15, cache_read=7, output=90, reasoning=10),
        costs_pico={"USD": 75 * 10**10, "EUR": 10**12},
        priced=3,
        latency=Percentiles(p50=2_000.0, p95=2_900.0, p99=2_980.0),
        time_to_first_token=Percentiles(p50=500.0, p95=500.0, p99=500.0),
        tokens_per_second=200.0,
    )
    (row,) = table.rows
    assert_about_same(row.statistics, expected)


async def test_statistics_of_nothing(interactions: InteractionStore) -> None:
    table = await interactions.reader.statistics(statistics_question())
    assert [row.statistics for row in table.rows] == [InteractionStatistics(calls=0, errors=0)]
    assert (await interactions.reader.statistics(statistics_question(by=("model",)))).rows == []


async def test_statistics_by_every_dimension(interactions: InteractionStore) -> None:
    await interactions.put(
        at(
            1,
            provider="p",
            model_served="m",
            model_family="f",
            user_id="u",
            session_id="s",
            agent="a",
            service_name="v",
        ),
        at(2),
    )
    for name in DIMENSIONS:
        rows = (await interactions.reader.statistics(statistics_question(by=(name,)))).rows
        if name == "operation":
            assert [row.key for row in rows] == [{"operation": "chat"}]
            continue
        value = {"service": "v"}.get(name, name[0])
        assert [(row.key, row.statistics.calls) for row in rows] == [({name: ""}, 1), ({name: value}, 1)]


async def test_statistics_by_model_and_time(interactions: InteractionStore) -> None:
    hour = BASE_US // _HOUR_US * _HOUR_US
    await interactions.put(
        *(at(second, model_served="b") for second in (1, 2)),
        at(3, model_served="a"),
        at(-1, model_served="a"),
    )
    question = statistics_question(by=("model", "provider"), bucket_us=_HOUR_US)
    rows = (await interactions.reader.statistics(question)).rows
    assert [(row.bucket_us, row.key, row.statistics.calls) for row in rows] == [
        (hour - _HOUR_US, {"model": "a", "provider": ""}, 1),
        (hour, {"model": "b", "provider": ""}, 2),
        (hour, {"model": "a", "provider": ""}, 1),
    ]
    cut = await interactions.reader.statistics(replace(question, limit=2))
    assert (len(cut.rows), cut.is_cut) == (2, True)


async def test_sessions(interactions: InteractionStore) -> None:
    trace = trace_id()
    await interactions.put(
        at(1, session_id="long", user_id="ann", model_served="m", trace_id=trace, usage=Usage(input=1)),
        at(9, session_id="long", user_id="bob", agent="a", trace_id=trace, cost=Cost(amount=0.5), status="error"),
        at(5, session_id="short", service_name="v"),
        at(6),
        at(7, session_id="tools", operation="tool"),
    )
    page = await interactions.reader.sessions(SessionQuestion(where=everything(), limit=10))
    long, short = page.items
    assert page.cursor is None
    assert (long.session_id, long.calls, long.errors, long.traces) == ("long", 2, 1, 1)
    assert (long.users, long.models, long.agents, long.services) == (["ann", "bob"], ["m"], ["a"], [])
    assert (long.usage, long.costs_pico) == (Usage(input=1), {"USD": 5 * 10**11})
    assert long.start_time_unix_nano == (BASE_US + SECOND_US) * 1_000
    assert long.end_time_unix_nano == (BASE_US + 9 * SECOND_US) * 1_000 + 5 * MS_NS
    assert (short.session_id, short.services) == ("short", ["v"])


async def test_pages_of_sessions(interactions: InteractionStore) -> None:
    await interactions.put(*(at(number // 2, session_id=f"s{number}") for number in range(5)))
    question = SessionQuestion(where=everything(), limit=2)
    found: list[str] = []
    while True:
        page = await interactions.reader.sessions(question)
        found += [one.session_id for one in page.items]
        if page.cursor is None:
            break
        question = replace(question, after=page.cursor)
    assert found == ["s4", "s3", "s2", "s1", "s0"]
    empty = SessionQuestion(where=replace(everything(), session="nobody"), limit=2)
    assert (await interactions.reader.sessions(empty)).items == []
