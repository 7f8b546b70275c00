"""Measurements of what redaction finds: personal data, hidden or not, and secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.redaction import corpus, evasion, neighbour, secret, source
from benchmarks.redaction.measurement import Measurement, at_least
from benchmarks.redaction.scoring import Score, add_to, replaced_stretches
from redaction.redactor import Redactor

Tell = Callable[[str], None]

_SURE = ("EMAIL_ADDRESS", "IBAN_CODE", "US_SSN", "IP_ADDRESS")
_SECRETS_PER_KIND = 200
_MAX_FALSE_SECRETS, _PER_BYTES = 1, 10_000_000
_MAX_EXAMPLES = 20


def personal_data(redactor: Redactor, *, texts: int, seed: int, tell: Tell) -> Sequence[Measurement]:
    """Recall of each entity over the templates, and precision of phone numbers."""
    tell(f"personal data: {texts:,} texts from templates")
    scores: dict[str, Score] = {}
    for labelled in corpus.texts(count=texts, seed=seed):
        add_to(scores, labelled, redactor.redact_text(labelled.text).text)
    return [
        *(_recall(scores, entity, 0.995) for entity in _SURE),
        _recall(scores, "CREDIT_CARD", 0.99),
        _recall(scores, "PHONE_NUMBER", 0.90),
        _precision(scores, "PHONE_NUMBER", 0.95),
    ]


def crowded_data(redactor: Redactor, *, texts: int, seed: int, tell: Tell) -> Sequence[Measurement]:
    """Recall of everything together, by what stands beside it."""
    return [_recall_beside(redactor, place, texts=texts, seed=seed, tell=tell) for place in neighbour.PLACES]


def _recall_beside(redactor: Redactor, place: str, *, texts: int, seed: int, tell: Tell) -> Measurement:
    tell(f"personal data: {texts:,} texts {place}")
    scores: dict[str, Score] = {}
    for labelled in neighbour.texts(place, count=texts, seed=seed):
        add_to(scores, labelled, redactor.redact_text(labelled.text).text)
    covered, total = sum(one.covered for one in scores.values()), sum(one.total for one in scores.values())
    return at_least(
        f"recall {place}",
        covered / total,
        0.99,
        note=f" ({covered} of {total})",
        examples=[missed for score in scores.values() for missed in score.missed[:_MAX_EXAMPLES]],
    )


def _recall(scores: Mapping[str, Score], entity: str, target: float) -> Measurement:
    score = scores.get(entity, Score())
    return at_least(
        f"recall of {entity}",
        score.recall,
        target,
        note=f" ({score.covered} of {score.total})",
        examples=score.missed[:_MAX_EXAMPLES],
    )


def _precision(scores: Mapping[str, Score], entity: str, target: float) -> Measurement:
    score = scores.get(entity, Score())
    return at_least(
        f"precision of {entity}",
        score.precision,
        target,
        note=f" ({score.right} of {score.replaced})",
        examples=score.wrong[:_MAX_EXAMPLES],
    )


def hidden_data(redactor: Redactor, *, tell: Tell) -> Sequence[Measurement]:
    """How many of the ways to hide personal data do not."""
    chosen = evasion.evasions()
    tell(f"evasion: {len(chosen)} ways")
    passed = [one.name for one in chosen if not evasion.is_caught(one, redactor.redact_text(one.text).text)]
    caught = len(chosen) - len(passed)
    result = f"{caught} of {len(chosen)}"
    return [Measurement(name="evasion", target=">= 14 of 16", result=result, is_met=caught >= 14, examples=passed)]


def secrets(redactor: Redactor, *, seed: int, tell: Tell) -> Sequence[Measurement]:
    """Kinds of secrets of which every one is found, and what is taken for a secret in code."""
    tell(f"secrets: {len(secret.KINDS)} kinds, {_SECRETS_PER_KIND} each")
    shares = {kind: _found(redactor, kind, seed) for kind in secret.KINDS}
    # Names of kinds only: a secret that passed should not be printed, not even one that is made up.
    passed = [f"{kind}: {share:.3f}" for kind, share in shares.items() if share < 1]
    found = len(shares) - len(passed)
    kinds = f"{found} of {len(shares)}"
    return [
        Measurement(name="kinds of secrets", target=">= 13 of 14", result=kinds, is_met=found >= 13, examples=passed),
        _false_secrets(redactor, tell=tell),
    ]


def _found(redactor: Redactor, kind: str, seed: int) -> float:
    scores: dict[str, Score] = {}
    for labelled in secret.secrets(kind, count=_SECRETS_PER_KIND, seed=seed):
        add_to(scores, labelled, redactor.redact_text(labelled.text).text)
    return scores[kind].recall


def _false_secrets(redactor: Redactor, *, tell: Tell) -> Measurement:
    tell("secrets: the standard library's source")
    size = false = 0
    examples: list[str] = []
    for text in source.texts():
        size += len(text.encode())
        for line in text.splitlines():
            redacted = redactor.redact_text(line)
            count = sum(number for entity, number in redacted.entities.items() if entity.startswith("SECRET_"))
            if count:
                false += count
                examples.append(_replaced(line, redacted.text))
    rate = false / size * _PER_BYTES
    return Measurement(
        name="false secrets in 10 MB of code and diffs",
        target=f"<= {_MAX_FALSE_SECRETS}",
        result=f"{rate:.1f} ({false} in {size / 1e6:.1f} MB)",
        is_met=rate <= _MAX_FALSE_SECRETS,
        examples=examples,
    )


def _replaced(text: str, after: str) -> str:
    stretches = replaced_stretches(text, after) or ()
    return "; ".join(f"{text[max(0, one.start - 40) : one.start]}[{text[one.start : one.end]}]" for one in stretches)
