from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import yaml

from processors.ai.price import Prices
from processors.ai.price_book import DATA_VERSION
from processors.ai.price_overlay import NO_OVERLAY, glob_matcher, overlay_hash, parse_overlay
from processors.ai.reported import Reported
from tests.support.model_call import CallFields, model_call, nanoseconds
from tests.support.repository import document
from tracedata import CallerError
from tracedata.interaction import Cost, Usage

_MILLION = Usage(input=1_000_000)
_PAGE = "docs/costs.md"


def _prices(text: str) -> Prices:
    return Prices(parse_overlay(yaml.safe_load(text), place="prices"), place="prices")


def _example() -> str:
    (text,) = re.findall(r"```yaml\n(.*?)```", document(_PAGE), re.DOTALL)
    return str(text)


@pytest.fixture(scope="module")
def documented() -> Prices:
    return _prices(_example())


@pytest.mark.parametrize(
    ("fields", "price", "amount"),
    [
        ({"provider": "my-gateway", "model_requested": "gpt-4o-mini"}, "openai/gpt-4o-mini", 0.15),
        ({"provider": "my-gateway", "endpoint": "api.groq.com"}, "openai/gpt-4o-mini", 0.15),
        ({"provider": "acme", "model_requested": "my-deployment"}, "openai/gpt-4o", 2.5),
        ({"provider": "", "model_requested": "My-Deployment"}, "openai/gpt-4o", 2.5),
        ({"model_requested": "my-deployment", "model_served": "gpt-4o-mini"}, "openai/gpt-4o", 2.5),
        ({"provider": "azure.ai.openai", "model_requested": "chat"}, "azure/gpt-4o-mini", 0.1425),
        ({"provider": "openai", "model_requested": "chat"}, "", None),
        ({"provider": "acme", "model_requested": "acme-large-7"}, "acme/acme-large-*", 1.601),
        (
            {"provider": "acme", "model_requested": "acme-large-7", "parameters": {"service_tier": "priority"}},
            "acme/acme-large-*",
            1.201,
        ),
        ({"provider": "other", "model_requested": "acme-large-7"}, "", None),
    ],
    ids=[
        "provider",
        "provider before address",
        "alias",
        "alias in capitals",
        "alias of what was asked for",
        "alias with provider",
        "alias of another provider",
        "own model, above its tier",
        "own model, service tier",
        "own model of another provider",
    ],
)
def test_the_documented_overlay(documented: Prices, fields: CallFields, price: str, amount: float | None) -> None:
    cost = documented.cost(model_call(_MILLION, **fields))
    assert cost.price == price
    assert cost.amount == (None if amount is None else pytest.approx(amount, rel=1e-12))
    assert ("+overlay-" in cost.source) is (amount is not None)


@pytest.mark.parametrize(
    ("moment", "amount"),
    [("2025-12-31T23:59:59", 0.1), ("2026-01-01T00:00:00", 0.081)],
    ids=["old", "new"],
)
def test_own_prices_have_their_time(documented: Prices, moment: str, amount: float) -> None:
    call = model_call(
        Usage(input=100_000),
        provider="acme",
        model_requested="acme-large-7",
        start_time_unix_nano=nanoseconds(moment),
    )
    assert documented.cost(call).amount == pytest.approx(amount)


def test_a_bucket_without_a_price_of_its_own_has_that_of_what_contains_it(documented: Prices) -> None:
    usage = Usage(input=1, cache_read=2, cache_write=7, cache_write_1h=4, audio_input=3, output=5, reasoning=6)
    cost = documented.cost(model_call(usage, provider="acme", model_requested="acme-large-7"))
    assert [(line.bucket, line.tokens, line.per_million) for line in cost.lines] == [
        ("input", 1, "0.8"),
        ("cache_read", 2, "0.08"),
        ("cache_write", 3, "1"),
        ("cache_write_1h", 4, "1"),
        ("audio_input", 3, "0.8"),
        ("output", 5, "3.2"),
        ("reasoning", 6, "3.2"),
        ("request", 1, "1000"),
    ]


def _assert_adds_up(cost: Cost) -> None:
    assert float(sum(Decimal(line.amount) for line in cost.lines)) == cost.amount


