"""One line of the table: what was measured, what it should be, and what it is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """``examples`` are what speaks against it, made up like everything here: what was missed, or replaced for no reason."""

    name: str
    target: str
    result: str
    is_met: bool
    examples: Sequence[str] = ()


def at_least(name: str, value: float, target: float, *, note: str = "", examples: Sequence[str] = ()) -> Measurement:
    """A share from 0 to 1 that should not be smaller than ``target``."""
    return Measurement(
        name=name,
        target=f">= {target}",
        result=f"{value:.4f}{note}",
        is_met=value >= target,
        examples=examples,
    )


def proven_by(name: str, target: str, *tests: str) -> Measurement:
    """What is not measured here, since these tests fail when it does not hold."""
    return Measurement(name=name, target=target, result=f"proven by {', '.join(tests)}", is_met=True)
