"""Prices of model calls, as the settings have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from processors.ai.price_overlay import NO_OVERLAY, Overlay, parse_overlay
from relayscope.settings import Settings
from relayscope.settings.file import read_tree

if TYPE_CHECKING:
    from processors.ai.price import Prices

_PLACE = "processors.ai.prices"


def build_overlay(settings: Settings) -> Overlay:
    """What the operator adds to the bundled prices.

    Raises:
        CallerError: it cannot be read or used; the message names the place.
    """
    prices = settings.processors.ai.prices
    if prices is None:
        return NO_OVERLAY
    return parse_overlay(read_tree(prices) if isinstance(prices, Path) else prices, place=_place(settings))


def build_prices(settings: Settings) -> Prices:
    """What knows the cost of a model call.

    Raises:
        CallerError: the operator's prices cannot be read or used, or a name in them leads nowhere; the message names the place.
    """
    # The price data take a fifth of a second to import, which commands that need no prices are spared.
    from processors.ai.price import Prices  # noqa: PLC0415

    return Prices(build_overlay(settings), place=_place(settings))


def prepare_prices(settings: Settings) -> None:
    """Refuses prices that cannot be used.

    Raises:
        CallerError: the message names the place.
    """
    if settings.processors.ai.enabled:
        overlay = build_overlay(settings)
        if overlay.aliases or overlay.providers:
            build_prices(settings)


def _place(settings: Settings) -> str:
    prices = settings.processors.ai.prices
    return str(prices) if isinstance(prices, Path) else _PLACE
