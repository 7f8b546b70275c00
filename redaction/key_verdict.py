"""What an attribute key alone says: whether its value goes whole, and what is not looked for in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

import msgspec

from redaction.fold import fold
from redaction.key_name import ESCAPED_MEMBER, SECRET_MEMBER, content_of, secret_entity, words_of
from redaction.operator import PLACEHOLDER
from redaction.policy import Policy
from tracedata.memory import remembered

CONTENT = "CONTENT"
_MAX_CACHED = 10_000
_ANY_MEMBER = rb"\"\s*:"
# Between the names on the way to a member of a map or of JSON.
_BELOW = "\x1f"
# No rule names so many, and none is needed below one that a rule has named.
_MAX_NAMES = 32
# How many names at the end of the way say what a number is.
_NAMES_WITH_WORDS = 3


class KeyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """``words``: of the key and of the nearest ones around it. ``whole``: the value is this entity, whatever it is. ``is_free``: nothing is looked for in it; ``exempt``: not these."""

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
        self._verdict = remembered(_MAX_CACHED)(self._judged)
        # Kept whole, a value is a text like any other.
        self._kept = {entity for entity, rule in policy.entities.items() if rule.operator == "keep"}
        self.has_paths = bool(self._deny)

    @property
    def triggers(self) -> Sequence[bytes]:
        """Hyperscan expressions that match wherever a text may be JSON with a member whose value goes whole."""
        if self._deny or self._dropped:
            return (_ANY_MEMBER,)
        return (SECRET_MEMBER, ESCAPED_MEMBER) if self._has_secrets else ()

    def below(self, key: str, name: str) -> str:
        """The key of a member of the map, or the JSON object, that stands below a key.

        What is denied is known by the way to it as well, what is allowed by its own name only: nothing passes by accident. Words
        of the names around it say something about numbers.
        """
        return f"{key}{_BELOW}{name}" if key else name

    def verdict(self, key: str) -> KeyVerdict:
        return self._verdict(key)

    def goes_whole(self, key: str) -> bool:
        return self.verdict(key).whole is not None

    def _judged(self, key: str) -> KeyVerdict:
        names = key.split(_BELOW)[-_MAX_NAMES:]
        # As it reads: nobody hides a password by writing its name in other letters.
        name = fold(names[-1]).text
        words = " ".join(map(words_of, (*names[-_NAMES_WITH_WORDS:-1], name)))
        keys = [".".join(names[first:]) for first in range(len(names))]
        rules = [entities for pattern, entities in self._allow if _is_one(pattern, keys[-1:])]
        is_free = any(not entities for entities in rules)
        exempt = frozenset().union(*rules)
        whole = None if is_free else self._whole(keys, name)
        if whole in exempt or whole in self._kept:
            whole = None
        return KeyVerdict(words=words, whole=whole, is_free=is_free, exempt=exempt)

    def _whole(self, keys: Sequence[str], name: str) -> str | None:
        for pattern, entity in self._deny:
            if _is_one(pattern, keys):
                return entity
        if self._dropped and content_of(keys[-1]) in self._dropped:
            return CONTENT
        # A placeholder is a word here, as what it stands for was: what comes before it has to say the same as then.
        return secret_entity(words_of(PLACEHOLDER.sub(" x ", name))) if self._has_secrets else None


def _is_one(pattern: re.Pattern[str], keys: Sequence[str]) -> bool:
    # With a dot before it, so that ``*.id`` is the name id in JSON as well.
    return any(pattern.fullmatch(key) or pattern.fullmatch(f".{key}") for key in keys)


def _glob(keys: str) -> re.Pattern[str]:
    return re.compile(translate(keys))
