"""Spans of model calls with about 30 KB of conversation each: message arrays as JSON, with tool calls as JSON inside of it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from benchmarks.redaction.card import card
from benchmarks.redaction.noise import SHAPES
from benchmarks.redaction.phone import phone
from tracedata import Resource, Scope, Span

_WORDS = (
    "the of and to a in that is was for it with as on be at by this had not are but from or have an they which one you were all "
    "her she there would their we him been has when who will no more if out so what up said about than into them can only other "
    "time new some could these two may first then do any like my now over such our man me even most made after also did many "
    "customer order invoice delivery refund account policy document contract meeting schedule summary question answer please check"
).split()
_TURNS = 15
_WORDS_PER_TURN = 360
# How many values of personal data there are in a conversation: in every other turn one.
_PERSONAL_EVERY = 2
_RESOURCE = Resource(attributes={"service.name": "assistant", "service.version": "1.25.0", "host.name": "node-7"})
_SCOPE = Scope(name="openinference.instrumentation.openai", version="0.1.30")


def prose(random: Random, words: int) -> str:
    """Sentences of common words; nobody's."""
    sentences = []
    while words > 0:
        length = random.randint(6, 18)
        sentences.append(" ".join(random.choices(_WORDS, k=length)).capitalize() + ".")
        words -= length
    return " ".join(sentences)


def llm_span(random: Random) -> Span:
    """A conversation of fifteen turns, with personal data in half of them."""
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": _turn(random, 1)}], "finish_reason": "stop"}]
    return Span(
        trace_id=random.randbytes(16),
        span_id=random.randbytes(8),
        resource=_RESOURCE,
        scope=_SCOPE,
        name="chat gpt-4o",
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-2024-08-06",
            "gen_ai.response.id": SHAPES["completion id"](random),
            "gen_ai.usage.input_tokens": random.randrange(9000),
            "gen_ai.usage.output_tokens": random.randrange(900),
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": prose(random, 200)}]),
            "gen_ai.input.messages": json.dumps([_message(random, number) for number in range(_TURNS)]),
            "gen_ai.output.messages": json.dumps(answer),
            "server.address": "10.1.2.3",
            "session.id": SHAPES["UUID"](random),
        },
    )


def _message(random: Random, number: int) -> dict[str, Any]:  # Any: what JSON can say
    if number % 5 == 3:
        call = {"id": f"call_{SHAPES['short SHA'](random)}", "type": "tool_call", "name": "lookup"}
        return {"role": "assistant", "parts": [call | {"arguments": json.dumps(_result(random, 3))}]}
    if number % 5 == 4:
        return {"role": "tool", "parts": [{"type": "tool_call_response", "result": json.dumps(_result(random, 10))}]}
    return {"role": "user", "parts": [{"type": "text", "content": _turn(random, number)}]}


def _turn(random: Random, number: int) -> str:
    text = prose(random, _WORDS_PER_TURN)
    if number % _PERSONAL_EVERY == 0:
        return text
    values = (f"{random.choice(_WORDS)}.{random.choice(_WORDS)}@example.com", card(random), phone(random))
    return f"{text} My {random.choice(('mail', 'card', 'number'))} is {random.choice(values)}. {prose(random, 20)}"


def _result(random: Random, rows: int) -> list[dict[str, str]]:
    names = ("UUID", "timestamp", "float", "version", "path")
    return [{name: SHAPES[name](random) for name in names} for _ in range(rows)]
