"""Labelled texts: the sentence templates of presidio-evaluator, filled in by Faker from a fixed seed.

Needs the dependency group ``eval``. Of presidio-evaluator only the file of templates is read: importing it would need spaCy,
pandas and transformers, for generators that Faker has as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.redaction.card import card
from benchmarks.redaction.phone import phone
from benchmarks.redaction.scoring import Labelled, Stretch

if TYPE_CHECKING:
    from faker import Faker

# How the templates call what is measured.
ENTITIES = {
    "email": "EMAIL_ADDRESS",
    "iban": "IBAN_CODE",
    "ssn": "US_SSN",
    "ip_address": "IP_ADDRESS",
    "credit_card_number": "CREDIT_CARD",
    "phone_number": "PHONE_NUMBER",
}
_TEMPLATES = "presidio_evaluator/data_generator/raw_data/templates.txt"
_FIELD = re.compile(r"\{\{([a-z_]+)\}\}")
_IBAN_LOCALES = ("en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_PT", "tr_TR")
# What Faker does not call as the templates do.
_SAME_AS = {
    "person": "name",
    "organization": "company",
    "nationality": "country",
    "nation_woman": "country",
    "nation_plural": "country",
    "date_of_birth": "date",
    "date_time": "iso8601",
}

Fill = Callable[[], str]


def templates() -> Sequence[str]:
    """The templates as presidio-evaluator has them; what stands in double braces is to be filled in."""
    path = distribution("presidio-evaluator").locate_file(_TEMPLATES)
    lines = Path(str(path)).read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip().replace("\\n", "\n") for line in lines if line.strip()]


def texts(*, count: int, seed: int) -> Iterator[Labelled]:
    """Half of the texts by lot from all templates, half from those with personal data, each kind as often as the others."""
    random = Random(seed)
    fills = _fills(random, seed)
    every = templates()
    with_kind = {kind: [one for one in every if f"{{{{{kind}}}}}" in one] for kind in ENTITIES}
    for number in range(count):
        chosen = every if number % 2 else with_kind[random.choice(list(ENTITIES))]
        yield filled(random.choice(chosen), fills)


def filled(template: str, fills: Mapping[str, Fill]) -> Labelled:
    """The template with values in the place of its fields, and where those stand that are personal data."""
    parts: list[str] = []
    stretches: list[Stretch] = []
    position = length = 0
    for field in _FIELD.finditer(template):
        before, value = template[position : field.start()], fills[field[1]]()
        parts += [before, value]
        start = length + len(before)
        length = start + len(value)
        if field[1] in ENTITIES:
            stretches.append(Stretch(start, length, ENTITIES[field[1]]))
        position = field.end()
    return Labelled("".join([*parts, template[position:]]), stretches)


def _fills(random: Random, seed: int) -> Mapping[str, Fill]:
    from faker import Faker  # noqa: PLC0415 - of the group eval; everything else here works without it

    faker = Faker("en_US")
    faker.seed_instance(seed)
    ibans = [Faker(locale) for locale in _IBAN_LOCALES]
    for number, one in enumerate(ibans):
        one.seed_instance(seed + number)
    mails: Sequence[Fill] = (faker.email, faker.company_email, faker.free_email, faker.ascii_email)
    # As presidio-evaluator's own provider: one address in five is of version 6.
    fills: dict[str, Fill] = {
        "email": lambda: _one_of(random, mails),
        "iban": lambda: _iban(random, random.choice(ibans)),
        "ssn": faker.ssn,
        "ip_address": lambda: faker.ipv4() if random.random() < 0.8 else faker.ipv6(),
        "credit_card_number": lambda: card(random),
        "phone_number": lambda: phone(random),
        "us_driver_license": lambda: faker.bothify("?#######").upper(),
        "age": lambda: str(random.randint(1, 99)),
    }
    for name in {field for template in templates() for field in _FIELD.findall(template)} - fills.keys():
        fills[name] = getattr(faker, _SAME_AS.get(name, name))
    return fills


def _one_of(random: Random, fills: Sequence[Fill]) -> str:
    return random.choice(fills)()


def _iban(random: Random, faker: Faker) -> str:
    """In one piece as machines write it, or in groups of four as people do."""
    iban: str = faker.iban()
    return " ".join(re.findall(".{1,4}", iban)) if random.random() < 0.5 else iban
