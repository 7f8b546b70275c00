"""What is wrong with settings, in words that name the place and what was probably meant, and never a value.

Values stay out because one of them may be a password.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

ENVIRONMENT = "environment"

# All names begin alike, so much has to be the same.
_LIKENESS = 0.8

_Path = tuple[int | str, ...]


def setting_names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every section and setting of ``model``, with dots between the levels."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from setting_names(field.annotation, f"{prefix}{name}.")


def variable_of(setting: str, *, prefix: str) -> str:
    """The environment variable of a setting."""
    return prefix + setting.upper().replace(".", "__")


def suggestion(name: str, known: Collection[str]) -> str:
    """``; did you mean NAME?`` when one of ``known`` resembles ``name``, otherwise nothing."""
    closest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=_LIKENESS)
    return f"; did you mean {closest[0]}?" if closest else ""


def explain(
    error: ValidationError, *, sources: Mapping[str, Mapping[str, Any]], known: Collection[str], prefix: str
) -> str:
    """All problems in one line. ``sources`` has the tree that each source gave, later ones winning."""
    return "; ".join(
        _sentence(item, place=_place(item["loc"], sources=sources, prefix=prefix), known=known)
        for item in error.errors(include_input=False)
    )


def _sentence(item: ErrorDetails, *, place: str, known: Collection[str]) -> str:
    name = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"unknown setting {name}{place}{suggestion(name, known)}"
    return f"{name}{place}: {_reason(item)}"


def _reason(item: ErrorDetails) -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "model_type":
        return "must be a section, with settings below it"
    return item["msg"].replace("Input should be", "must be").partition(", unable to")[0]


def _place(path: _Path, *, sources: Mapping[str, Mapping[str, Any]], prefix: str) -> str:
    found = next((name for name in reversed(tuple(sources)) if _has(sources[name], path)), None)
    if found == ENVIRONMENT:
        found = _variable(path, prefix=prefix)
    return f" (in {found})" if found else ""


def _has(tree: object, path: _Path) -> bool:
    for key in path:
        items = dict(enumerate(tree)) if isinstance(tree, list) else tree
        if not isinstance(items, Mapping) or key not in items:
            return False
        tree = items[key]
    return True


def _variable(path: _Path, *, prefix: str) -> str:
    """The variable that holds the setting: its own, or that of a section around it, as JSON."""
    given = {name.upper() for name in os.environ}
    names = [variable_of(".".join(map(str, path[:length])), prefix=prefix) for length in range(len(path), 0, -1)]
    return next((name for name in names if name in given), f"the {ENVIRONMENT}")
