"""Measurements of how redaction behaves: how fast it is, what the worst text costs, and whether it repeats itself."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks.redaction import case, hostile, speed
from benchmarks.redaction.measurement import Measurement, proven_by
from relayscope.bench.figure import percentile

Tell = Callable[[str], None]

_CLEAN_TEXTS, _MIXED_SPANS, _TIMED_SPANS = 8_000, 100, 500
_WORST_MS = 50.0
_SLOWEST_NAMED = 8


def throughput(*, seed: int, tell: Tell) -> Sequence[Measurement]:
    """MB/s of one core, and milliseconds of a span, without the memory of what was seen before."""
    tell("speed: clean text")
    clean = speed.clean_rate(texts=_CLEAN_TEXTS, seed=seed)
    tell("speed: conversations")
    mixed = speed.mixed_rate(spans=_MIXED_SPANS, seed=seed)
    tell(f"speed: {_TIMED_SPANS} spans of 30 KB")
    latency = speed.span_latency(spans=_TIMED_SPANS, seed=seed)
    size = f"a span of {latency.characters / 1000:.0f} KB"
    return [
        _at_least_mb("clean text on one core", clean, 100),
        _at_least_mb("conversations of models on one core", mixed, 8),
        _at_most_ms(f"{size}, p50", percentile(latency.milliseconds, 0.5), 2),
        _at_most_ms(f"{size}, p99", percentile(latency.milliseconds, 0.99), 6),
    ]


def hostile_texts(*, tell: Tell) -> Sequence[Measurement]:
    """The longest that 50 KB of anything take."""
    texts = hostile.hostile_texts()
    tell(f"hostile: {len(texts)} texts of 50 KB")
    times = {name: speed.outcome_of(text) for name, text in texts.items()}
    slowest = sorted(times, key=lambda name: -times[name].milliseconds)[:_SLOWEST_NAMED]
    unsafe = [name for name, outcome in times.items() if not outcome.is_stable]
    worst = times[slowest[0]].milliseconds
    return [
        Measurement(
            name="worst of 50 KB of hostile text",
            target=f"<= {_WORST_MS:g} ms",
            result=f"{worst:.0f} ms ({slowest[0]})" + (f"; {len(unsafe)} let pass" if unsafe else ""),
            is_met=worst <= _WORST_MS and not unsafe,
            examples=[f"{name}: {times[name].milliseconds:.1f} ms" for name in slowest] + unsafe,
        )
    ]


def repetition(*, cases: int, seed: int, tell: Tell) -> Sequence[Measurement]:
    """Texts that change when they are redacted again, lose their form, or come out otherwise in another process."""
    tell(f"repetition: {cases:,} texts in two processes")
    # Processes that share nothing with this one, with hashes of their own.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        batches = pool.submit(case.check_in_batches, cases, seed)
        broken = pool.submit(case.check_one_by_one, cases, seed).result()
        is_same = batches.result() == broken.digest
    return [
        _none("texts that change when redacted again", broken.changed, cases, broken.changed_examples),
        _none("JSON that loses its form", broken.deformed, cases, broken.deformed_examples),
        Measurement(
            name="same result in another process, in batches, from memory",
            target="always",
            result="always" if is_same else "not always",
            is_met=is_same,
        ),
    ]


def proofs() -> Sequence[Measurement]:
    """What tests prove."""
    return [
        proven_by("canaries in what a sender can write that reach disk, log or answer", "0", "tests/e2e/test_zero_leak.py"),
        proven_by("detectors that fail or are too slow: the field is replaced", "always", "tests/unit/redaction/test_failure.py"),
        proven_by("endpoints that change the policy", "0", "tests/e2e/test_policy_is_fixed.py"),
    ]  # fmt: skip


def _none(name: str, count: int, cases: int, examples: Sequence[str]) -> Measurement:
    return Measurement(name=name, target="0", result=f"{count} of {cases:,}", is_met=count == 0, examples=examples)


def _at_least_mb(name: str, value: float, target: float) -> Measurement:
    return Measurement(name=name, target=f">= {target:g} MB/s", result=f"{value:.1f} MB/s", is_met=value >= target)


def _at_most_ms(name: str, value: float, target: float) -> Measurement:
    return Measurement(name=name, target=f"<= {target:g} ms", result=f"{value:.2f} ms", is_met=value <= target)
