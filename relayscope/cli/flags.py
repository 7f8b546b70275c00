"""Flags that several commands share, as a dataclass: a field is a flag."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints


def with_flags(command: Callable[..., None], flags: type[Any], *, into: str = "filters") -> Callable[..., None]:
    """Gives a command the flags of a dataclass in place of its parameter ``into``. ``Any``: whatever the fields are."""
    names = [field.name for field in fields(flags)]

    @functools.wraps(command)
    def called(**values: object) -> None:
        # The values are what typer made of the flags, by name and of the types in the signature.
        given = flags(**{name: values.pop(name) for name in names})
        command(**{into: given}, **values)

    # typer reads the flags from the signature; a function has no such attribute for the checker until it is set.
    called.__signature__ = _unfolded(inspect.signature(command, eval_str=True), flags, into)  # type: ignore[attr-defined]
    return called


def _unfolded(signature: inspect.Signature, flags: type[Any], into: str) -> inspect.Signature:
    hints = get_type_hints(flags, include_extras=True)
    unfolded = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(flags)
    ]
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        parameters += unfolded if name == into else [parameter]
    return signature.replace(parameters=parameters)
