"""Which convention a span speaks, and where that says what: a plan, made once for all spans with the same keys.

Plans depend on the scope's name and on those keys that any table knows; what senders add of their own changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import msgspec

from processors.ai.convention import CONVENTIONS
from processors.ai.convention.table import Choice, Convention, CostKeys, Keys, Moment, Source, UsageKeys
from tracedata import Attributes
from tracedata.memory import MAX_REMEMBERED_CHARS, remembered

MAX_PLANS = 4_096

# An attribute's key, and the steps inside its value; none for the value itself.
Path: TypeAlias = tuple[str, tuple[str, ...]]
Paths: TypeAlias = tuple[Path, ...]


class UsagePaths(msgspec.Struct, frozen=True):
    """``UsageKeys``, as far as they are present."""

    input: Paths
    output: Paths
    cache_read: Paths
    cache_write: Paths
    cache_write_5m: Paths
    cache_write_1h: Paths
    reasoning: Paths
    audio_input: Paths
    audio_output: Paths
    total: Paths
    estimated: Paths


class Plan(msgspec.Struct, frozen=True):
    """What of a table, and of the tables after it, concerns spans with certain keys. Names are those of ``Convention``."""

    convention: Convention
    operations: Sequence[Choice]
    provider: Paths
    model_requested: Paths
    model_served: Paths
    response_id: Paths
    fabricated_id: Paths
    request_id: Paths
    user_id: Paths
    session_id: Paths
    made_up_session: Paths
    organization_id: Paths
    agent: Paths
    tool: Paths
    tool_call_id: Paths
    endpoint: Paths
    finish_reason: Paths
    error_type: Paths
    error_message: Paths
    error_code: Paths
    failure: Paths
    tags: Paths
    duration_ms: Paths
    streaming: Paths
    streaming_operations: Sequence[Choice]
    first_token: Sequence[tuple[Moment, Path]]
    first_token_events: frozenset[str]
    usage: UsagePaths | None
    aggregate: UsagePaths | None
    costs: Sequence[tuple[CostKeys, Path]]
    parameters: Sequence[tuple[str, Paths]]
    parameter_maps: Paths
    input: Sequence[tuple[Source, Path]]
    output: Sequence[tuple[Source, Path]]
    system: Sequence[tuple[Source, Path]]
    tools: Sequence[tuple[Source, Path]]
    arguments: Paths
    result: Paths


_TEXTS: tuple[str, ...] = tuple(
    "provider model_requested model_served response_id fabricated_id request_id user_id session_id made_up_session organization_id agent tool "
    "tool_call_id endpoint finish_reason error_type error_message error_code failure tags duration_ms streaming parameter_maps "
    "arguments result".split()
)
_SOURCES = ("input", "output", "system", "tools")
_BUCKETS = UsageKeys.__struct_fields__


@cache
def path_of(written: str) -> Path:
    """``KEY#path.to.it`` taken apart."""
    key, _, steps = written.partition("#")
    return key, tuple(steps.split(".")) if steps else ()


def _keys_of(convention: Convention) -> Iterator[str]:
    """Every key that a table names, as written."""
    yield from convention.markers
    yield from (choice.key for choice in (*convention.operations, *convention.streaming_operations))
    for name in _TEXTS:
        yield from getattr(convention, name)
    yield from (moment.key for moment in convention.first_token)
    for keys in (convention.usage, convention.aggregate):
        yield from (key for bucket in _BUCKETS for key in getattr(keys, bucket))
    for cost in convention.costs:
        yield from filter(None, (cost.total, cost.currency, *cost.parts.values()))
    for names in convention.parameters.values():
        yield from names
    for source in (source for name in _SOURCES for source in getattr(convention, name)):
        yield from (source.key, *source.signs)


KNOWN_KEYS = frozenset(path_of(key)[0] for convention in CONVENTIONS for key in _keys_of(convention))
"""Every attribute that any table knows."""


@remembered(4_096)
def convention_of_scope(scope: str) -> Convention | None:
    """The convention that is known by the name of a scope alone."""
    return next((one for one in CONVENTIONS if any(is_like(scope, pattern) for pattern in one.scopes)), None)


