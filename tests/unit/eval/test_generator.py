from __future__ import annotations

import ast
import importlib.util
import json
from itertools import islice
from random import Random

import phonenumbers
import pytest

from benchmarks.redaction import behaviour, case, corpus, evasion, hostile, noise, secret, source, span
from benchmarks.redaction.card import SCHEMES, SEPARATORS, card, check_digit, number, spelled
from benchmarks.redaction.phone import REGIONS, phone
from redaction.number import has_luhn
from tests.support.repository import ROOT

_HAS_GROUP = all(importlib.util.find_spec(name) for name in ("faker", "presidio_evaluator"))


def test_check_digits_are_those_of_the_standard() -> None:
    # The example of ISO/IEC 7812-1, annex B.
    assert check_digit("7992739871") == "3"
    assert number(Random(1), "2221", 16)[:4] == "2221"


def test_cards_have_a_scheme_a_length_and_a_check_digit() -> None:
    random = Random(1)
    for _ in range(500):
        digits = "".join(filter(str.isdigit, card(random)))
        assert has_luhn(digits)
        assert any(
            len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high
            for low, high, lengths in SCHEMES.values()
        )


@pytest.mark.parametrize("separator", SEPARATORS)
def test_cards_are_spelled_in_groups(separator: str) -> None:
    assert spelled("4111111111111111", separator) == separator.join(("4111", "1111", "1111", "1111"))
    assert spelled("378282246310005", separator) == separator.join(("3782", "822463", "10005"))


def test_phones_are_valid_in_one_of_the_regions() -> None:
    random = Random(1)
    for _ in range(50):
        text = phone(random)
        assert any(phonenumbers.is_valid_number(phonenumbers.parse(text, region)) for region in REGIONS)


def test_labels_stand_where_their_values_are() -> None:
    labelled = corpus.filled(
        "mail {{email}}, {{name}}: {{ssn}}", dict.fromkeys(("email", "name", "ssn"), lambda: "xyz")
    )
    assert labelled.text == "mail xyz, xyz: xyz"
    assert [(one.start, one.end, one.entity) for one in labelled.stretches] == [
        (5, 8, "EMAIL_ADDRESS"),
        (15, 18, "US_SSN"),
    ]


@pytest.mark.skipif(not _HAS_GROUP, reason="needs the dependency group eval")
def test_templates_are_filled_the_same_way_every_time() -> None:
    first, second = (list(corpus.texts(count=100, seed=3)) for _ in range(2))
    assert first == second
    assert {one.entity for labelled in first for one in labelled.stretches} == set(corpus.ENTITIES.values())
    assert "{{" not in "".join(labelled.text for labelled in first)


@pytest.mark.parametrize("shape", noise.SHAPES)
def test_every_shape_is_made_from_the_seed_alone(shape: str) -> None:
    make = noise.SHAPES[shape]
    assert make(Random(5)) == make(Random(5)) != ""


def test_noise_has_as_many_tokens_as_were_asked_for() -> None:
    texts = list(noise.texts(tokens=200, seed=1))
    assert sum(len(one.tokens) for one in texts) == 200
    assert all(token in one.text for one in texts for token in one.tokens)
    assert len(list(noise.fields(tokens=30, seed=1))) == 30


def test_there_are_sixteen_evasions_and_none_is_caught_by_doing_nothing() -> None:
    chosen = evasion.evasions()
    assert len({one.name for one in chosen}) == 16
    assert [one.name for one in chosen if evasion.is_caught(one, one.text)] == []


def test_there_are_fourteen_kinds_of_secrets_each_labelled() -> None:
    assert len(secret.KINDS) == 14
    for kind in secret.KINDS:
        (labelled,) = secret.secrets(kind, count=1, seed=1)
        (stretch,) = labelled.stretches
        assert len(labelled.text[stretch.start : stretch.end]) > 8


def test_every_other_source_is_a_diff() -> None:
    plain, diff = islice(source.texts(), 2)
    assert not plain.startswith("---")
    assert diff.startswith("--- /dev/null\n+++ b/")


def test_hostile_texts_are_as_long_as_they_should_be() -> None:
    assert {len(text) for name, text in hostile.hostile_texts(1000).items() if name in {"cards", "colons"}} == {1000}


def test_spans_have_about_thirty_thousand_characters_of_valid_json() -> None:
    made = span.llm_span(Random(1))
    messages = str(made.attributes["gen_ai.input.messages"])
    assert 25_000 < len(messages) < 40_000
    assert len(json.loads(messages)) == 15


def test_cases_repeat_and_forms_are_compared() -> None:
    assert list(case.cases(count=20, seed=1)) == list(case.cases(count=20, seed=1))
    assert case.keeps_form('{"a": [1, 2]}', '{"<US_SSN>": ["x", 2]}')
    assert not case.keeps_form('{"a": [1, 2]}', '{"a": [1]}')
    assert not case.keeps_form('{"a": 1}', "<REDACTION_ERROR>x")
    assert case.keeps_form("{no JSON", "anything")


def test_tests_that_prove_something_exist() -> None:
    for measurement in behaviour.proofs():
        path = ROOT / measurement.result.removeprefix("proven by ")
        module = ast.parse(path.read_text())
        assert any(getattr(node, "name", "").startswith("test_") for node in module.body)
