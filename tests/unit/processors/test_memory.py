"""Nothing that is learned of what senders choose is learned of texts of any size: that would be gigabytes."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from processors.ai.detection import convention_of_scope, plan_for, scope_of_event
from processors.ai.model_name import family_of, provider_of, provider_of_host, provider_of_model
from processors.ai.relevance import is_relevant
from processors.decisions.relevance import relevant_of
from processors.plain_key import PlainKeys
from processors.redact import Redact
from redaction.key_verdict import KeyRules
from redaction.policy import default_policy
from redaction.redactor import Redactor
from tests.support.factory import batch, span
from tracedata import Scope
from tracedata.memory import MAX_REMEMBERED_CHARS, remembered

_PLAIN_KEYS = PlainKeys(lambda _: False)
_REDACT = Redact(Redactor(default_policy()))
LEARNERS: dict[str, Callable[[str], object]] = {
    "provider": provider_of,
    "provider of a host": provider_of_host,
    "provider of a model": provider_of_model,
    "family": family_of,
    "convention of a scope": convention_of_scope,
    "scope of an event": scope_of_event,
    "plan of a scope": lambda text: plan_for(text, {}),
    "keys without a meaning": lambda text: _PLAIN_KEYS.lack_marker({text: 1}),
    "AI by a scope": lambda text: is_relevant(span(scope=Scope(name=text))),
    "decisions by a scope": lambda text: relevant_of([span(scope=Scope(name=text))]),
    "verdict on a key": KeyRules(default_policy()).verdict,
    "keys without secrets": lambda text: _REDACT.process(batch(span(attributes={text: 1}))),
}


@pytest.mark.parametrize("learn", LEARNERS.values(), ids=LEARNERS.keys())
def test_a_long_text_is_held_by_nobody_afterwards(learn: Callable[[str], object]) -> None:
    text = "x" * (MAX_REMEMBERED_CHARS + 1)
    before = sys.getrefcount(text)
    learn(text)
    assert sys.getrefcount(text) == before


def test_short_texts_are_asked_of_once() -> None:
    asked: list[str] = []

    @remembered(2)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    assert [length("ab"), length("ab"), length("x" * 300), length("x" * 300)] == [2, 2, 300, 300]
    assert asked == ["ab", "x" * 300, "x" * 300]
