"""Events that tell of a span: those of the span itself, log records, and lists of them in an attribute. All become attributes.

Before 1.37, OpenTelemetry's messages were events; content came as events of their own before 1.28 and again since 1.37.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from processors.ai.convention import CONVENTIONS
from processors.ai.convention.table import Event as Meaning
from processors.ai.decoding import as_text, decoded, is_array
from processors.ai.message import Entry, entries
from tracedata import Attributes, Event

MEANINGS: Mapping[str, Meaning] = {
    name: meaning for convention in CONVENTIONS for name, meaning in convention.events.items()
}
"""What events mean, by name."""

INPUT_KEY, OUTPUT_KEY = "gen_ai.input.messages", "gen_ai.output.messages"
_CONTENT_KEY = "gen_ai.event.content"
_META_KEYS = frozenset({"event.name", "event.domain", "gen_ai.message.index", "gen_ai.system", "gen_ai.provider.name"})


def overlaid(attributes: Attributes, events: Sequence[Event]) -> Attributes:
    """The attributes of a span with what its events say of its content; its own count first."""
    told = [event for event in events if event.name in MEANINGS]
    if not told:
        return attributes
    return _joined(attributes, ((event.name, None, event.attributes) for event in told))


def _joined(attributes: Attributes, told: Iterable[tuple[str, object, Attributes]]) -> Attributes:
    joined: dict[str, object] = {}
    asked: list[object] = []
    answered: list[object] = []
    for name, body, said in told:
        meaning = MEANINGS[name]
        if meaning.kind == "overlay":
            joined.update(said)
        elif meaning.kind in {"message", "choice"}:
            (answered if meaning.kind == "choice" else asked).append(_message(meaning, body, said))
            joined.update({key: said[key] for key in ("gen_ai.system", "gen_ai.provider.name") if key in said})
    if asked:
        joined.setdefault(INPUT_KEY, asked)
    if answered:
        joined.setdefault(OUTPUT_KEY, answered)
    joined.update(attributes)
    # All of it was an attribute, a body, or JSON in one of them: those are values.
    return cast("Attributes", joined)


def attributes_of(told: Iterable[tuple[str, object, Attributes]]) -> Attributes:
    """What events (name, body, attributes) say of their span, as attributes of it."""
    return _joined({}, told)


def _message(meaning: Meaning, body: object, said: Attributes) -> dict[str, object]:
    """A message of an event: its body, or what stands in its attributes."""
    opened = decoded(body if body is not None else said.get(_CONTENT_KEY))
    if not isinstance(opened, Mapping):
        rest: dict[str, object] = {
            key: value for key, value in said.items() if key not in _META_KEYS and key != _CONTENT_KEY
        }
        opened = {**rest, "content": opened} if opened is not None else rest
    message: dict[str, object] = {"role": meaning.role}
    message.update({str(key): value for key, value in opened.items()})
    # A content that is JSON may be what a tool said; whoever makes parts of it knows better.
    inner = decoded(message.pop("message", None))
    if isinstance(inner, Mapping):
        message.update(inner)
    elif inner is not None:
        message["content"] = inner
    role = message.get("role")
    message["role"] = role if isinstance(role, str) and role else meaning.role
    return message


def entries_of_events(value: object, *, is_output: bool) -> list[Entry]:
    """The messages that went in, or those that came out, of a list of events; what has no name is a message that went in."""
    if not is_array(value):
        return []
    wanted = "choice" if is_output else "message"
    found: list[Entry] = []
    for event in value:
        if isinstance(event, Mapping):
            meaning = MEANINGS.get(as_text(event.get("event.name")), _UNNAMED)
            if meaning.kind == wanted:
                rest = {key: one for key, one in event.items() if key not in _META_KEYS}
                found.extend(entries([_message(meaning, rest, {})], meaning.role))
    return found


_UNNAMED = Meaning("message", "user")
