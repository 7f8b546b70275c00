"""What an attribute key alone says: whether its value goes whole, and what is not looked for in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

import msgspec

from redaction.key_name import SECRET_MEMBER, content_of, secret_entity, words_of
from redaction.policy import Policy

CONTENT = "CONTENT"
_MAX_CACHED = 10_000
_ANY_MEMBER = rb"\"\s*:"


class KeyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """``whole``: the value is this entity, whatever it is. ``is_free``: nothing is looked for in it; ``exempt``: not these."""

    words: str
    whole: str | None
    is_free: bool
    exempt: frozenset[str]


class KeyRules:
    """Verdicts by key, remembered for as many keys as a few services have."""

    def __init__(self, policy: Policy) -> None:
        self._has_secrets = policy.secrets
        self._dropped = frozenset(policy.drop_content)
        self._deny = [(_glob(rule.keys), rule.entity) for rule in policy.deny]
        self._allow = [(_glob(rule.keys), frozenset(rule.entities)) for rule in policy.allow]
        self._known: dict[str, KeyVerdict] = {}

    @property
    def triggers(self) -> Sequence[bytes]:
        """Hyperscan expressions that match wherever a text may be JSON with a member whose value goes whole."""
        if self._deny or self._dropped:
            return (_ANY_MEMBER,)
        return (SECRET_MEMBER,) if self._has_secrets else ()

    def verdict(self, key: str) -> KeyVerdict:
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MAX_CACHED:
                self._known.clear()
            known = self._known[key] = self._judged(key)
        return known

    def _judged(self, key: str) -> KeyVerdict:
        words = words_of(key)
        # So that ``*.id`` is the name id in JSON as well.
        dotted = f".{key}"
        rules = [entities for pattern, entities in self._allow if pattern.fullmatch(key) or pattern.fullmatch(dotted)]
        is_free = any(not entities for entities in rules)
        whole = None if is_free else self._whole(key, words)
        return KeyVerdict(words=words, whole=whole, is_free=is_free, exempt=frozenset().union(*rules))

    def _whole(self, key: str, words: str) -> str | None:
        for pattern, entity in self._deny:
            if pattern.fullmatch(key) or pattern.fullmatch(f".{key}"):
                return entity
        if self._dropped and content_of(key) in self._dropped:
            return CONTENT
        return secret_entity(words) if self._has_secrets else None


def _glob(keys: str) -> re.Pattern[str]:
    return re.compile(translate(keys))
