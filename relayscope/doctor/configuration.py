"""The settings: where they come from, and what differs from the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from relayscope.doctor.finding import Finding, failed, ok
from relayscope.price import prepare_prices
from relayscope.settings import Settings
from storage.inspection import Inspector
from tracedata import CallerError


def check_settings(settings: Settings, *, config: Path | None, inspector: Inspector) -> Finding:
    """Which file was read, and what is not as it is by default."""
    source = str(config) if config else "no file"
    changes = list(_differences(settings, inspector))
    return ok("settings", f"{source}; {', '.join(changes) or 'all as by default'}")


def check_prices(settings: Settings) -> Iterator[Finding]:
    """Prices of the operator's own, if there are any: `up` does not start with wrong ones."""
    prices = settings.processors.ai.prices
    if prices is None or not settings.processors.ai.enabled:
        return
    try:
        prepare_prices(settings)
    except CallerError as exc:
        yield failed("prices", str(exc), advice="Correct it: docs/costs.md has an example.")
        return
    yield ok("prices", str(prices) if isinstance(prices, Path) else "from the settings")


def _differences(settings: Settings, inspector: Inspector) -> Iterator[str]:
    defaults = dict(_leaves(Settings().model_dump(mode="json")))
    for name, value in _leaves(settings.model_dump(mode="json", exclude={"exporters"})):
        # What has no default is a rule that somebody named.
        if name in defaults and value == defaults[name]:
            continue
        shown = inspector.describe_url(value) if name == "storage.database_url" else value
        yield f"{name}={shown}"
    for exporter, one in settings.exporters.items():
        named = one.model_dump(mode="json", exclude_unset=True)
        for name, value in _leaves(named, f"exporters.{exporter}."):
            # Headers are where secrets of destinations stand.
            yield f"{name}={'***' if '.headers.' in name else value}"


# Settings are strings, numbers or none.
def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
