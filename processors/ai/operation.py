"""What a span is: a call of a model, an agent, a tool, ... by what its convention calls it."""

from __future__ import annotations

from collections.abc import Sequence

from processors.ai.convention.table import Choice, Convention
from processors.ai.decoding import as_text
from processors.ai.detection import Plan, is_like
from processors.ai.reader import Reader
from tracedata.interaction import OperationName

_MAX_CHARS = 200
_known: dict[tuple[int, str], OperationName | None] = {}
_MAX_KNOWN = 4_096


def operation_of(plan: Plan, reader: Reader, name: str) -> OperationName | None:
    """What the span is; None when it is nothing of ours."""
    operation = chosen(plan.operations, reader) if plan.operations else None
    if operation is not None:
        return operation
    if plan.convention.names:
        operation = _by_name(plan.convention, name[:_MAX_CHARS])
        if operation is not None:
            return operation
    return _guessed(plan, reader)


def chosen(choices: Sequence[Choice], reader: Reader) -> OperationName | None:
    """The operation that the first of the choices with a known value names."""
    for choice in choices:
        value = as_text(reader.attributes.get(choice.key))
        if value:
            key = (id(choice), value)
            operation = _known.get(key, _MISSING)
            if operation is _MISSING:
                operation = _remembered(key, _matched(choice, value))
            if operation is not None:
                return operation  # type: ignore[return-value]  # mypy does not narrow by the sentinel
    return None


_MISSING = object()


def _remembered(key: tuple[int, str], operation: OperationName | None) -> OperationName | None:
    if len(key[1]) <= _MAX_CHARS:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[key] = operation
    return operation


def _matched(choice: Choice, value: str) -> OperationName | None:
    folded = value.strip().casefold()
    for pattern, operation in choice.values.items():
        if is_like(folded, pattern.casefold()):
            return operation
    return None


def _by_name(convention: Convention, name: str) -> OperationName | None:
    for start, operation in convention.names.items():
        if name.startswith(start):
            return operation
    return None


def _guessed(plan: Plan, reader: Reader) -> OperationName | None:
    """By what the span has: a tool, what was retrieved, or tokens of a model. A model alone is no call of it."""
    attributes = reader.attributes
    if "gen_ai.tool.name" in attributes or "gen_ai.tool.call.id" in attributes:
        return "tool"
    if "gen_ai.retrieval.query.text" in attributes or "gen_ai.retrieval.documents" in attributes:
        return "retriever"
    if plan.usage is None or not reader.text(plan.model_requested or plan.model_served):
        return None
    is_used = reader.count(plan.usage.input) is not None or reader.count(plan.usage.output) is not None
    return "chat" if is_used and "gen_ai.operation.name" not in attributes else None