@remembered(4_096)
def scope_of_event(name: str) -> str:
    """A scope that stands for the private convention whose event has that name; empty when it is nobody's or everybody's."""
    owner = next((one for one in CONVENTIONS if one.is_private and name in one.events), None)
    return owner.scopes[0].rstrip("*") if owner is not None else ""


def is_like(text: str, pattern: str) -> bool:
    """Whether ``text`` is ``pattern``, in which a star at an end stands for anything."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern


_plans: dict[tuple[str, frozenset[str]], Plan] = {}


def plan_for(scope: str, attributes: Attributes) -> Plan:
    """The plan for spans of a scope with the keys of ``attributes``."""
    known = KNOWN_KEYS.intersection(attributes)
    plan = _plans.get((scope, known))
    if plan is None:
        plan = _made(_detected(scope, known), known)
        if len(_plans) >= MAX_PLANS:
            _plans.clear()
        if len(scope) <= MAX_REMEMBERED_CHARS:
            _plans[scope, known] = plan
    return plan


def _detected(scope: str, known: frozenset[str]) -> Convention:
    """The name of a scope says it best; markers come second, but for those of tables that share the scopes of another."""
    named = convention_of_scope(scope)
    for convention in CONVENTIONS:
        if convention is named:
            return convention
        if (named is None or not convention.scopes) and not known.isdisjoint(convention.markers):
            return convention
    return CONVENTIONS[-1]


def _in_order(convention: Convention) -> tuple[Convention, ...]:
    """The table itself, then all others that are not private."""
    return (convention, *(one for one in CONVENTIONS if one is not convention and not one.is_private))


def _made(convention: Convention, known: frozenset[str]) -> Plan:
    tables = _in_order(convention)
    texts = {name: _present((getattr(table, name) for table in tables), known) for name in _TEXTS}
    sources = {name: tuple(_sources(tables, name, known)) for name in _SOURCES}
    moments = [moment for table in tables for moment in table.first_token]
    return Plan(
        convention=convention,
        operations=_choices(tables, "operations", known),
        streaming_operations=_choices(tables, "streaming_operations", known),
        first_token=tuple(
            (moment, path_of(moment.key)) for moment in moments if moment.unit != "event" and moment.key in known
        ),
        first_token_events=frozenset(moment.key for moment in moments if moment.unit == "event"),
        usage=_usage(tables, "usage", known),
        aggregate=_usage(tables, "aggregate", known),
        costs=tuple(
            (cost, path) for table in tables for cost in table.costs if (path := path_of(cost.total))[0] in known
        ),
        parameters=tuple(_parameters(tables, known)),
        **texts,  # type: ignore[arg-type]  # each has the type of its field; mypy checks them against all
        **sources,  # type: ignore[arg-type]  # as above
    )


def _present(lists: Iterable[Keys], known: frozenset[str]) -> Paths:
    paths = dict.fromkeys(path_of(key) for keys in lists for key in keys)
    return tuple(path for path in paths if path[0] in known)


def _choices(tables: Sequence[Convention], name: str, known: frozenset[str]) -> tuple[Choice, ...]:
    return tuple(choice for table in tables for choice in getattr(table, name) if choice.key in known)


def _sources(tables: Sequence[Convention], name: str, known: frozenset[str]) -> Iterator[tuple[Source, Path]]:
    """Flat sources of the table itself are always looked for: their first index may be any."""
    seen = set()
    for table in tables:
        for source in getattr(table, name):
            path = path_of(source.key)
            is_flat = source.decoder == "flat"
            is_there = (table is tables[0] or not known.isdisjoint(source.signs)) if is_flat else path[0] in known
            if is_there and (source.key, source.decoder) not in seen:
                seen.add((source.key, source.decoder))
                yield source, path


def _usage(tables: Sequence[Convention], name: str, known: frozenset[str]) -> UsagePaths | None:
    paths = {
        bucket: _present((getattr(getattr(table, name), bucket) for table in tables), known) for bucket in _BUCKETS
    }
    return UsagePaths(**paths) if any(paths.values()) else None


def _parameters(tables: Sequence[Convention], known: frozenset[str]) -> Iterator[tuple[str, Paths]]:
    names: Mapping[str, None] = dict.fromkeys(name for table in tables for name in table.parameters)
    for name in names:
        if paths := _present((table.parameters.get(name, ()) for table in tables), known):
            yield name, paths
