"""Names and places in message content, after the patterns: a model reads what they left, within a budget of time.

What could not be read is replaced whole, as everything is that redaction cannot look at, unless the policy says that
patterns were enough.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fnmatch import translate
from typing import Protocol

from redaction.content import ContentWalk, Leaf, chunks, is_structure
from redaction.finding import Finding
from redaction.fold import fold
from redaction.operator import PLACEHOLDER, REDACTION_ERROR
from redaction.overlap import merged, touching
from redaction.policy import DEFAULT_THRESHOLD, NerRule
from redaction.redactor import Redactor
from redaction.tally import Redacted, add_up
from tracedata.memory import remembered

# Counts texts that were not read in time and kept nevertheless; nothing is replaced by it.
NER_SKIPPED = "NER_SKIPPED"

_FAILED = Redacted(f"<{REDACTION_ERROR}>", {REDACTION_ERROR: 1})
# What the model is given at once; the budget is looked at in between.
_GROUP_CHARS = 8_000
_MAX_KNOWN_KEYS = 10_000
# Apart from every key of an attribute, none of which has a NUL in it.
_CACHE_KEY = "\0names "

# What was written, and the entities that are not looked for in it.
_Written = tuple[str, frozenset[str]]


class NameFinder(Protocol):
    """Finds names in many texts at once. ``version`` says which model it is."""

    @property
    def version(self) -> str: ...

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Finding]]:
        """The findings in each text, in the order of the texts. Raises whatever the model raises."""
        ...


class Names:
    """A model at work under one policy. Shares the cache of its redactor; not for several threads at once."""

    def __init__(
        self, redactor: Redactor, rule: NerRule, finder: NameFinder, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.redactor = redactor
        self.rule = rule
        self.finder = finder
        self.clock = clock
        self._keys = re.compile("|".join(map(translate, rule.keys)))
        self._is_content = remembered(_MAX_KNOWN_KEYS)(self._judged)

    @property
    def version(self) -> str:
        """Which model looked, for receipts."""
        return self.finder.version

    def is_content(self, key: str) -> bool:
        """Whether the model looks at what is below an attribute key."""
        return self._is_content(key)

    def _judged(self, key: str) -> bool:
        return self._keys.fullmatch(key) is not None and not is_structure(key)

    def reading(self) -> Reading:
        """The reading of one batch."""
        return Reading(self)

    def redact_samples(self, samples: Sequence[Redacted]) -> Sequence[Redacted]:
        """What the patterns left of texts, without names. In JSON objects, which are attributes, keys say what is content."""
        reading = self.reading()
        keyed = [(sample, None if sample.text.lstrip().startswith("{") else "") for sample in samples]
        for sample, key in keyed:
            reading.note(sample.text, key)
        reading.read()
        return [_both(sample, reading.redacted(sample.text, key)) for sample, key in keyed]

    def replaced(self, text: str, findings: Sequence[Finding], exempt: frozenset[str]) -> Redacted:
        """The text without what was found in it as it reads, as far as the policy wants it."""
        folded = fold(text)
        done = [match.span() for match in PLACEHOLDER.finditer(text)] if "<" in text else []
        entities: dict[str, int] = {}
        parts: list[str] = []
        position = 0
        for finding in merged(one for one in findings if self._is_wanted(one, exempt)):
            for start, end in _around(text, *folded.original(finding.start, finding.end), done):
                value = fold(text[start:end]).text
                parts += [text[position:start], self.redactor.replacement(finding.entity, value)]
                position = end
                add_up(entities, {finding.entity: 1})
        return Redacted("".join([*parts, text[position:]]), entities) if parts else Redacted(text)

    def _is_wanted(self, finding: Finding, exempt: frozenset[str]) -> bool:
        rule = self.redactor.policy.entities.get(finding.entity)
        if finding.entity in exempt or (rule is not None and rule.operator == "keep"):
            return False
        return finding.score >= (rule.threshold if rule else DEFAULT_THRESHOLD)


class Reading:
    """One batch: everything is noted first, then read at once, then replaced. Only the patterns' work is given to it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        # None: not known before it is read, and afterwards when that failed.
        self._results: dict[_Written, Redacted | None] = {}

    def note(self, text: str, key: str | None) -> None:
        """Takes a text below an attribute key. Without a key it is JSON of attributes, which have keys."""
        # What cannot be noted is not read, and so will be replaced whole.
        with suppress(Exception):
            self._walked(text, key, self._noted)

    def read(self) -> None:
        """Gives the model what was noted and is not known, the shortest first, until the budget is used up."""
        wanted = {written: fold(written[0]).text for written, known in self._results.items() if known is None}
        of_text = {text: chunks(text) for text in sorted(set(wanted.values()), key=len)}
        found = self._found(
            list(dict.fromkeys(text[slice(*part)] for text, parts in of_text.items() for part in parts))
        )
        for written, text in wanted.items():
            pieces = [text[slice(*part)] for part in of_text[text]]
            if not all(piece in found for piece in pieces):
                self._results[written] = self._unread(written)
                continue
            self._results[written] = self._result(
                written, [(start, found[piece]) for piece, (start, _) in zip(pieces, of_text[text], strict=True)]
            )

    def redacted(self, text: str, key: str | None) -> Redacted:
        """The text, which was noted with this key, without names; the same object when there were none. Never raises."""
        entities: dict[str, int] = {}

        def replace(written: str, exempt: frozenset[str]) -> str:
            result = self._results.get((written, exempt)) or _FAILED
            add_up(entities, result.entities)
            return result.text

        try:
            after = self._walked(text, key, replace)
        except Exception:  # noqa: BLE001 - whatever it is, the text must not pass
            return _FAILED
        return Redacted(after, entities) if entities else Redacted(text)

    def _walked(self, text: str, key: str | None, leaf: Leaf) -> str:
        walk = ContentWalk(self._names.redactor.verdict, leaf)
        return walk.document(text, self._names.is_content) if key is None else walk.value(text, key)

    def _noted(self, text: str, exempt: frozenset[str]) -> str:
        written = (text, exempt)
        if written not in self._results:
            self._results[written] = self._names.redactor.cache.get(self._digest(written), text)
        return text

    def _found(self, pieces: Sequence[str]) -> dict[str, Sequence[Finding] | None]:
        """By piece; None: the model failed. What is missing was not read in time."""
        found: dict[str, Sequence[Finding] | None] = {}
        clock = self._names.clock
        deadline = clock() + self._names.rule.budget_ms / 1000
        groups = list(_groups(pieces))
        while groups and clock() < deadline:
            group = groups.pop(0)
            try:
                found.update(zip(group, self._names.finder.find(group), strict=True))
            except Exception:  # noqa: BLE001 - a model can fail in any way, and what it failed on does not pass
                if len(group) == 1:
                    found[group[0]] = None
                else:
                    groups[:0] = [[piece] for piece in group]
        return found

    def _result(self, written: _Written, found: Sequence[tuple[int, Sequence[Finding] | None]]) -> Redacted | None:
        findings: list[Finding] = []
        for offset, of_piece in found:
            if of_piece is None:
                return None
            findings += [
                Finding(start=offset + one.start, end=offset + one.end, entity=one.entity, score=one.score)
                for one in of_piece
            ]
        text, exempt = written
        try:
            result = self._names.replaced(text, findings, exempt)
        except Exception:  # noqa: BLE001 - it was found, and must not pass because it cannot be replaced
            return None
        self._names.redactor.cache.put(self._digest(written), text, result)
        return result

    def _unread(self, written: _Written) -> Redacted | None:
        return Redacted(written[0], {NER_SKIPPED: 1}) if self._names.rule.on_timeout == "keep_patterns" else None

    def _digest(self, written: _Written) -> bytes:
        text, exempt = written
        return self._names.redactor.cache.digest(text, _CACHE_KEY + " ".join(sorted(exempt)))


def _both(first: Redacted, second: Redacted) -> Redacted:
    entities = Counter(first.entities) + Counter(second.entities)
    return Redacted(second.text, entities)


def _groups(pieces: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for piece in pieces:
        if group and size + len(piece) > _GROUP_CHARS:
            yield group
            group, size = [], 0
        group.append(piece)
        size += len(piece)
    if group:
        yield group


def _around(text: str, start: int, end: int, done: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What of a finding is outside of earlier replacements, and says something."""
    for done_start, done_end in [*touching(done, start, end), (end, end)]:
        part = text[start:done_start]
        if any(map(str.isalnum, part)):
            yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())
        start = max(start, done_end)
