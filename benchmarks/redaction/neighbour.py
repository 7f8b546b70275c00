"""Values beside what hides them from patterns that match too much: other numbers, scripts without spaces, signs of markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from benchmarks.redaction.card import card
from benchmarks.redaction.phone import phone
from benchmarks.redaction.scoring import Labelled, Stretch

_VALUES: Mapping[str, Callable[[Random], str]] = {
    "EMAIL_ADDRESS": lambda random: f"user{random.randrange(999)}@example.com",
    "CREDIT_CARD": card,
    "PHONE_NUMBER": phone,
    "US_SSN": lambda random: f"{random.randint(100, 665)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}",
    "IP_ADDRESS": lambda random: ".".join(str(random.randint(128, 223)) for _ in range(4)),
    "IBAN_CODE": lambda _: "DE89370400440532013000",
}
# What stands before a value, and behind it; ``0`` is a digit by lot.
_NUMBERS = (
    ("00 ", ""), ("", " 00"), ("", " 000"), ("order 1001 ", " ok"), ("", " 12/27 000"), ("age 00 ", " 0"), ("", " 2024-01-01"),
    ("2024-11-21 03:45:01 ", ""), ("", ", 000"), ("0000\n", "\n0000"), ("#000 ", " x00"),
)  # fmt: skip
_SCRIPTS = (
    ("\u5730\u5740", "\u7684"), ("\u53f7", "\u53f7\u3002"), ("\u96fb\u8a71\u306f", "\u3067\u3059"), ("\u0e42\u0e17\u0e23", "\u0e04\u0e48\u0e30"),
    ("\ubc88\ud638", "\uc785\ub2c8\ub2e4"), ("\u300c", "\u300d"), ("\u0628 ", " \u0628"), ("\u00ab", "\u00bb"),
)  # fmt: skip
_SIGNS = (
    ("_", "_"), ("__", "__"), ("**", "**"), ("`", "`"), ("x_", ""), ("", "_x"), ("(", ")"), ("[", "](#)"), ("|", "|"), ("~", "~"),
    ("", ":"), ("", "..."), ("<b>", "</b>"), ("to=", ";"), ("\t", "\t"),
)  # fmt: skip
PLACES: Mapping[str, Sequence[tuple[str, str]]] = {
    "beside other numbers": _NUMBERS,
    "in scripts without spaces": _SCRIPTS,
    "between signs of markup": _SIGNS,
}


def texts(place: str, *, count: int, seed: int) -> Iterator[Labelled]:
    """Texts with one value each, or with two of a kind side by side."""
    random = Random(f"{place}{seed}")
    entities = list(_VALUES)
    for number in range(count):
        entity = entities[number % len(entities)]
        before, behind = (_with_digits(random, part) for part in random.choice(PLACES[place]))
        values = [_VALUES[entity](random) for _ in range(2 if random.random() < _TWO else 1)]
        yield _labelled(before, values, behind, entity)


_TWO = 0.2


def _with_digits(random: Random, part: str) -> str:
    if set(part) <= set("0 "):
        return "".join(random.choice("123456789") if character == "0" else character for character in part)
    return part


def _labelled(before: str, values: Sequence[str], behind: str, entity: str) -> Labelled:
    stretches: list[Stretch] = []
    text = before
    for value in values:
        text += " " if stretches else ""
        stretches.append(Stretch(len(text), len(text) + len(value), entity))
        text += value
    return Labelled(text + behind, stretches)
