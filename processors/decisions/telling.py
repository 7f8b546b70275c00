"""What one span, event or log record tells of decisions, read as a table says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from processors.ai.decoding import as_number, as_text, as_truth, decoded, is_array, is_map, printed
from processors.ai.detection import path_of
from processors.ai.reader import Reader
from processors.decisions.adapter.decision_trace import FINAL_PREFIX
from processors.decisions.adapter.table import AS_IT_CAME, Adapter, Choice, Keys
from processors.decisions.subject import NO_CONTENT, Subject
from processors.decisions.value import digest, identifier, plain, read, whole_number
from tracedata import Attributes, Value
from tracedata.decision import Decision, DecisionType
from tracedata.interaction import MAX_TEXT_CHARS

_NS = {"ms": 1_000_000, "s": 1_000_000_000}
_MAX_EVALUATION_NS = 1e18
_TYPES: Mapping[str, DecisionType] = {
    "rule_evaluation": "rule_evaluation",
    "model_selection": "model_selection",
    "cache_decision": "cache_decision",
    "budget_check": "budget_check",
    "other": "other",
}
# What an output says by itself, when nobody says it in a word.
_VERDICTS = (("allow", "allow", "deny"), ("hit", "hit", "miss"))
_BUDGET = {"allow": "within", "deny": "exceeded"}


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as one carrier tells it. ``is_echo``: it repeats what another carrier of the trace may tell better.

    ``is_span``: it is a span, and nothing else; ``duration_ns`` is how long that lasted, if it lasts as long as the decision.
    """

    decision: Decision
    subject: Subject
    is_echo: bool = False
    is_span: bool = False
    duration_ns: int | None = None


def tellings_of(subject: Subject, adapter: Adapter) -> Iterator[Telling]:
    """What the subject tells, as the table reads it: one decision, or one for each item of a list."""
    if not adapter.each:
        telling = _told(subject, adapter, subject.attributes)
        is_named = bool(_first_id(Reader(subject.attributes), adapter.id))
        if subject.carrier == "span" or is_named or _says_anything(telling.decision):
            yield telling
        return
    key, steps = path_of(adapter.each)
    items = Reader(subject.attributes).found((key, steps))
    for number, item in enumerate(items if is_array(items) else () if items is None else (items,)):
        yield _told(subject, adapter, {**subject.attributes, "@item": plain(item)}, number=number)


def _told(subject: Subject, adapter: Adapter, attributes: Attributes, number: int = 0) -> Telling:
    reader = Reader(attributes)
    type_, reported = _type(adapter, reader)
    component = identifier(_first(reader, adapter.components)) or adapter.component
    output = _value(reader, adapter.output, adapter.output_parts)
    outcome = _choice(adapter.outcomes, reader) or adapter.outcome or _verdict(type_, output)
    decision = Decision(
        id=_first_id(reader, adapter.id),
        trace_id=subject.trace_id,
        span_id=subject.span_id,
        time_unix_nano=subject.time_unix_nano,
        type=type_,
        reported_type=reported,
        component=component,
        service_name=subject.service_name,
        input=_value(reader, adapter.input, adapter.input_parts),
        output=output,
        reasoning=_reasoning(reader, adapter.reasons),
        rule_id=_first_id(reader, adapter.rule_id),
        rule_name=_first_id(reader, adapter.rule_name),
        rule_version=_first_id(reader, adapter.rule_version),
        outcome=identifier(outcome),
        is_enforced=_enforced(reader, adapter),
        candidates=_candidates(reader, adapter.candidates),
        sequence=whole_number(_number(reader, adapter.sequence)),
        parent_id=_first_id(reader, adapter.parent_id),
        evaluation_ns=_evaluation_ns(reader, adapter),
        attributes=_kept(subject, adapter),
        carriers=(subject.carrier,),
        convention=adapter.name,
    )
    if not decision.id:
        decision = msgspec.structs.replace(decision, id=_made_id(decision, subject, [adapter.component, number]))
    is_span = subject.carrier == "span"
    return Telling(
        decision=decision,
        subject=subject,
        is_echo=adapter.is_echo,
        is_span=is_span and not adapter.is_aside,
        duration_ns=subject.duration_ns if is_span and adapter.is_timed else None,
    )


def _made_id(decision: Decision, subject: Subject, among: Sequence[object]) -> str:
    """An id of where a decision stands; what it says belongs to it where several may stand in the same place."""
    place = [decision.convention, decision.type, decision.trace_id.hex(), decision.span_id.hex(), *among]
    if subject.carrier == "span":
        return digest(place)
    said = [getattr(decision, name) for name in _SAID]
    return digest([*place, decision.time_unix_nano, said])


# Not among them: the carrier, so that the same decision in two carriers has one id.
_SAID = (
    "reported_type",
    "component",
    "input",
    "output",
    "reasoning",
    "rule_id",
    "rule_name",
    "outcome",
    "is_enforced",
    "sequence",
    "parent_id",
)


def _says_anything(decision: Decision) -> bool:
    return decision.type != "other" or any(getattr(decision, name) not in ("", None) for name in _SAID)


