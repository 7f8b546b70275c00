"""What a span says itself that its call cost."""

from __future__ import annotations

from collections.abc import Mapping

from processors.ai.convention.table import CostKeys
from processors.ai.decoding import as_number, as_text
from processors.ai.detection import Path, Plan, path_of
from processors.ai.reader import Reader
from processors.ai.reported import CURRENCY, Reported


def reported_of(plan: Plan, reader: Reader, *, is_used: bool) -> Reported | None:
    """The first amount that is reported, in a currency that is one. Zero counts only where the tokens are known, ``is_used``."""
    for keys, path in plan.costs:
        amount = _amount(keys, path, reader)
        currency = _currency(keys, reader)
        if amount is not None and amount >= 0 and (amount or is_used) and currency:
            key = keys.total.partition("#")[0]
            return Reported(amount=amount, currency=currency, key=key, lines=_lines(keys, reader))
    return None


def _currency(keys: CostKeys, reader: Reader) -> str:
    """Three letters; none when something else stands there, and so nobody can say what the amount is."""
    value = reader.value(path_of(keys.currency)) if keys.currency else None
    if value is None or value == "":
        return CURRENCY
    text = as_text(value).strip().upper()
    return text if len(text) == 3 and text.isascii() and text.isalpha() else ""


def _amount(keys: CostKeys, path: Path, reader: Reader) -> float | None:
    if not keys.is_sum:
        return as_number(reader.value(path))
    parts = reader.found(path)
    if not isinstance(parts, Mapping):
        return as_number(parts)
    amounts = [amount for amount in map(as_number, parts.values()) if amount is not None]
    return sum(amounts) if amounts else None


def _lines(keys: CostKeys, reader: Reader) -> dict[str, float]:
    amounts = ((bucket, as_number(reader.value(path_of(key)))) for bucket, key in keys.parts.items())
    return {bucket: amount for bucket, amount in amounts if amount is not None}
