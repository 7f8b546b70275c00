"""Flags that several commands share, as a dataclass: a field is a flag."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints


def with_flags(command: Callable[..., None], flags: type[Any]) -> Callable[..., None]:
    """Gives a command that takes ``filters`` the flags of a dataclass in their place. ``Any``: whatever its fields are."""
    names = [field.name for field in fields(flags)]

    @functools.wraps(command)
    def called(**values: object) -> None:
        filters = flags(**{name: values.pop(name) for name in names})
        command(filters=filters, **values)

    # typer reads the flags from the signature; a function has no such attribute for the checker until it is set.
    called.__signature__ = _unfolded(inspect.signature(command, eval_str=True), flags)  # type: ignore[attr-defined]
    return called


def _unfolded(signature: inspect.Signature, flags: type[Any]) -> inspect.Signature:
    hints = get_type_hints(flags, include_extras=True)
    unfolded = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(flags)
    ]
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        parameters += unfolded if name == "filters" else [parameter]
    return signature.replace(parameters=parameters)
