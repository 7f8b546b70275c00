from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import PriceCalculation
from hypothesis import example, given
from hypothesis import strategies as st

from processors.ai.price import Prices
from tests.support.model_call import model_call, nanoseconds
from tracedata.interaction import Cost, Usage

_MODELS = [(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models]
_TOKENS = st.integers(0, 2_000_000)
_USAGES = st.builds(
    Usage,
    input=_TOKENS,
    cache_read=_TOKENS,
    cache_write=_TOKENS,
    cache_write_5m=_TOKENS,
    cache_write_1h=_TOKENS,
    audio_input=_TOKENS,
    output=_TOKENS,
    reasoning=_TOKENS,
    audio_output=_TOKENS,
)
_FULL = Usage(
    input=1_001,
    cache_read=203,
    cache_write=57,
    cache_write_5m=20,
    cache_write_1h=17,
    audio_input=11,
    output=307,
    reasoning=41,
)
_HUGE = Usage(input=900_000, cache_read=300_000, output=100_000)
# In words of a call, and in those of the price data.
_CONTEXTS: list[tuple[dict[str, object], Mapping[str, str] | None]] = [
    ({}, None),
    ({"service_tier": "priority"}, {"service_tier": "priority"}),
    ({"service_tier": "flex"}, {"service_tier": "flex"}),
    ({"service_tier": "batch"}, {"service_tier": "batch", "processing": "batch"}),
    ({"speed": "fast"}, {"speed": "fast"}),
]
# The last one is after the day from which the data have prices of tiers.
_MOMENTS = [
    "2023-11-14T22:13:20",
    "2025-06-01T00:29:59",
    "2025-06-01T00:30:00",
    "2026-09-20T09:59:59",
    "2026-11-01T12:00:00",
]


@cache
def _snapshot() -> DataSnapshot:
    return get_snapshot()


@cache
def _prices() -> Prices:
    return Prices()


def _inclusive(usage: Usage) -> genai_prices.Usage:
    """The same tokens as genai-prices counts them: what contains others counts them too."""
    write_5m, write_1h = usage.cache_write_5m or 0, usage.cache_write_1h or 0
    written = max(usage.cache_write or 0, write_5m + write_1h)
    return genai_prices.Usage(
        input_tokens=(usage.input or 0) + (usage.cache_read or 0) + written + (usage.audio_input or 0),
        cache_read_tokens=usage.cache_read or 0,
        cache_write_tokens=written,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        input_audio_tokens=usage.audio_input or 0,
        cache_audio_read_tokens=0,
        cache_audio_write_tokens=0,
        output_tokens=(usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0),
        output_reasoning_tokens=usage.reasoning or 0,
        output_audio_tokens=usage.audio_output or 0,
        output_audio_reasoning_tokens=0,
    )


def _theirs(
    model: tuple[str, str], usage: Usage, moment: str, context: Mapping[str, str] | None
) -> PriceCalculation | None:
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    try:
        return _snapshot().calc(_inclusive(usage), model[1], model[0], None, when, context)
    except LookupError:
        return None


def _ours(model: tuple[str, str], usage: Usage, moment: str, parameters: dict[str, object]) -> Cost:
    provider, name = model
    start = nanoseconds(moment)
    call = model_call(usage, provider=provider, model_requested=name, start_time_unix_nano=start, parameters=parameters)
    return _prices().cost(call)


def _assert_same(cost: Cost, theirs: PriceCalculation | None, model: tuple[str, str]) -> None:
    if theirs is None:
        return
    total = sum((Decimal(line.amount) for line in cost.lines), Decimal(0))
    # What the data have no price for is nothing there, and unknown here.
    assert total == theirs.total_price, model
    if cost.amount is not None:
        assert cost.amount == float(theirs.total_price)
        assert cost.price == f"{theirs.provider.id}/{theirs.model.id}"


@pytest.mark.parametrize(("parameters", "context"), _CONTEXTS, ids=str)
@pytest.mark.parametrize("usage", [_FULL, _HUGE], ids=["every bucket", "beyond every tier"])
def test_every_model_costs_what_the_price_data_say(
    usage: Usage, parameters: dict[str, object], context: Mapping[str, str] | None
) -> None:
    compared = 0
    for model in _MODELS:
        theirs = _theirs(model, usage, _MOMENTS[-1], context)
        compared += theirs is not None
        _assert_same(_ours(model, usage, _MOMENTS[-1], parameters), theirs, model)
    # Some ids of the data do not match themselves there.
    assert compared > 0.95 * len(_MODELS) > 2_000


@given(
    model=st.sampled_from(_MODELS), usage=_USAGES, moment=st.sampled_from(_MOMENTS), context=st.sampled_from(_CONTEXTS)
)
@example(model=("deepseek", "deepseek-chat"), usage=_FULL, moment=_MOMENTS[1], context=_CONTEXTS[0])
@example(model=("deepseek", "deepseek-chat"), usage=_FULL, moment=_MOMENTS[2], context=_CONTEXTS[0])
@example(model=("anthropic", "claude-sonnet-4-6"), usage=_HUGE, moment=_MOMENTS[0], context=_CONTEXTS[0])
def test_any_usage_costs_what_the_price_data_say(
    model: tuple[str, str],
    usage: Usage,
    moment: str,
    context: tuple[dict[str, object], Mapping[str, str] | None],
) -> None:
    theirs = _theirs(model, usage, moment, context[1])
    _assert_same(_ours(model, usage, moment, context[0]), theirs, model)
