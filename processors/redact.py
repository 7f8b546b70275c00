"""Removes personal data and secrets from everything a sender can write text into, before anything is stored.

The strings of a whole batch are looked at together, which is fast; only spans and log records in which there may be something
are taken apart. What one lost is counted in it, by entity and by attribute key, with the policy that was in force.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from processors.redact_names import NameStage
from processors.redact_rewrite import Rewriting
from processors.redact_scan import Gathering, Suspicion, everything
from processors.walk import Item
from redaction.names import Names
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from tracedata import UNOBSERVED, Batch, RedactionInstruments
from tracedata.memory import MAX_REMEMBERED_CHARS

# A batch can bring any number of keys that nobody sent before.
_MAX_PLAIN_KEYS = 20_000
_replace = msgspec.structs.replace


class Redact:
    """One redactor over every batch; knows which attribute keys say nothing by themselves."""

    def __init__(
        self, redactor: Redactor, *, names: Names | None = None, instruments: RedactionInstruments = UNOBSERVED
    ) -> None:
        self._redactor = redactor
        self._names = names
        self._instruments = instruments
        self._plain: set[str] = set()

    def process(self, batch: Batch) -> Batch:
        """The batch itself when there was nothing to redact; else a new one that shares all that is clean."""
        born = time.perf_counter()
        rewriting = Rewriting(self._redactor, self._suspicion(batch))
        is_on = rewriting.suspicion.is_on
        span = _guarded(rewriting.span, rewriting.blanked_span)
        log_record = _guarded(rewriting.log_record, rewriting.blanked_log_record)
        spans = [span(one) if is_on(one) else one for one in batch.spans]
        log_records = [log_record(one) if is_on(one) else one for one in batch.log_records]
        if self._names is not None:
            stage = NameStage(self._names, by=rewriting.by, total=rewriting.total)
            stage.read(spans, log_records)
            spans = list(map(_guarded(stage.span, rewriting.blanked_span), spans))
            log_records = list(map(_guarded(stage.log_record, rewriting.blanked_log_record), log_records))
        cache = self._redactor.cache
        self._instruments.redacted(
            keys=rewriting.total.keys,
            seconds=time.perf_counter() - born,
            cache_hits=cache.hits,
            cache_misses=cache.misses,
            cache_bytes=cache.size,
        )
        return _replace(batch, spans=spans, log_records=log_records) if rewriting.total else batch

    def _suspicion(self, batch: Batch) -> Suspicion:
        """What stage one says of all texts of the batch. When it fails, everything is under suspicion."""
        gathering = Gathering(self._redactor, self._plain)
        try:
            for span in batch.spans:
                gathering.span(span)
            for record in batch.log_records:
                gathering.log_record(record)
            hits = {gathering.texts[index]: found for index, found in self._redactor.scan(gathering.texts).items()}
        except Exception:  # noqa: BLE001 - whatever it is, each text is looked at by itself, and fails by itself
            return everything()
        self._learn(gathering, hits)
        return Suspicion(hits, marked=gathering.marked, hit=gathering.owners_of(hits))

    def _learn(self, gathering: Gathering, hits: Mapping[str, Hits]) -> None:
        if len(self._plain) > _MAX_PLAIN_KEYS:
            self._plain.clear()
        self._plain.update(key for key in gathering.new_keys if key not in hits and len(key) <= MAX_REMEMBERED_CHARS)


class RedactByWorkspace:
    """Each batch by the policy, the keys and the cache of its workspace."""

    def __init__(self, redact_of: Callable[[int], Redact]) -> None:
        self._redact_of = redact_of

    def process(self, batch: Batch) -> Batch:
        """See ``Redact.process``."""
        return self._redact_of(batch.workspace_id).process(batch)


def _guarded(step: Callable[[Item], Item], blanked: Callable[[Item], Item]) -> Callable[[Item], Item]:
    """The step; what it fails at is blanked."""

    def guarded(item: Item) -> Item:
        try:
            return step(item)
        except Exception:  # noqa: BLE001 - whatever it is, it must not pass as it is
            return blanked(item)

    return guarded
