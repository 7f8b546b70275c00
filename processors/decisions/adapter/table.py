"""The shape of a table: who tells of decisions, how that is known, and where it says what. Engines read tables and know no source by name.

Keys are attributes, the one to prefer first. ``KEY#path.to.it`` reads inside a value that is a map, or JSON, or what Python prints.
Beside attributes there are ``@name`` (of the span, or the event), ``@rest`` (what a star in ``names`` stands for), ``@service``,
``@error`` (the message of a span that failed), ``@body`` (of a log record) and ``@item`` (see ``each``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from tracedata.decision import DecisionType

Keys: TypeAlias = tuple[str, ...]
Unit: TypeAlias = Literal["ms", "s"]

AS_IT_CAME = "="


class Choice(msgspec.Struct, frozen=True):
    """What values of ``key`` mean. Values are compared without case; ``x*`` is any that begins so, ``*`` any at all.

    ``AS_IT_CAME`` means the value itself.
    """

    key: str
    values: Mapping[str, str]


class Duration(msgspec.Struct, frozen=True):
    """How long a decision took: an attribute in a unit."""

    key: str
    unit: Unit = "ms"


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """One source of decisions, and one kind of them.

    A decision is an event of a span, or a log record, of one of the ``events``; or a span that has one of the ``keys`` (with anything in
    it), whose ``values`` are all among those listed, whose name is like one of ``names``, and whose scope is like one of ``scopes``,
    as far as those are given. ``is_aside``: the span is something else too, and other tables are asked as well. ``is_echo``: it
    repeats what a table of the same name tells better of another span of the trace. ``each``: the key of a list, each item of which is a
    decision.

    ``input`` and ``output`` are whole values; ``input_parts`` and ``output_parts`` make a map. ``reasons`` are put one after the
    other. ``enforced`` and ``enforced_by`` say that something followed of it, ``shadow`` that nothing did, when all of it
    is so. ``is_timed``: the span lasts as long as the decision. ``kept`` are the beginnings of keys that are kept as they
    came; of events and log records all are.
    """

    name: str
    title: str
    events: Keys = ()
    keys: Keys = ()
    values: Mapping[str, Keys] = msgspec.field(default_factory=dict[str, Keys])
    names: Keys = ()
    scopes: Keys = ()
    is_aside: bool = False
    is_echo: bool = False
    each: str = ""
    kept: Keys = ()

    type: DecisionType = "other"
    types: tuple[Choice, ...] = ()
    component: str = ""
    components: Keys = ()
    id: Keys = ()
    input: Keys = ()
    input_parts: Mapping[str, Keys] = msgspec.field(default_factory=dict[str, Keys])
    output: Keys = ()
    output_parts: Mapping[str, Keys] = msgspec.field(default_factory=dict[str, Keys])
    reasons: tuple[Keys, ...] = ()
    rule_id: Keys = ()
    rule_name: Keys = ()
    rule_version: Keys = ()
    outcome: str = ""
    outcomes: tuple[Choice, ...] = ()
    enforced: Keys = ()
    enforced_by: tuple[Choice, ...] = ()
    shadow: tuple[Choice, ...] = ()
    candidates: Keys = ()
    sequence: Keys = ()
    parent_id: Keys = ()
    durations: tuple[Duration, ...] = ()
    is_timed: bool = False