@pytest.mark.parametrize(
    ("workspace_id", "provider", "model", "percent"),
    [
        (2, "openai", "gpt-4o-mini", 15),
        (1, "openai", "gpt-4o-mini", 0),
        (2, "openai", "o3-mini", 0),
        (1, "az.ai.openai", "gpt-4o-mini", 5),
        (2, "azure", "o3-mini", 5),
    ],
    ids=["workspace", "another workspace", "another model", "all workspaces", "the first that fits"],
)
def test_discounts(documented: Prices, workspace_id: int, provider: str, model: str, percent: int) -> None:
    call = model_call(Usage(input=123_457, output=99), provider=provider, model_requested=model)
    full = Prices().cost(call)
    cost = documented.cost(call, workspace_id=workspace_id)
    assert full.amount is not None
    assert cost.amount == pytest.approx(full.amount * (100 - percent) / 100, rel=1e-12)
    assert [line.bucket for line in cost.lines[2:]] == ([f"discount {percent}%"] if percent else [])
    assert ("+overlay-" in cost.source) is bool(percent)
    _assert_adds_up(cost)


def test_own_prices_come_before_those_of_the_data_and_those_where_they_end() -> None:
    prices = _prices("models: [{model: gpt-4o, prices: [{from: 2026-01-01, until: 2026-02-01, input: 7}]}]")

    def source(moment: str) -> tuple[float | None, str]:
        start = nanoseconds(moment)
        cost = prices.cost(model_call(_MILLION, model_requested="gpt-4o-2024-08-06", start_time_unix_nano=start))
        return cost.amount, cost.source.partition("+")[0]

    computed = f"computed:{DATA_VERSION}"
    assert source("2026-01-31T23:00:00") == (7.0, computed)
    assert source("2026-02-01T00:00:00") == (2.5, computed)


def test_the_hash_names_what_an_overlay_says() -> None:
    one, same, other = (
        parse_overlay({"aliases": {name: "openai/gpt-4o"}}, place="prices") for name in ("a", " A", "b")
    )
    assert overlay_hash(one) == overlay_hash(same) != overlay_hash(other)
    assert re.fullmatch("[0-9a-f]{8}", overlay_hash(one))
    assert overlay_hash(NO_OVERLAY) == ""
    cost = Prices(one).cost(model_call(_MILLION, model_requested="a"))
    assert cost.source == f"computed:{DATA_VERSION}+overlay-{overlay_hash(one)}"


@pytest.mark.parametrize(
    ("glob", "name", "matches"),
    [
        ("gpt-4*", "gpt-4o", True),
        ("*", "", True),
        ("gpt-4", "gpt-4o", False),
        ("claude[1m]", "claude[1m]", True),
        ("g?t", "gpt", False),
        ("GPT", "gpt", True),
    ],
)
def test_globs(*, glob: str, name: str, matches: bool) -> None:
    assert bool(glob_matcher(glob).fullmatch(name)) is matches


