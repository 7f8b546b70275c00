"""Tokens that were counted from the text, and costs in other currencies."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from processors.ai.price import Prices
from tests.support.llm_span import CHAT, USED, chat, only, span
from tracedata import Value

_ESTIMATED: Mapping[str, Value] = {"relayscope.usage.is_estimated": True}


def test_an_estimate_is_marked_and_so_is_its_cost() -> None:
    made = only(chat(1, _ESTIMATED))
    assert made.usage.is_estimated
    assert Prices().cost(made).source.startswith("estimated:")


def test_a_count_that_was_reported_goes_before_an_estimate() -> None:
    guessed = {**CHAT, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 25, **_ESTIMATED}
    made = only(span(1, {**CHAT, **USED}, scope="a"), span(2, guessed, parent=1, scope="b"))
    assert (made.usage.total, made.usage.is_estimated) == (150, False)


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [("EUR", 0.5, "EUR"), ("eur", 0.5, "EUR"), ("", 0.5, "USD"), ("points", None, "USD")],
    ids=["another", "in small letters", "none", "no currency"],
)
def test_a_cost_is_in_the_currency_that_stands_beside_it(written: str, amount: float | None, currency: str) -> None:
    made = only(chat(1, {"gen_ai.usage.cost": 0.5, "gen_ai.usage.cost.currency": written}))
    assert (made.cost.amount, made.cost.currency) == (amount, currency)
