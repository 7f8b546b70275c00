"""What is redacted, and how: one immutable policy, with a hash that names it in receipts and in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

OperatorName = Literal["replace", "mask", "hash", "encrypt", "drop", "keep"]
Content = Literal["prompts", "answers"]
Validator = Literal["luhn", "iban"]

DEFAULT_THRESHOLD = 0.4


class EntityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of an entity. ``keep_last`` is what ``mask`` leaves readable."""

    operator: OperatorName = "replace"
    threshold: float = DEFAULT_THRESHOLD
    keep_last: int = 4


class KeyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entities that are not looked for below keys that match ``keys``, a glob such as ``server.*``; none named means all."""

    keys: str
    entities: Sequence[str] = ()


class DenyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of keys that match the glob ``keys`` are replaced whole, whatever they are, as ``entity``."""

    keys: str
    entity: str = "DENIED"


class CustomRecognizer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's own entity: patterns with a base score, words nearby that lift it, and a check of what matched."""

    entity: str
    patterns: Sequence[str]
    score: float = 0.5
    context: Sequence[str] = ()
    validator: Validator | None = None


class NerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names and places, by an installed spaCy model. ``budget_ms`` bounds the work on one batch."""

    model: str
    entities: Sequence[str] = ("PERSON", "LOCATION")
    budget_ms: float = 500.0
    everywhere: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides what redaction does.

    ``entities`` names what is looked for, and each one's rule; ``countries`` (ISO 3166 codes) add national ids with the
    default rule; ``allow`` and ``deny`` are looked up by attribute key; ``drop_content`` removes model content whole.
    """

    entities: Mapping[str, EntityRule] = MappingProxyType({})
    countries: Sequence[str] = ()
    secrets: bool = True
    allow: Sequence[KeyRule] = ()
    deny: Sequence[DenyRule] = ()
    recognizers: Sequence[CustomRecognizer] = ()
    drop_content: Sequence[Content] = ()
    ner: NerRule | None = None
