"""Fourteen kinds of secrets, put together when they are needed, so that none stands in the repository."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from random import Random

from benchmarks.redaction.scoring import Labelled, Stretch

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

# What stands before a secret, the secret, and what stands behind it.
Parts = tuple[str, str, str]


def _some(random: Random, length: int, alphabet: str = _LETTERS) -> str:
    return "".join(random.choices(alphabet, k=length))


def _jwt(random: Random) -> Parts:
    parts = [json.dumps({"alg": "HS256"}), json.dumps({"sub": _some(random, 8)}), _some(random, 32)]
    return "token=", ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), ""


def _private_key(random: Random) -> Parts:
    marks = ("-----" + "BEGIN PRIVATE KEY-----", "-----" + "END PRIVATE KEY-----")
    return "key:\n", "\n".join([marks[0], *(_some(random, 64) for _ in range(12)), marks[1]]), "\n"


KINDS: Mapping[str, Callable[[Random], Parts]] = {
    "AWS access key": lambda random: ("id ", "AK" + "IA" + _some(random, 16, _CAPITALS), " used"),
    "OpenAI key": lambda random: ("use ", "sk" + "-" + _some(random, 48), "."),
    "OpenAI project key": lambda random: ("use ", "sk" + "-proj-" + _some(random, random.randint(40, 150)), "."),
    "Anthropic key": lambda random: ("use ", "sk" + "-ant-api03-" + _some(random, 93) + "AA", "."),
    "GitHub token": lambda random: ("git clone with ", "gh" + "p_" + _some(random, 36), ""),
    "JSON Web Token": _jwt,
    "private key": _private_key,
    "Slack token": lambda random: ("slack ", "xo" + "xb-" + _some(random, 12, "123456789") + "-" + _some(random, 24), ""),
    "Google API key": lambda random: ("?key=", "AI" + "za" + _some(random, 35), "&q=x"),
    "Hugging Face token": lambda random: ("login ", "h" + "f_" + _some(random, 34), ""),
    "assignment": lambda random: ("export API_KEY=", _some(random, 32), "\n"),
    "bearer": lambda random: ("Authorization: Bearer ", _some(random, 40), "\n"),
    "password in URL": lambda random: ("postgres://app:", _some(random, 12), "@db:5432/x"),
    "password in JSON": lambda random: ('{"user": "bob", "password": "', _some(random, 8) + "!", '"}'),
}  # fmt: skip


def secrets(kind: str, *, count: int, seed: int) -> list[Labelled]:
    """Texts with one secret each, called by its kind."""
    random = Random(f"{kind}{seed}")
    labelled = []
    for _ in range(count):
        before, secret, behind = KINDS[kind](random)
        stretch = Stretch(len(before), len(before) + len(secret), kind)
        labelled.append(Labelled(before + secret + behind, (stretch,)))
    return labelled
