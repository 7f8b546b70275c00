"""How fast redaction is on one core, without the memory of what it has seen before."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from benchmarks.redaction.span import llm_span, prose
from processors.redact import Redact
from redaction.policy import default_policy
from redaction.redactor import Redactor
from tracedata import Batch, Span

_BATCH_TEXTS = 200
_WORDS_PER_TEXT = 180
_ROUNDS = 5


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds of one span at a time, and how large the spans were on average."""

    milliseconds: Sequence[float]
    characters: float


def clean_rate(*, texts: int, seed: int) -> float:
    """MB/s over prose of about 1 KB a text, with nothing in it; the best of a few rounds."""
    random = Random(seed)
    return _rate([prose(random, _WORDS_PER_TEXT) for _ in range(texts)])


def mixed_rate(*, spans: int, seed: int) -> float:
    """MB/s over everything that model calls say: prompts, answers, tools, ids; the best of a few rounds."""
    random = Random(seed)
    return _rate([text for _ in range(spans) for text in span_texts(llm_span(random))])


def span_latency(*, spans: int, seed: int) -> Latency:
    """Times of the processor over batches of one span of about 30 KB."""
    random = Random(seed)
    processor = Redact(_redactor())
    chosen = [llm_span(random) for _ in range(spans)]
    processor.process(Batch(workspace_id=1, spans=chosen[:1]))
    times = []
    with _no_collection():
        for span in chosen:
            start = time.perf_counter()
            processor.process(Batch(workspace_id=1, spans=(span,)))
            times.append((time.perf_counter() - start) * 1000)
    return Latency(times, sum(len("".join(span_texts(span))) for span in chosen) / len(chosen))


class Outcome(msgspec.Struct, frozen=True):
    """The best of a few times of one text, and whether nothing more is found in what came out."""

    milliseconds: float
    is_stable: bool


def outcome_of(text: str) -> Outcome:
    """What redaction does to one text."""
    redactor = _redactor()
    best = float("inf")
    after = ""
    for _ in range(3):
        start = time.perf_counter()
        after = redactor.redact_text(text).text
        best = min(best, (time.perf_counter() - start) * 1000)
    return Outcome(best, redactor.redact_text(after).text == after)


def span_texts(span: Span) -> Sequence[str]:
    """The strings among the values of a span's attributes."""
    return [value for value in span.attributes.values() if isinstance(value, str)]


def _rate(texts: Sequence[str]) -> float:
    redactor = _redactor()
    size = sum(len(text.encode()) for text in texts)
    best = 0.0
    with _no_collection():
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            for first in range(0, len(texts), _BATCH_TEXTS):
                batch = texts[first : first + _BATCH_TEXTS]
                for index, hits in redactor.scan(batch).items():
                    redactor.redact_text(batch[index], hits=hits)
            best = max(best, size / (time.perf_counter() - start) / 1e6)
    return best


def _redactor() -> Redactor:
    return Redactor(default_policy(), cache_bytes=0)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without garbage collection in between, which would be charged to whichever text it meets."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