_PERIODS = "models: [{{model: m, prices: [{}]}}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alias: {a: b/c}", "prices: Object contains unknown field `alias`"),
        ("aliases: [a]", "prices.aliases: Expected `object`"),
        ("aliases: {a: gpt-4o}", "prices.aliases.a: expected provider/model"),
        ("aliases: {a: openai/nonsense}", "prices.aliases.a: there are no prices of openai/nonsense"),
        ("aliases: {a: nobody/gpt-4o}", "prices.aliases.a: there are no prices of nobody/gpt-4o"),
        ("providers: {a: nobody}", "prices.providers.a: there are no prices of nobody"),
        ("providers: {a: ''}", "prices.providers.a: expected the name"),
        ("models: [{model: m}]", "prices.models[0]: Object missing required field `prices`"),
        ("models: [{model: '', prices: [{input: 1}]}]", "prices.models[0]: the names"),
        ("models: [{model: m, prices: []}]", "prices.models[0].prices: there are none"),
        (_PERIODS.format("{inputs: 1}"), "prices.models[0].prices[0]: Object contains unknown field `inputs`"),
        (_PERIODS.format("{from: 2025-01-01}"), "prices.models[0].prices[0]: has no price"),
        (_PERIODS.format("{input: -1}"), "prices.models[0].prices[0].input: expected dollars"),
        (_PERIODS.format("{input: .nan}"), "prices.models[0].prices[0].input: expected dollars"),
        (_PERIODS.format("{input: .inf}"), "prices.models[0].prices[0].input: expected dollars"),
        (_PERIODS.format("{input: 1e9}"), "prices.models[0].prices[0].input: expected dollars"),
        (_PERIODS.format("{input: much}"), "prices.models[0].prices[0].input: Invalid decimal"),
        (_PERIODS.format("{input: true}"), "prices.models[0].prices[0].input: Expected `decimal | null`"),
        (_PERIODS.format("{input: 1, from: yesterday}"), "prices.models[0].prices[0].from: "),
        (_PERIODS.format("{input: 1, from: 2025-02-01, until: 2025-02-01}"), "prices.models[0].prices[0].until: must"),
        (_PERIODS.format("{input: 1}, {input: 2}"), "prices.models[0].prices[1]: overlaps with prices[0]"),
        (
            _PERIODS.format("{input: 1, tiers: [{above: 9, output: 1}]}"),
            "prices.models[0].prices[0].tiers[0].output: needs a price without tier",
        ),
        (
            _PERIODS.format("{input: 1, tiers: [{above: 9, input: 1}, {above: 9, input: 2}]}"),
            "prices.models[0].prices[0].tiers[1].above: expected",
        ),
        (
            _PERIODS.format("{input: 1, service_tiers: {flex: {input: -1}}}"),
            "prices.models[0].prices[0].service_tiers.flex.input: expected dollars",
        ),
        ("discounts: [{percent: 0}]", "prices.discounts[0].percent: expected more than 0"),
        ("discounts: [{percent: 101}]", "prices.discounts[0].percent: expected more than 0"),
        ("discounts: [{percent: 5, workspace: all}]", "prices.discounts[0].workspace: Expected `int | null`"),
        ("currency: EUR", "prices: Object contains unknown field `currency`"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_place(text: str, message: str) -> None:
    with pytest.raises(CallerError) as caught:
        _prices(text)
    assert str(caught.value).startswith(message)


def test_two_periods_that_follow_each_other_are_fine() -> None:
    text = _PERIODS.format("{input: 1, until: 2025-02-01}, {input: 2, from: 2025-02-01}")
    assert _prices(text).cost(model_call(_MILLION, model_requested="m")).amount == 2


def _table(heading: str) -> list[Mapping[str, Any]]:
    """The rows of the first table below a heading of the page."""
    section = document(_PAGE).partition(f"## {heading}\n")[2]
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    names, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_the_page_calculates_as_we_do() -> None:
    told = Reported(amount=float((Decimal(120 + 64) * Decimal("0.15") + 30 * Decimal("0.6")) / 1_000_000), key="x")
    cost = Prices().cost(model_call(Usage(input=56, cache_read=64, output=30)), told)
    assert cost.is_discrepant
    reported, computed, difference = (Decimal(row["dollars"]) for row in _table("A discrepancy"))
    assert (float(reported), float(computed)) == (cost.amount, cost.computed)
    assert difference == reported - computed
    assert _table("The calculation") == [
        {
            "bucket": line.bucket,
            "tokens": str(line.tokens),
            "per million": line.per_million,
            "amount": line.amount,
        }
        for line in cost.lines
    ]


@pytest.mark.parametrize(
    ("glob", "name", "does_fit"),
    [
        ("gpt-4", "gpt-4", True),
        ("gpt-4", "gpt-4o", False),
        ("*", "", True),
        ("gpt*", "gpt-4", True),
        ("*mini", "mini-mini", True),
        ("a*b*c", "abcbc", True),
        ("a*b*c", "acb", False),
        ("**a**b**", "xaxbx", True),
        ("ab*ba", "aba", False),
        ("m[1m]*", "m[1m]-x", True),
        ("*a*a*a*a*a*a*a*a*a*b", "a" * 200, False),
    ],
)
def test_stars_are_any_text(glob: str, name: str, does_fit: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert bool(glob_matcher(glob).fullmatch(name)) is does_fit
