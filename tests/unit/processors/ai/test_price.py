from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from msgspec.structs import replace

from processors.ai.price import Prices
from processors.ai.price_book import DATA_VERSION
from processors.ai.reported import Reported
from tests.support.model_call import CallFields, model_call, nanoseconds
from tracedata.interaction import MODEL_OPERATIONS, NO_COST, CostLine, Usage

_CACHED = Usage(input=56, cache_read=64, output=30)
# What the price data have for _CACHED with gpt-4o-mini.
_COMPUTED = 3.12e-05


@pytest.fixture(scope="module")
def prices() -> Prices:
    return Prices()


@pytest.mark.parametrize(
    ("provider", "model", "usage", "amount"),
    [
        ("openai", "gpt-4o-mini", _CACHED, 3.12e-05),
        ("anthropic", "claude-sonnet-4-5", Usage(input=56, cache_read=64, cache_write=10, output=30), 6.747e-04),
        ("openai", "gpt-4o-mini", Usage(input=1_000_000), 0.15),
        ("openai", "gpt-4o-mini", Usage(output=900_000, reasoning=100_000), 0.60),
        ("openai", "text-embedding-3-small", Usage(input=1_000_000), 0.02),
        ("anthropic", "claude-sonnet-4-5", Usage(input=0, cache_read=84_562, output=2), 0.0253986),
        ("openai", "gpt-4o-mini", Usage(input=0, output=0), 0.0),
        # A request has a price of its own besides the tokens.
        ("perplexity", "sonar", Usage(input=1_000, output=1_000), 0.014),
        ("openrouter", "deepseek/deepseek-r1:free", Usage(input=1_000, output=1_000), 0.0),
    ],
    ids=[
        "agreed with LiteLLM and pydantic-ai",
        "agreed with LiteLLM",
        "input",
        "reasoning is output",
        "embedding",
        "mostly from the cache",
        "nothing used",
        "by request",
        "free",
    ],
)
def test_known_figures(prices: Prices, provider: str, model: str, usage: Usage, amount: float) -> None:
    cost = prices.cost(model_call(usage, provider=provider, model_requested=model))
    assert cost.amount == pytest.approx(amount, rel=1e-12)
    assert cost.amount == cost.computed
    assert (cost.source, cost.currency, cost.is_discrepant) == (f"computed:{DATA_VERSION}", "USD", False)


def test_every_line_is_exact_and_they_add_up(prices: Prices) -> None:
    cost = prices.cost(model_call(_CACHED))
    assert cost.price == "openai/gpt-4o-mini"
    assert list(cost.lines) == [
        CostLine(bucket="input", tokens=56, per_million="0.15", amount="0.0000084"),
        CostLine(bucket="cache_read", tokens=64, per_million="0.075", amount="0.0000048"),
        CostLine(bucket="output", tokens=30, per_million="0.6", amount="0.000018"),
    ]
    assert float(sum(Decimal(line.amount) for line in cost.lines)) == cost.amount


@pytest.mark.parametrize(
    ("usage", "lines"),
    [
        (Usage(cache_write=30), {"cache_write": (30, "3.75")}),
        (
            Usage(cache_write=30, cache_write_5m=10, cache_write_1h=15),
            {"cache_write": (5, "3.75"), "cache_write_5m": (10, "3.75"), "cache_write_1h": (15, "6")},
        ),
        (Usage(cache_write_1h=15), {"cache_write_1h": (15, "6")}),
        (Usage(cache_write=10, cache_write_1h=15), {"cache_write_1h": (15, "6")}),
        (Usage(cache_read=30), {"cache_read": (30, "0.3")}),
    ],
    ids=["unknown lifetime", "both lifetimes", "one hour", "more than the whole", "read"],
)
def test_caches_have_prices_of_their_own(prices: Prices, usage: Usage, lines: dict[str, tuple[int, str]]) -> None:
    cost = prices.cost(model_call(usage, provider="anthropic", model_requested="claude-sonnet-4-5"))
    assert {line.bucket: (line.tokens, line.per_million) for line in cost.lines} == lines


def test_audio_has_prices_of_its_own_and_where_it_has_none_those_of_text(prices: Prices) -> None:
    usage = Usage(input=1, audio_input=2, output=3, audio_output=4)
    loud = prices.cost(model_call(usage, model_requested="gpt-4o-mini-realtime-preview"))
    plain = prices.cost(model_call(usage))
    assert [line.per_million for line in loud.lines] == ["0.6", "10", "2.4", "20"]
    assert [line.per_million for line in plain.lines] == ["0.15", "0.15", "0.6", "0.6"]


