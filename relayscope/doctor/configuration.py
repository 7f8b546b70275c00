"""The settings: where they come from, what differs from the defaults, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from relayscope.doctor.finding import Finding, ok, warning
from relayscope.settings import Settings
from storage.inspection import Inspector

_PREFIX = "RELAYSCOPE_"


def check_settings(settings: Settings, *, config: Path | None, inspector: Inspector) -> Finding:
    """Which file was read, and what is not as it is by default."""
    source = str(config) if config else "no file"
    changes = list(_differences(settings, inspector))
    return ok("settings", f"{source}; {', '.join(changes) or 'all as by default'}")


def check_environment(environment: Mapping[str, str], *, known: Collection[str]) -> Sequence[Finding]:
    """A warning for each variable that looks like ours and that nobody reads; ``known`` are those of the flags."""
    names = {*known, *_variables(Settings)}
    return [_unknown(name, names) for name in sorted(environment) if name.startswith(_PREFIX) and name not in names]


def _unknown(name: str, names: Collection[str]) -> Finding:
    closest = difflib.get_close_matches(name, sorted(names), n=1)
    advice = f"Did you mean {closest[0]}?" if closest else "Remove it; docs/configuration.md lists those that are read."
    return warning("environment", f"{name} is set, but nothing reads it", advice=advice)


def _variables(model: type[BaseModel], prefix: str = _PREFIX) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _variables(field.annotation, f"{prefix}{name.upper()}__")


def _differences(settings: Settings, inspector: Inspector) -> Iterator[str]:
    defaults = dict(_leaves(Settings().model_dump(mode="json")))
    for name, value in _leaves(settings.model_dump(mode="json")):
        if value == defaults[name]:
            continue
        # The one setting with a secret in it.
        shown = inspector.describe_url(value) if name == "storage.database_url" else value
        yield f"{name}={shown}"


# Settings are strings, numbers or none.
def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
