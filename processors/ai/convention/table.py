"""The shape of a table: what a convention calls things. Engines read tables and know no convention by name.

Keys are attributes, the one to prefer first. ``KEY#path.to.it`` reads inside a value that is a map, or JSON, or what Python prints.
A key that a table lacks is looked up in the other tables in their order of precedence, but for those that are private.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from tracedata.interaction import Basis, OperationName

Keys: TypeAlias = tuple[str, ...]
Decoder: TypeAlias = Literal["any", "flat", "events"]
Unit: TypeAlias = Literal["s", "ms", "s_or_ms", "iso", "event"]
EventKind: TypeAlias = Literal["overlay", "message", "choice", "call", "tool", "prompt"]


class Choice(msgspec.Struct, frozen=True):
    """How values of ``key`` name operations. Values are compared without case; ``*x`` is any that ends so, ``x*`` that begins so."""

    key: str
    values: Mapping[str, OperationName]


class Source(msgspec.Struct, frozen=True):
    """Where messages, or tools, stand, and how: ``any`` shape, ``flat`` below a prefix, or as a list of ``events``.

    ``signs`` are keys by which a flat source is known in spans of other conventions.
    """

    key: str
    decoder: Decoder = "any"
    signs: Keys = ()


class Moment(msgspec.Struct, frozen=True):
    """What says when the first token came: an attribute in a unit, or the first event of a name."""

    key: str
    unit: Unit = "s"


class UsageKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of the buckets of ``Usage``, as reported; ``estimated`` say whether they were counted from the text."""

    input: Keys = ()
    output: Keys = ()
    cache_read: Keys = ()
    cache_write: Keys = ()
    cache_write_5m: Keys = ()
    cache_write_1h: Keys = ()
    reasoning: Keys = ()
    audio_input: Keys = ()
    audio_output: Keys = ()
    total: Keys = ()
    estimated: Keys = ()


class CostKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of a cost as reported: its ``total``, and by bucket what is known of its ``parts``; a total may be the sum of them.

    ``currency`` is the key of the three letters of its currency; without, it is US dollars.
    """

    total: str
    currency: str = ""
    parts: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    is_sum: bool = False


class Event(msgspec.Struct, frozen=True):
    """What an event (of a span, or a log record) of a name means.

    ``overlay``: its attributes belong to its span. ``message`` and ``choice``: a message of ``role`` that went in, or came out.
    ``call`` and ``tool``: the record tells of one by itself. ``prompt``: what the user said before the next call.
    ``only`` is the value that an attribute must have.
    """

    kind: EventKind
    role: str = ""
    only: tuple[str, str] | None = None


class Convention(msgspec.Struct, frozen=True, kw_only=True):
    """One convention. It is recognised by a scope (``x*`` is any that begins so), or by a marker among the keys of attributes.

    ``names`` are operations by the beginning of the span's name, when no key says one. ``is_private``: its keys are too
    plain to be looked up in spans of others. ``is_transport``: it tells of requests as they are on the wire.
    ``echoes`` are beginnings of the names of spans that only repeat what the call above them said.
    ``made_up_session`` are keys of a session that a library makes up when it is told of none: one that a span above names counts.
    ``failure`` are keys whose value says that something failed. ``provider_signs`` are providers by a key that only theirs have.
    """

    name: str
    title: str
    scopes: Keys = ()
    markers: Keys = ()
    relevant_prefixes: Keys = ()
    operations: tuple[Choice, ...] = ()
    names: Mapping[str, OperationName] = msgspec.field(default_factory=dict[str, OperationName])
    is_private: bool = False
    is_transport: bool = False
    echoes: Keys = ()

    default_provider: str = ""

    provider: Keys = ()
    provider_signs: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    model_requested: Keys = ()
    model_served: Keys = ()
    response_id: Keys = ()
    fabricated_id: Keys = ()
    request_id: Keys = ()
    user_id: Keys = ()
    session_id: Keys = ()
    made_up_session: Keys = ()
    organization_id: Keys = ()
    agent: Keys = ()
    tool: Keys = ()
    tool_call_id: Keys = ()
    endpoint: Keys = ()
    finish_reason: Keys = ()
    error_type: Keys = ()
    error_message: Keys = ()
    error_code: Keys = ()
    failure: Keys = ()
    tags: Keys = ()
    duration_ms: Keys = ()

    streaming: Keys = ()
    streaming_operations: tuple[Choice, ...] = ()
    first_token: tuple[Moment, ...] = ()

    usage: UsageKeys = UsageKeys()
    aggregate: UsageKeys = UsageKeys()
    input_basis: Basis = "inclusive"
    output_basis: Basis = "inclusive"
    costs: tuple[CostKeys, ...] = ()

    parameters: Mapping[str, Keys] = msgspec.field(default_factory=dict[str, Keys])
    parameter_maps: Keys = ()

    input: tuple[Source, ...] = ()
    output: tuple[Source, ...] = ()
    system: tuple[Source, ...] = ()
    tools: tuple[Source, ...] = ()
    arguments: Keys = ()
    result: Keys = ()

    events: Mapping[str, Event] = msgspec.field(default_factory=dict[str, Event])