@pytest.mark.parametrize(
    ("usage", "per_million"),
    [
        (Usage(input=200_000, output=1), ["1.25", "10"]),
        (Usage(input=200_001, output=1), ["2.5", "15"]),
        (Usage(input=1, cache_read=200_000, output=1), ["2.5", "0.25", "15"]),
    ],
    ids=["at the bound", "above it", "cached input counts"],
)
def test_a_long_context_costs_more(prices: Prices, usage: Usage, per_million: list[str]) -> None:
    cost = prices.cost(model_call(usage, provider="gcp.gemini", model_requested="gemini-2.5-pro"))
    assert [line.per_million for line in cost.lines] == per_million


def test_a_service_tier_has_its_prices(prices: Prices) -> None:
    def price(model: str, **parameters: object) -> float | None:
        # The data have prices of tiers since October 2026.
        start = nanoseconds("2026-11-01T12:00:00")
        call = model_call(
            Usage(input=1_000_000), model_requested=model, parameters=parameters, start_time_unix_nano=start
        )
        return prices.cost(call).amount

    standard = price("gpt-5")
    assert standard is not None
    assert price("gpt-5", service_tier="auto") == price("gpt-5", service_tier=None) == standard
    assert price("gpt-5", service_tier="priority") == price("gpt-5", service_tier="PRIORITY") == 2 * standard
    assert price("gpt-5", service_tier="flex") == standard / 2
    assert price("gpt-5", service_tier="batch") == standard / 2
    # It came after the rest was remembered.
    assert price("gpt-5") == standard


@pytest.mark.parametrize(
    ("provider", "model", "moment", "per_million"),
    [
        ("deepseek", "deepseek-chat", "2025-06-01T00:29:59", "0.135"),
        ("deepseek", "deepseek-chat", "2025-06-01T00:30:00", "0.27"),
        ("deepseek", "deepseek-chat", "2025-06-01T16:29:59", "0.27"),
        ("deepseek", "deepseek-chat", "2025-06-01T16:30:00", "0.135"),
        ("anthropic", "claude-opus-4-6", "2026-03-12T23:59:59", "10"),
        ("anthropic", "claude-opus-4-6", "2026-03-13T00:00:00", "5"),
    ],
    ids=["night", "morning", "afternoon", "evening", "day before", "new day"],
)
def test_a_call_costs_what_it_did_at_its_time(
    prices: Prices, provider: str, model: str, moment: str, per_million: str
) -> None:
    start = nanoseconds(moment)
    call = model_call(Usage(input=300_000), provider=provider, model_requested=model, start_time_unix_nano=start)
    assert [line.per_million for line in prices.cost(call).lines] == [per_million]


@pytest.mark.parametrize("start", [0, 2**64 - 1, 2**80], ids=["1970", "the last of 64 bits", "beyond the calendar"])
def test_an_absurd_time_has_a_price(prices: Prices, start: int) -> None:
    assert prices.cost(model_call(_CACHED, start_time_unix_nano=start)).amount == _COMPUTED


@pytest.mark.parametrize(
    ("reported", "usage", "response", "amount", "source"),
    [
        (0.5, _CACHED, "", 0.5, "reported:operation.cost"),
        (0.5, Usage(), "", 0.5, "reported:operation.cost"),
        (0.0, _CACHED, "", 0.0, "reported:operation.cost"),
        (0.0, Usage(input=0, output=0), "", 0.0, "reported:operation.cost"),
        (0.0, Usage(), "", None, ""),
        (0.0, Usage(input=0, output=0), "an answer", None, ""),
        (-1.0, _CACHED, "", _COMPUTED, f"computed:{DATA_VERSION}"),
        (float("nan"), _CACHED, "", _COMPUTED, f"computed:{DATA_VERSION}"),
        (float("inf"), _CACHED, "", _COMPUTED, f"computed:{DATA_VERSION}"),
        (1e30, Usage(), "", None, ""),
        (None, Usage(), "", None, ""),
        (None, Usage(input=0, output=0), "an answer", None, ""),
    ],
    ids=[
        "beside usage",
        "alone",
        "zero beside usage",
        "zero beside none",
        "zero and usage unknown",
        "zero and usage uncounted",
        "negative",
        "no number",
        "infinite",
        "absurd",
        "nothing known",
        "usage uncounted",
    ],
)
def test_what_is_reported_counts_if_it_can_be(
    prices: Prices, *, reported: float | None, usage: Usage, response: str, amount: float | None, source: str
) -> None:
    told = None if reported is None else Reported(amount=reported, key="operation.cost")
    cost = prices.cost(model_call(usage, response=response), told)
    assert (cost.amount, cost.source) == (amount, source)


