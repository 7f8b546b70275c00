"""Measurements of what redaction lets be: ids, times, versions, and what else traces are full of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from benchmarks.redaction import noise
from benchmarks.redaction.measurement import Measurement
from benchmarks.redaction.scoring import replaced_stretches
from redaction.redactor import Redactor

Tell = Callable[[str], None]

_PER_TOKENS = 10_000
_MAX_RATE = 1.0
# Of so many tokens one stands in a field of its own.
_FIELD_SHARE = 5
_TELL_EVERY = 100_000
_MAX_EXAMPLES = 40


class _False(msgspec.Struct):
    """What was replaced for no reason."""

    tokens: int = 0
    entities: Counter[str] = msgspec.field(default_factory=Counter)
    examples: list[str] = msgspec.field(default_factory=list)

    @property
    def count(self) -> int:
        return self.entities.total()


def noise_tokens(redactor: Redactor, *, tokens: int, seed: int, tell: Tell) -> Sequence[Measurement]:
    """False replacements in tokens of the shapes of traces, in a row and in the attributes that hold such."""
    tell(f"noise: {tokens:,} tokens")
    mixed = _count(redactor, noise.texts(tokens=tokens, seed=seed), tell)
    tell(f"noise: {tokens // _FIELD_SHARE:,} values of known fields")
    fields = _count(redactor, noise.fields(tokens=tokens // _FIELD_SHARE, seed=seed), tell)
    rate = mixed.count / mixed.tokens * _PER_TOKENS
    return [
        Measurement(
            name="false replacements in 10,000 tokens of noise",
            target=f"<= {_MAX_RATE:g}",
            result=f"{rate:.2f} ({_listed(mixed)} of {mixed.tokens:,})",
            is_met=rate <= _MAX_RATE,
            examples=mixed.examples,
        ),
        Measurement(
            name="false replacements in fields of ids, times, models, counts",
            target="0",
            result=f"{fields.count} of {fields.tokens:,}",
            is_met=fields.count == 0,
            examples=fields.examples,
        ),
    ]


def _listed(found: _False) -> str:
    return ", ".join(f"{count} {entity}" for entity, count in found.entities.most_common()) or "0"


def _count(redactor: Redactor, texts: Iterable[noise.Noise], tell: Tell) -> _False:
    found = _False()
    for one in texts:
        found.tokens += len(one.tokens)
        if found.tokens % _TELL_EVERY == 0:
            tell(f"noise: {found.tokens:,} done, {found.count} replaced")
        redacted = redactor.redact_text(one.text, key=one.key)
        if redacted.entities:
            found.entities.update(redacted.entities)
            if len(found.examples) < _MAX_EXAMPLES:
                found.examples.append(_example(one, redacted.text))
    return found


def _example(one: noise.Noise, after: str) -> str:
    stretches = replaced_stretches(one.text, after) or ()
    parts = (
        f"{one.text[max(0, part.start - 30) : part.start]}[{one.text[part.start : part.end]}]" for part in stretches
    )
    return f"{one.key} {'; '.join(parts)}".strip()
