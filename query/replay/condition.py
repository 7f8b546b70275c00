"""Conditions in CEL over a decision: the one place that knows the library.

A condition ends: it has no loops but those over its own lists, and the library stops it after a bounded number of steps; it can reach
nothing but the names it is given. Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cel_expr_python import cel

from tracedata import CallerError, Decision, Value

MAX_CHARS = 10_000
# Names that comprehensions bind, and what is added to them, multiply: ten in a row make terabytes of a word. Each addition stands twice
# in what the library makes of a text, ``map`` adds too, and the result of a comprehension stands there five to seven times.
_MAX_ADDITIONS = 8
_MAX_COMPREHENSIONS = 5
_ADDITION, _ADDITION_TIMES = b"_+_", 2
_COMPREHENSION, _COMPREHENSION_TIMES = b"@result", 7
_MAX_DEPTH = 100
_MAX_REASON_CHARS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The last moment that the library's timestamps hold.
_MAX_US = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_STATUS = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]\s*$")
_NO_FIELD = re.compile(r'^Key not found in map : "?([^"]*)"?$')
# What the library says, and what we say instead: shorter, and without values.
_REASONS = (
    ("Applying SELECT to non-message type", "a field is asked for of a value that has none"),
    ("Iteration budget exceeded", "it takes too many steps"),
    ("Integer value", "an integer is beyond 64 bits"),
    ("Non-CEL value type", "a value is of a kind that CEL does not know"),
    ("No value with name", "a name has no value"),
    ("No matching overloads found : ", "nothing is defined for these types: "),
)


class ConditionError(CallerError):
    """A condition is none. ``line`` and ``column`` count from 1, in the text of the condition."""

    def __init__(self, reason: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {reason}" if line > 1 else f"column {column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


class ConditionFailure(Exception):  # noqa: N818 - a result that callers report, not an error of anybody
    """A condition that could not be evaluated over a decision. Its text is the reason."""


# ``Any`` here and below: the library has no types that a checker can read.
class Facts(NamedTuple):
    """What conditions are evaluated over; made once for all conditions of a language."""

    activation: Any


class Condition:
    """A condition that was compiled, and its text."""

    __slots__ = ("_evaluate", "text")

    def __init__(self, text: str, program: Any) -> None:  # noqa: ANN401 - as above
        self.text = text
        self._evaluate = program.eval

    def holds(self, facts: Facts) -> bool:
        """Whether it is true.

        Raises:
            ConditionFailure: it cannot be said: a field is missing, or of another type, or the result is neither true nor false.
        """
        try:
            found = self._evaluate(activation=facts.activation)
        except RuntimeError as exc:
            raise ConditionFailure(_reason(str(exc))) from exc
        value = found.value()
        if value is True or value is False:
            return bool(value)
        if found.type() == cel.Type.ERROR:
            raise ConditionFailure(_reason(str(value)))
        raise ConditionFailure(f"it gives {found.type().name().lower()}, not true or false")


class Language:
    """CEL with ``input``, maybe ``output``, and some fields of the decision, each with its type, so that a misspelt one is found."""

    def __init__(self, *, fields: Mapping[str, Any], has_output: bool) -> None:
        self._fields = tuple(fields)
        self._has_output = has_output
        self._environment = cel.NewEnv(
            variables={
                "input": cel.Type.DYN,
                **({"output": cel.Type.DYN} if has_output else {}),
                **{f"decision.{name}": type_ for name, type_ in fields.items()},
            }
        )

    def compile(self, text: str) -> Condition:
        """The condition.

        Raises:
            ConditionError: it is none; says where and why.
        """
        if len(text) > MAX_CHARS:
            raise ConditionError(f"a condition has at most {MAX_CHARS:,} characters")
        try:
            text.encode()
            program = self._environment.compile(text)
        except UnicodeEncodeError as exc:
            raise ConditionError("it is not text in UTF-8") from exc
        except RuntimeError as exc:
            raise _error(str(exc)) from exc
        type_ = program.return_type().name()
        if type_ not in ("BOOL", "DYN"):
            raise ConditionError(f"it must be true or false, and is {type_.lower()}")
        _check_growth(program.serialize())
        return Condition(text, program)

    def facts(self, decision: Decision) -> Facts:
        """What the conditions of this language see of a decision.

        Raises:
            ConditionFailure: the input or output is nested too deeply.
        """
        values = {f"decision.{name}": _READERS[name](decision) for name in self._fields}
        values["input"] = _plain(decision.input)
        if self._has_output:
            values["output"] = _plain(decision.output)
        return Facts(self._environment.Activation(values))


@cache
def rule_language() -> Language:
    """The language of rules: they see what was known before the decision."""
    return Language(fields={name: _type(name) for name in _FACTS}, has_output=False)


@cache
def selection_language() -> Language:
    """The language of selections: they see what was decided too."""
    return Language(fields={name: _type(name) for name in (*_FACTS, *_RESULTS)}, has_output=True)


def _check_growth(compiled: bytes) -> None:
    """Steps are bounded by the library, and memory by this."""
    if compiled.count(_ADDITION) > _MAX_ADDITIONS * _ADDITION_TIMES:
        raise ConditionError(
            f"a condition has at most {_MAX_ADDITIONS} additions, those in map() and filter() among them"
        )
    if compiled.count(_COMPREHENSION) > _MAX_COMPREHENSIONS * _COMPREHENSION_TIMES:
        raise ConditionError(f"a condition has at most {_MAX_COMPREHENSIONS} of all(), exists(), map() and filter()")


def _time(decision: Decision) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(decision.time_unix_nano // 1_000, 0), _MAX_US))


_FACTS = ("type", "component", "service", "request_id", "user_id", "session_id", "organization_id", "time")
_RESULTS = ("id", "trace_id", "outcome", "rule_id", "rule_name", "rule_version", "enforced", "final_status")
_READERS: Mapping[str, Any] = {
    "type": lambda one: one.type,
    "component": lambda one: one.component,
    "service": lambda one: one.service_name,
    "request_id": lambda one: one.request_id,
    "user_id": lambda one: one.user_id,
    "session_id": lambda one: one.session_id,
    "organization_id": lambda one: one.organization_id,
    "time": _time,
    "id": lambda one: one.id,
    "trace_id": lambda one: one.trace_id.hex(),
    "outcome": lambda one: one.outcome,
    "rule_id": lambda one: one.rule_id,
    "rule_name": lambda one: one.rule_name,
    "rule_version": lambda one: one.rule_version,
    "enforced": lambda one: one.is_enforced is not False,
    "final_status": lambda one: one.final.status,
}


def _type(name: str) -> Any:  # noqa: ANN401 - as above
    return {"time": cel.Type.TIMESTAMP, "enforced": cel.Type.BOOL}.get(name, cel.Type.STRING)


_NATIVE = frozenset((str, int, bool, float, bytes, type(None)))


def _plain(value: Value, depth: int = 0) -> Any:  # noqa: ANN401 - what the library takes
    """The value in lists and dicts."""
    if type(value) in _NATIVE:
        return value
    if depth == _MAX_DEPTH:
        raise ConditionFailure("the decision's input or output is nested too deeply")
    if isinstance(value, Mapping):
        return {key: item if type(item) in _NATIVE else _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item, depth + 1) for item in value]
    return value


def _error(text: str) -> ConditionError:
    """The first error that the library tells of."""
    found = _PLACE.search(text)
    if found is None:
        return ConditionError(_cut(_STATUS.sub("", text.split("\n", 1)[0])))
    # What would have been possible is the whole grammar.
    reason = found[3].split(" expecting ", 1)[0].removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "")
    return ConditionError(
        _cut(reason[:1].lower() + reason[1:]), line=max(int(found[1]), 1), column=max(int(found[2]), 1)
    )


def _reason(text: str) -> str:
    text = _STATUS.sub("", _STATUS.sub("", text))
    missing = _NO_FIELD.match(text)
    if missing is not None:
        return _cut(f'there is no field "{missing[1]}"')
    for theirs, ours in _REASONS:
        if text.startswith(theirs):
            return _cut(ours + text.removeprefix(theirs) if ours.endswith(": ") else ours)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_REASON_CHARS else f"{text[: _MAX_REASON_CHARS - 1]}…"
