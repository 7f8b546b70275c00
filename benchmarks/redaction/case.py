"""Texts in which personal data, noise and awkward signs meet by lot, and what must hold for each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from random import Random

import msgspec

from benchmarks.redaction.card import card
from benchmarks.redaction.noise import SHAPES
from benchmarks.redaction.phone import phone
from redaction.policy import default_policy
from redaction.redactor import Redactor

_GLUE = " \t\n.,;:!?()[]<>{}\"'=&/#|-_+*aAzZ09@é\u00a0\u200b\u4e2d%\\"
_SHAPES = [shape for name, shape in SHAPES.items() if name not in {"vector", "base64"}]
_BATCH = 500
_MAX_EXAMPLES = 10


class Broken(msgspec.Struct):
    """How many texts show that something does not hold, and the first of them. ``digest``: of all results, in order."""

    digest: str = ""
    changed: int = 0
    changed_examples: list[str] = msgspec.field(default_factory=list)
    deformed: int = 0
    deformed_examples: list[str] = msgspec.field(default_factory=list)


def cases(*, count: int, seed: int) -> Iterator[str]:
    """Plain texts, and every fourth as JSON."""
    random = Random(seed)
    for number in range(count):
        yield _as_json(random) if number % 4 == 0 else _text(random)


def check_one_by_one(count: int, seed: int) -> Broken:
    """Each text by itself, without a memory; twice, and as JSON when it is."""
    redactor = Redactor(default_policy(), cache_bytes=0)
    digest = blake2b(digest_size=16)
    broken = Broken()
    for text in cases(count=count, seed=seed):
        once = redactor.redact_text(text).text
        digest.update(once.encode(errors="surrogatepass") + b"\0")
        if once != text and redactor.redact_text(once).text != once:
            broken.changed += 1
            broken.changed_examples.append(text)
        if not keeps_form(text, once):
            broken.deformed += 1
            broken.deformed_examples.append(text)
    broken.digest = digest.hexdigest()
    del broken.changed_examples[_MAX_EXAMPLES:], broken.deformed_examples[_MAX_EXAMPLES:]
    return broken


def check_in_batches(count: int, seed: int) -> str:
    """The digest of all results when texts are scanned together and remembered, as in a worker."""
    redactor = Redactor(default_policy())
    digest = blake2b(digest_size=16)
    batch: list[str] = []
    for text in cases(count=count, seed=seed):
        batch.append(text)
        if len(batch) == _BATCH:
            _add(digest, redactor, batch)
            batch = []
    _add(digest, redactor, batch)
    return digest.hexdigest()


def _add(digest: blake2b, redactor: Redactor, batch: list[str]) -> None:
    hits = redactor.scan(batch)
    for index, text in enumerate(batch):
        after = redactor.redact_text(text, hits=hits.get(index, ())).text
        digest.update(after.encode(errors="surrogatepass") + b"\0")


def _text(random: Random) -> str:
    return "".join(_piece(random) for _ in range(random.randint(1, 8)))


def _piece(random: Random) -> str:
    lot = random.random()
    if lot < 0.4:
        return "".join(random.choices(_GLUE, k=random.randint(1, 6)))
    return _personal(random) if lot < 0.7 else random.choice(_SHAPES)(random)


def _personal(random: Random) -> str:
    kind = random.randrange(6)
    if kind == 0:
        return f"user{random.randrange(999)}@example.com"
    if kind == 1:
        return card(random)
    if kind == 2:
        return phone(random)
    if kind == 3:
        return f"{random.randint(100, 665)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"
    if kind == 4:
        return ".".join(str(random.randint(1, 254)) for _ in range(4))
    return "DE89370400440532013000"


def _as_json(random: Random) -> str:
    value: object = _text(random)
    for _ in range(random.randint(0, 2)):
        value = [value, _text(random), random.randrange(10**16), None, random.random()]
        value = json.dumps(value) if random.random() < 0.3 else value
    return json.dumps({_text(random): value, "n": random.randrange(10**9)})


def keeps_form(text: str, after: str) -> bool:
    """Whether an object of JSON still is one, with members and lists as long as they were."""
    if not text.startswith("{"):
        return True
    try:
        before = json.loads(text)
    except ValueError:
        return True
    try:
        return _form(before) == _form(json.loads(after))
    except ValueError:
        return False


def _form(value: object) -> object:
    if isinstance(value, dict):
        return [_form(member) for member in value.values()]
    return [_form(member) for member in value] if isinstance(value, list) else None