@pytest.mark.parametrize(
    ("reported", "is_discrepant"),
    [
        (_COMPUTED, False),
        (_COMPUTED * 1.009, False),
        (_COMPUTED * 0.991, False),
        (_COMPUTED * 1.012, True),
        (_COMPUTED * 0.988, True),
        (_COMPUTED * 42, True),
        (0.0, True),
    ],
    ids=["same", "a little more", "a little less", "more", "less", "42 times", "zero"],
)
def test_a_discrepancy_is_flagged_and_both_amounts_are_kept(
    prices: Prices,
    reported: float,
    *,
    is_discrepant: bool,
) -> None:
    cost = prices.cost(model_call(_CACHED), Reported(amount=reported, key="llm.cost.total"))
    assert (cost.amount, cost.computed, cost.is_discrepant) == (reported, _COMPUTED, is_discrepant)
    assert (cost.source, cost.computed_by) == ("reported:llm.cost.total", f"computed:{DATA_VERSION}")
    assert [line.bucket for line in cost.lines] == ["input", "cache_read", "output"]


def test_dust_is_no_discrepancy(prices: Prices) -> None:
    cost = prices.cost(model_call(Usage(input=1)), Reported(amount=2.4e-07, key="llm.cost.total"))
    assert (cost.computed, cost.is_discrepant) == (1.5e-07, False)


def test_another_currency_is_kept_and_compared_with_nothing(prices: Prices) -> None:
    cost = prices.cost(model_call(_CACHED), Reported(amount=9.0, key="llm.cost.total", currency="eur"))
    assert (cost.amount, cost.currency, cost.computed, cost.is_discrepant) == (9.0, "EUR", None, False)
    assert cost.lines == ()


def test_an_estimate_says_so_and_contradicts_nobody(prices: Prices) -> None:
    call = model_call(replace(_CACHED, is_estimated=True))
    assert prices.cost(call).source == f"estimated:{DATA_VERSION}"
    assert not prices.cost(call, Reported(amount=9.0, key="llm.cost.total")).is_discrepant


@pytest.mark.parametrize("operation", ["agent", "tool", "workflow", "retriever", "guardrail", "other"])
def test_only_calls_of_models_cost(prices: Prices, operation: str) -> None:
    assert operation not in MODEL_OPERATIONS
    fields: CallFields = {"operation": operation}  # type: ignore[typeddict-item] # One of a table.
    assert prices.cost(model_call(_CACHED, **fields), Reported(amount=1.0, key="operation.cost")) == NO_COST


def test_a_model_without_a_price_is_unknown_and_counted() -> None:
    prices = Prices()
    unknown = model_call(_CACHED, provider="acme", model_requested="acme-1", model_served="acme-1-0")
    assert prices.cost(unknown) == NO_COST
    assert prices.cost(unknown, Reported(amount=1.0, key="operation.cost")).amount == 1.0
    # Priced; without usage; by the second of audio only.
    prices.cost(model_call(_CACHED))
    prices.cost(model_call(Usage(), provider="acme", model_requested="other"))
    assert prices.cost(model_call(_CACHED, provider="groq", model_requested="whisper-large-v3")) == NO_COST
    assert prices.unmapped == {("acme", "acme-1-0"): 2, ("groq", "whisper-large-v3"): 1}


def test_tokens_without_a_price_are_shown_beside_those_that_have_one(prices: Prices) -> None:
    cost = prices.cost(model_call(Usage(input=10, output=5), model_requested="text-embedding-3-small"))
    assert cost.lines[-1] == CostLine(bucket="output", tokens=5, per_million="", amount="0")
    assert cost.amount == pytest.approx(2e-07)


def test_what_is_remembered_of_names_is_bounded() -> None:
    prices = Prices()
    for number in range(9_000):
        prices.cost(model_call(Usage(input=1), provider="acme", model_requested=f"m-{number}"))
    assert len(prices._remembered) < 8_193
    assert len(prices.unmapped) == 1_000
    prices.cost(model_call(Usage(input=1), provider="acme", model_requested="m-0"))
    assert prices.unmapped["acme", "m-0"] == 2


def test_commands_that_need_no_prices_do_not_import_them() -> None:
    code = "import sys, relayscope.cli, relayscope.price; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
