from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from rich.console import Console, RenderableType

from relayscope.api.rest import interaction_schema as schema
from relayscope.api.rest.interaction_view import (
    represent_detail,
    represent_group,
    represent_interaction,
    represent_model,
    represent_session,
    represent_session_detail,
    represent_turn,
)
from relayscope.cli.render.conversation import render_detail, render_session
from relayscope.cli.render.interactions import (
    render_interactions,
    render_models,
    render_sessions,
    render_statistics,
)
from storage.interaction_reader import InteractionStatistics, Percentiles, Session, StatisticsRow
from tests.support.interaction import interaction
from tracedata.interaction import Conversation, Cost, CostLine, Message, Part, Usage

TIME = "2026-01-31T12:00:00.123456789Z"
MODEL = "claude-sonnet-4-5-20250929"
SESSION_ID = "39ca0156-cc09-4a8d-9ba4-9d5dcdcdbf68"
STATISTICS = InteractionStatistics(
    calls=155,
    errors=3,
    usage=Usage(input=39_495, output=5_432),
    costs_pico={"USD": 111_500_000_000},
    priced=152,
    latency=Percentiles(p50=1_030.0, p95=1_530.0, p99=1_920.0),
    time_to_first_token=Percentiles(p50=555.0, p95=600.0, p99=700.0),
    tokens_per_second=48.0,
)
FULL = ["CALLS", "ERRORS", "IN", "OUT", "COST", "P50", "P95", "P99", "TTFT", "P50", "TOK/S"]


def drawn(renderable: RenderableType, *, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def models() -> schema.ModelList:
    row = StatisticsRow(key={"provider": "anthropic", "model": MODEL}, statistics=STATISTICS)
    return schema.ModelList(items=[represent_model(row)], next_cursor=None, truncated=False, start=TIME, end=TIME)


def statistics() -> schema.InteractionStatistics:
    row = StatisticsRow(key={"provider": "anthropic", "model": MODEL}, statistics=STATISTICS, bucket_us=0)
    items = [represent_group(row)]
    return schema.InteractionStatistics(items=items, next_cursor=None, truncated=False, start=TIME, end=TIME)


def session() -> Session:
    return Session(
        session_id=SESSION_ID,
        start_time_unix_nano=0,
        end_time_unix_nano=1_000_000,
        last_start_us=0,
        calls=1,
        errors=0,
        traces=1,
        models=(MODEL,),
    )


def detail(conversation: Conversation | None, **fields: Any) -> list[str]:  # noqa: ANN401 - the fields of Interaction
    one = represent_detail(interaction(**fields), conversation=conversation, related=())
    return drawn(render_detail(one), width=120)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (200, ["PROVIDER", "MODEL", *FULL, "PER", "CALL", "TOKENS/CALL"]),
        (120, ["PROVIDER", "MODEL", "CALLS", "ERRORS", "IN", "OUT", "COST", "P50", "P95", "TTFT", "P50", "TOK/S"]),
        (80, ["PROVIDER", "MODEL", "CALLS", "ERRORS", "COST", "P50"]),
    ],
)
def test_models_keep_their_names_and_lose_numbers(width: int, titles: list[str]) -> None:
    header, _, row = drawn(render_models(models(), width=width), width=width)[2:]
    assert header.split() == titles
    assert row.startswith(f"anthropic {MODEL} 155 1.94 %")


@pytest.mark.parametrize(("width", "titles"), [(200, FULL), (100, ["CALLS", "ERRORS", "COST", "P50"])])
def test_groups_keep_their_names_and_lose_numbers(width: int, titles: list[str]) -> None:
    header, _, row = drawn(render_statistics(statistics(), width=width), width=width)[2:]
    assert header.split() == ["START", "(UTC)", "PROVIDER", "MODEL", *titles]
    assert row.startswith(f"1970-01-01 00:00:00 anthropic {MODEL} 155 1.94 %")


def test_counts_and_costs_stay_when_there_is_no_room_at_all() -> None:
    lines = drawn(render_statistics(statistics(), width=60), width=60)
    assert any(line.endswith("155 1.94 % $0.1115") for line in lines)


def test_ids_of_sessions_survive_a_narrow_terminal() -> None:
    answer = schema.SessionList(items=[represent_session(session())], next_cursor=None)
    assert any(line.startswith(SESSION_ID) for line in drawn(render_sessions(answer, width=80), width=80))


@pytest.mark.parametrize("width", [80, 120, 160])
def test_a_list_names_provider_model_and_id(width: int) -> None:
    one = represent_interaction(interaction(provider="anthropic", model_served="gpt-4o"))
    answer = schema.InteractionList(items=[one], next_cursor=None)
    text = " ".join(drawn(render_interactions(answer, width=width, today=date(2020, 1, 1)), width=width))
    assert one.id in text
    assert "anthropic gpt-4o" in text


def test_a_result_has_the_name_of_the_tool_that_was_called() -> None:
    call = Message(role="assistant", parts=(Part(type="tool_call", id="c1", name="find", text="{}"),))
    result = Message(role="tool", parts=(Part(type="tool_call_response", id="c1", text="Hamburg"),))
    lines = detail(Conversation(input=(call, result)))
    assert "→ find [c1] {}" in lines
    assert "← find [c1] Hamburg" in lines


def test_a_session_knows_tools_from_earlier_turns_and_counts_one_call() -> None:
    call = Message(role="assistant", parts=(Part(type="tool_call", id="c1", name="find", text="{}"),))
    result = Message(role="tool", parts=(Part(type="tool_call_response", id="c1", text="Hamburg"),))
    turns = [
        represent_turn(interaction(), Conversation(output=(call,))),
        represent_turn(interaction(), Conversation(input=(call, result))),
    ]
    lines = drawn(render_session(represent_session_detail(session(), turns, next_cursor=None)), width=120)
    assert "← find [c1] Hamburg" in lines
    assert "· 1 call ·" in lines[1]


def test_a_call_without_a_price_says_so() -> None:
    lines = detail(None, provider="acme", model_served="acme-1", usage=Usage(input=1))
    assert "Unknown: there is no price for acme/acme-1. Prices of your own go into processors.ai.prices." in lines


def test_a_call_without_tokens_needs_no_price() -> None:
    assert not any("no price" in line for line in detail(None))


def test_a_cost_has_every_digit_and_a_discount_no_tokens() -> None:
    discount = CostLine(bucket="discount 15%", tokens=0, per_million="", amount="-0.00003375")
    lines = detail(None, cost=Cost(amount=0.00019125, lines=(discount,)))
    assert any(line.startswith("$0.00019125") for line in lines)
    assert "discount 15% -0.00003375" in lines
