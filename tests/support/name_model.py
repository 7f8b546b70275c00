"""A small model of names and places, trained on sentences made here. It knows its own names well, and no others."""

from __future__ import annotations

import random
import re
from pathlib import Path

import spacy
from spacy.training import Example
from thinc.api import fix_random_seed

PEOPLE = ("Alice Smith", "Bob Jones", "Carol White", "David Brown", "Emma Taylor", "Frank Miller")
PLACES = ("Berlin", "Paris", "London", "Madrid", "Oslo", "Vienna")
_SEED = 7
_SENTENCES = 400
_ROUNDS = 6
_GROUP = 32
_TEMPLATES = (
    "My name is {PERSON} and I live in {GPE}.",
    "I am {PERSON}.",
    "Please write to {PERSON} in {GPE}, at <EMAIL_ADDRESS>.",
    "{PERSON} flew to {GPE} yesterday.",
    "What is the weather in {GPE}?",
    "{PERSON}",
    "{GPE}",
    "Hello, how can I help you today?",
    "Summarise the quarterly report, please.",
    "You are a helpful assistant. Call a tool.",
    "get_weather",
    "<EMAIL_ADDRESS>, card <CREDIT_CARD>",
    "It is sunny, and 21 degrees.",
)
_SLOT = re.compile(r"\{(PERSON|GPE)\}")


def train_name_model(folder: Path) -> Path:
    """Trains the model, which takes some seconds, and returns the folder with it."""
    fix_random_seed(_SEED)
    chance = random.Random(_SEED)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("ner")
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": ends}) for text, ends in _sentences(chance)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(_ROUNDS):
        chance.shuffle(examples)
        for start in range(0, len(examples), _GROUP):
            nlp.update(examples[start : start + _GROUP], sgd=optimizer)
    nlp.to_disk(folder)
    return folder


def _sentences(chance: random.Random) -> list[tuple[str, list[tuple[int, int, str]]]]:
    made: list[tuple[str, list[tuple[int, int, str]]]] = []
    for number in range(_SENTENCES):
        text, found = "", []
        # ``split`` with a group gives what is between slots, and the slots' labels in between.
        for place, part in enumerate(_SLOT.split(_TEMPLATES[number % len(_TEMPLATES)])):
            word = part if place % 2 == 0 else chance.choice(PEOPLE if part == "PERSON" else PLACES)
            if place % 2:
                found.append((len(text), len(text) + len(word), part))
            text += word
        made.append((text, found))
    return made