def _type(adapter: Adapter, reader: Reader) -> tuple[DecisionType, str]:
    """The type, and what was reported when it is none of ours."""
    told = _choice(adapter.types, reader)
    if not told:
        return adapter.type, ""
    known = _TYPES.get(told.casefold().replace("-", "_").replace(" ", "_"))
    return (known, "") if known is not None else ("other", identifier(told))


def _first(reader: Reader, keys: Keys) -> object:
    """What stands first at one of the keys, and is something."""
    for key in keys:
        value = reader.value(path_of(key))
        if value is not None and value not in ("", [], {}):
            return value
    return None


def _first_id(reader: Reader, keys: Keys) -> str:
    return next((text for key in keys if (text := identifier(reader.value(path_of(key))))), "")


def _number(reader: Reader, keys: Keys) -> float | None:
    return next((one for key in keys if (one := as_number(reader.value(path_of(key)))) is not None), None)


def _value(reader: Reader, keys: Keys, parts: Mapping[str, Keys]) -> Value:
    whole = read(_first(reader, keys))
    whole = None if whole == "" else whole
    if whole is not None or not parts:
        return whole
    said = {name: _part(reader, names) for name, names in parts.items()}
    return {name: value for name, value in said.items() if value is not None} or None


def _part(reader: Reader, keys: Keys) -> Value:
    value = _first(reader, keys)
    # A part that is a text stays one: only what is put in brackets was a value.
    return plain(decoded(value) if isinstance(value, str) and value[:1] in {"{", "["} else value)


def _reasoning(reader: Reader, reasons: tuple[Keys, ...]) -> str:
    found = [printed(value) for keys in reasons if (value := _first(reader, keys)) is not None]
    return "; ".join(found)[:MAX_TEXT_CHARS]


def _choice(choices: Sequence[Choice], reader: Reader) -> str:
    for choice in choices:
        value = reader.value(path_of(choice.key))
        text = str(value).lower() if isinstance(value, bool) else as_text(value).strip()
        if text and (meaning := _meaning(choice.values, text)):
            return text if meaning == AS_IT_CAME else meaning
    return ""


def _meaning(values: Mapping[str, str], text: str) -> str:
    folded = text.casefold()
    if folded in values:
        return values[folded]
    return next((one for like, one in values.items() if like.endswith("*") and folded.startswith(like[:-1])), "")


def _verdict(type_: DecisionType, output: Value) -> str:
    """The outcome in a word, from what was decided: only where it says so plainly."""
    if not is_map(output):
        return ""
    for key, yes, no in _VERDICTS:
        if isinstance(output.get(key), bool):
            verdict = yes if output[key] else no
            return _BUDGET.get(verdict, verdict) if type_ == "budget_check" else verdict
    return "selected" if type_ == "model_selection" and (output.get("model") or output.get("selected")) else ""


def _enforced(reader: Reader, adapter: Adapter) -> bool | None:
    for key in adapter.enforced:
        truth = as_truth(reader.value(path_of(key)))
        if truth is not None:
            return truth
    if adapter.shadow and all(_choice((choice,), reader) for choice in adapter.shadow):
        return False
    return as_truth(_choice(adapter.enforced_by, reader))


def _candidates(reader: Reader, keys: Keys) -> tuple[str, ...]:
    value = decoded(_first(reader, keys))
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",")]
    if is_map(value):
        value = list(value)
    if not is_array(value):
        return ()
    return tuple(text for one in value if (text := identifier(one if not is_map(one) else one.get("model"))))


def _evaluation_ns(reader: Reader, adapter: Adapter) -> int | None:
    for duration in adapter.durations:
        value = as_number(reader.value(path_of(duration.key)))
        if value is not None and 0 <= value * _NS[duration.unit] <= _MAX_EVALUATION_NS:
            return round(value * _NS[duration.unit])
    return None


def _kept(subject: Subject, adapter: Adapter) -> dict[str, Value]:
    """What no field of the decision says."""
    used = _used_keys(adapter)
    is_alone = subject.carrier != "span"
    return {
        key: plain(value)
        for key, value in sorted(subject.own.items())
        if key not in used
        and not key.startswith(FINAL_PREFIX)
        and (key.startswith(adapter.kept) or (is_alone and key not in NO_CONTENT))
    }


_used: dict[str, frozenset[str]] = {}


def _used_keys(adapter: Adapter) -> frozenset[str]:
    """The attributes that fields are read from."""
    known = _used.get(adapter.title)
    if known is None:
        lists = (
            *(adapter.components, adapter.id, adapter.input, adapter.output, adapter.candidates, adapter.enforced),
            *(adapter.rule_id, adapter.rule_name, adapter.rule_version, adapter.sequence, adapter.parent_id),
            *(*adapter.input_parts.values(), *adapter.output_parts.values(), *adapter.reasons),
            tuple(choice.key for choice in (*adapter.types, *adapter.outcomes)),
            tuple(duration.key for duration in adapter.durations),
        )
        known = _used[adapter.title] = frozenset(path_of(key)[0] for keys in lists for key in keys)
    return known
