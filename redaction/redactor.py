"""Redaction of texts: stage one over many at once, stage two on short windows, layer by layer.

Whatever goes wrong with a text replaces the whole of it: nothing passes because it could not be looked at.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from importlib.metadata import version

from redaction.cache import Cache
from redaction.catalogue import detectors_of
from redaction.detector import DetectionError, Detector, Place
from redaction.escape import FORM_TRIGGERS, LAYER_TRIGGERS, escaped_layers, form_layers
from redaction.finding import Finding
from redaction.fold import Folded, fold, readings
from redaction.json_layer import Near, Segment, json_layers, may_have_json, segments
from redaction.key import KeyRing
from redaction.key_verdict import KeyRules, KeyVerdict
from redaction.layer import Layer
from redaction.operator import PLACEHOLDER, REDACTION_ERROR, Operators
from redaction.overlap import merged, touching
from redaction.policy import DEFAULT_THRESHOLD, Policy, policy_hash
from redaction.prefilter import Hits, Prefilter
from redaction.shape import SHAPELESS_ENTITIES, is_nobodys
from redaction.tally import Redacted, add_up
from redaction.unique import MemberNames

# Raised when the same policy redacts differently than before.
ENGINE = "2"

_MAX_DEPTH = 5
# How often the replacement of one value may uncover the next, as in e-mail addresses that touch.
_MAX_ROUNDS = 8
# With more of them in a text, or in a shorter one, to look at the whole of it costs less than to find out where.
_MAX_HITS = 2_000
_MIN_WINDOWED_CHARS = 100
# Below this, looking again costs less than remembering.
_MIN_CACHED_CHARS = 256
_DEFAULT_CACHE_BYTES = 16 << 20
# Time for one text, at least and for each character, many times of what the worst one needs on a machine that does nothing else.
_LEAST_S, _S_PER_CHAR = 2.0, 2e-5
_FAILED = Redacted(f"<{REDACTION_ERROR}>", {REDACTION_ERROR: 1})


class Redactor:
    """One policy at work in one workspace. Not for several threads at once."""

    def __init__(
        self,
        policy: Policy,
        *,
        keys: KeyRing | None = None,
        workspace_id: int = 1,
        detectors: Sequence[Detector] | None = None,
        cache_bytes: int = _DEFAULT_CACHE_BYTES,
    ) -> None:
        """Compiles everything.

        Raises:
            ValueError: the policy cannot run; the message says why.
        """
        self.policy = policy
        self.policy_hash = policy_hash(policy)
        self.workspace_id = workspace_id
        self.cache = Cache(cache_bytes)
        self.engine_version = f"{ENGINE}+presidio-{version('presidio-analyzer')}"
        self._operators = Operators(policy, keys, workspace_id)
        self.keys = KeyRules(policy)
        chosen = detectors_of(policy) if detectors is None else detectors
        detectors_in_use = [detector for detector in chosen if not self._operators.is_kept(detector.entity)]
        self._detectors = [detector for detector in detectors_in_use for _ in detector.triggers]
        triggers = [trigger for detector in detectors_in_use for trigger in detector.triggers]
        triggers += self.keys.triggers
        # By number of trigger; those of key names and layers have none.
        self._entities: Mapping[int, str | None] = {
            number: detector.entity for number, detector in enumerate(self._detectors)
        }
        # Numbers of triggers from here on are those of layers.
        self.layer_triggers_from = len(triggers)
        self.form_triggers_from = len(triggers) + len(LAYER_TRIGGERS) - len(FORM_TRIGGERS)
        self._prefilter = Prefilter([*triggers, *LAYER_TRIGGERS])
        self._thresholds = {entity: rule.threshold for entity, rule in policy.entities.items()}

    def verdict(self, key: str) -> KeyVerdict:
        """What the policy says of a key."""
        return self.keys.verdict(key)

    def scan(self, texts: Sequence[str]) -> Mapping[int, Hits]:
        """Stage one over many texts: what to give to ``redact_text``, by index. A text that is missing is clean."""
        if all(map(str.isascii, texts)):
            return self._prefilter.scan(texts)
        folded = [(index, reading.text) for index, text in enumerate(texts) for reading in readings(text)]
        hits: dict[int, Hits] = {}
        for place, found in self._prefilter.scan([text for _, text in folded]).items():
            index = folded[place][0]
            hits[index] = sorted((*hits[index], *found), key=_end) if index in hits else found
        return hits

    def is_exempt(self, hits: Hits, verdict: KeyVerdict) -> bool:
        """Whether nothing that stage one has found is looked for under the key."""
        return self._are_all_in(hits, verdict.exempt)

    def is_nobodys(self, text: str, hits: Hits) -> bool:
        """Whether the whole text is of a kind in which nothing is what stage one has taken it for."""
        return is_nobodys(text) and self._are_all_in(hits, SHAPELESS_ENTITIES)

    def _are_all_in(self, hits: Hits, entities: AbstractSet[str | None]) -> bool:
        return bool(entities) and all(self._entities.get(number) in entities for number, _ in hits)

    def redact_text(self, text: str, *, key: str = "", hits: Hits | None = None) -> Redacted:
        """The text without what the policy names; the same object when there was nothing. Never raises."""
        try:
            return self._redacted(text, self.keys.verdict(key), key, hits)
        except Exception:  # noqa: BLE001 - whatever it is, the text must not pass
            return _FAILED

    def redact_whole(self, text: str, entity: str) -> Redacted:
        """The text replaced whole, unless there is nothing in it, or redaction did that before."""
        if not text or PLACEHOLDER.fullmatch(text) or self._operators.is_kept(entity):
            return Redacted(text)
        after = self._operators.apply(entity, text)
        # A mask of before stays as it is.
        return Redacted(text) if after == text else Redacted(after, {entity: 1})

    def _redacted(self, text: str, verdict: KeyVerdict, key: str, hits: Hits | None) -> Redacted:
        if verdict.is_free:
            return Redacted(text)
        if verdict.whole is not None:
            return self.redact_whole(text, verdict.whole)
        if hits is None:
            hits = self.scan((text,)).get(0)
        if not hits or self.is_exempt(hits, verdict) or self.is_nobodys(text, hits):
            return Redacted(text)
        if len(text) < _MIN_CACHED_CHARS:
            return _Work(self, len(text)).text(text, verdict, hits)
        digest = self.cache.digest(text, key)
        known = self.cache.get(digest, text)
        if known is None:
            known = _Work(self, len(text)).text(text, verdict, hits)
            self.cache.put(digest, text, known)
        return known

    def near(self, text: str, hits: Hits) -> Near | None:
        """Where stage one has found something in JSON; None when it may lie anywhere, as with names of members."""
        members = range(len(self._detectors), self.layer_triggers_from)
        if fold(text).offsets is not None or any(number in members for number, _ in hits):
            return None
        places = sorted(end for _, end in hits)
        return Near(places, is_nobodys) if self._are_all_in(hits, SHAPELESS_ENTITIES) else Near(places)

    def findings(self, folded: str, hits: Hits, verdict: KeyVerdict, work: _Work) -> Iterable[Finding]:
        """What the detectors that were triggered find in their windows, as far as the policy wants it."""
        place = Place(words=verdict.words, deadline=work.deadline)
        for detector, windows in _windows(hits, self._detectors, len(folded)).items():
            if detector.entity in verdict.exempt:
                continue
            threshold = self._thresholds.get(detector.entity, DEFAULT_THRESHOLD)
            for start, end in windows:
                work.check_time()
                for finding in detector.find(folded, start, end, place):
                    if finding.score >= threshold:
                        yield finding

    def replacement(self, entity: str, value: str) -> str:
        """What stands for a value that was found."""
        return self._operators.apply(entity, value)


class _Work:
    """The redaction of one text with everything inside it."""

    def __init__(self, redactor: Redactor, length: int) -> None:
        self._redactor = redactor
        self._entities: dict[str, int] = {}
        self.deadline = time.monotonic() + _LEAST_S + length * _S_PER_CHAR

    def text(self, text: str, verdict: KeyVerdict, hits: Hits) -> Redacted:
        after = self._inside(text, verdict, hits, depth=1)
        return Redacted(after, self._entities) if self._entities else Redacted(text)

    def check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise DetectionError("a text took too long")

    def _inside(self, text: str, verdict: KeyVerdict, hits: Hits, *, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise DetectionError("encodings are nested too deeply")
        self.check_time()
        if may_have_json(text):
            parts = segments(text)
            if len(parts) > 1 or parts[0].is_structure:
                near = self._redactor.near(text, hits)
                return "".join(self._part(text, part, verdict, near, depth) for part in parts)
        return self._prose(text, verdict, depth, hits)

    def _part(self, text: str, part: Segment, verdict: KeyVerdict, near: Near | None, depth: int) -> str:
        piece = text[part.start : part.end]
        self.check_time()
        if not part.is_structure:
            return piece if piece.isspace() else self._prose(piece, verdict, depth)
        near = near.behind(part.start) if near else None
        return self._layered(piece, json_layers(piece, self._redactor.keys, near=near), verdict, depth)

    def _prose(self, text: str, verdict: KeyVerdict, depth: int, hits: Hits | None = None) -> str:
        """Text outside of JSON: what is encoded in it first, then what it says openly; again while that uncovers something."""
        for _ in range(_MAX_ROUNDS):
            if hits is None:
                hits = self._redactor.scan((text,)).get(0, ())
            if not hits:
                return text
            last = max(hits)[0]
            after = self._said(text, verdict, depth, hits, last)
            if after == text or last < self._redactor.layer_triggers_from:
                return after
            text, hits = after, None
        raise DetectionError("replacements do not come to an end")

    def _said(self, text: str, verdict: KeyVerdict, depth: int, hits: Hits, last: int) -> str:
        if last >= self._redactor.layer_triggers_from:
            after = self._layered(text, escaped_layers(text), verdict, depth)
            if after != text:
                text, hits = after, self._redactor.scan((after,)).get(0, ())
        text = self._plain(text, verdict, hits)
        return (
            self._layered(text, list(form_layers(text)), verdict, depth)
            if last >= self._redactor.form_triggers_from
            else text
        )

    def _layered(self, text: str, layers: Sequence[Layer], verdict: KeyVerdict, depth: int) -> str:
        hits = self._redactor.scan([layer.text for layer in layers]) if layers else {}
        names = MemberNames()
        parts: list[str] = []
        position = 0
        for index, layer in enumerate(layers):
            self.check_time()
            after = names.apart(layer, self._layer(layer, verdict, hits.get(index, ()), depth))
            if after != layer.text:
                parts += [text[position : layer.start], layer.encode(after)]
                position = layer.end
        return "".join([*parts, text[position:]]) if parts else text

    def _layer(self, layer: Layer, verdict: KeyVerdict, hits: Hits, depth: int) -> str:
        if layer.key:
            inner = self._redactor.verdict(layer.key)
            if inner.is_free:
                return layer.text
            if inner.whole is not None:
                whole = self._redactor.redact_whole(layer.text, inner.whole)
                add_up(self._entities, whole.entities)
                return whole.text
            if inner.words != verdict.words:
                verdict = KeyVerdict(
                    words=f"{verdict.words} {inner.words}",
                    whole=None,
                    is_free=False,
                    exempt=inner.exempt | verdict.exempt,
                )
        if not hits or self._redactor.is_nobodys(layer.text, hits):
            return layer.text
        return self._inside(layer.text, verdict, hits, depth=depth + 1)

    def _plain(self, text: str, verdict: KeyVerdict, hits: Hits) -> str:
        for _ in range(_MAX_ROUNDS):
            if not hits:
                return text
            self.check_time()
            after = self._round(text, verdict, hits)
            if after == text or PLACEHOLDER.fullmatch(after):
                return after
            text, hits = after, self._redactor.scan((after,)).get(0, ())
        raise DetectionError("replacements do not come to an end")

    def _round(self, text: str, verdict: KeyVerdict, hits: Hits) -> str:
        for folded in readings(text):
            findings = merged(self._redactor.findings(folded.text, hits, verdict, self))
            after = self._replaced(text, folded, findings) if findings else text
            if after != text:
                return after
        return text

    def _replaced(self, text: str, folded: Folded, findings: Sequence[Finding]) -> str:
        done = [match.span() for match in PLACEHOLDER.finditer(text)] if "<" in text else []
        parts: list[str] = []
        position = 0
        for finding in findings:
            start, end = folded.original(finding.start, finding.end)
            touched = touching(done, start, end)
            if touched:
                start, end = _outside(start, end, touched)
                if start >= end:
                    continue
            after = self._redactor.replacement(finding.entity, folded.text[finding.start : finding.end])
            if after == text[start:end]:
                continue
            parts += [text[position:start], after]
            position = end
            add_up(self._entities, {finding.entity: 1})
        return "".join([*parts, text[position:]]) if parts else text


def _end(hit: tuple[int, int]) -> int:
    return hit[1]


def _outside(start: int, end: int, done: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """What is left of a finding that touches earlier replacements: nothing, when one of them is inside it."""
    for done_start, done_end in done:
        if done_start <= start < done_end:
            start = done_end
        if done_start < end <= done_end:
            end = done_start
        if start < done_start and done_end < end:
            return 0, 0
    return start, end


def _windows(hits: Hits, detectors: Sequence[Detector], length: int) -> Mapping[Detector, Sequence[tuple[int, int]]]:
    """Where each triggered detector looks: around where its triggers ended, overlapping windows as one."""
    if length < _MIN_WINDOWED_CHARS or len(hits) > _MAX_HITS:
        return {detectors[number]: ((0, length),) for number, _ in hits if number < len(detectors)}
    windows: dict[Detector, list[tuple[int, int]]] = {}
    for number, end in hits:
        if number >= len(detectors):
            continue
        detector = detectors[number]
        of_detector = windows.setdefault(detector, [])
        start, stop = max(0, end - detector.reach), min(length, end + detector.reach)
        if of_detector and start <= of_detector[-1][1]:
            # Hyperscan reports ends in order, so only the last window can overlap; its other triggers may have come between.
            first = of_detector.pop()
            start, stop = min(first[0], start), max(first[1], stop)
        of_detector.append((start, stop))
    return windows
