"""The fields that a filter can name, and the attributes, in the words of our own queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal as Choice
from typing import NamedTuple, TypeAlias, get_args

from query.expression.node import AttributeReference, FieldReference, Reference
from query.traceql.syntax import Attribute, Expression, Intrinsic, Scope
from tracedata import CallerError

# What a value is, and so what it can be compared with. Only storage knows it of an attribute.
Kind: TypeAlias = Choice["text", "id", "kind", "status", "duration", "time", "attribute"]
Level: TypeAlias = Choice["span", "resource", "scope", "event", "link"]
LEVELS: tuple[Level, ...] = get_args(Level)
# Those of which a span has many.
NESTED: Mapping[str, Choice["event", "link"]] = {"event": "event", "link": "link"}
ORDERED: frozenset[Kind] = frozenset({"text", "id", "duration", "time", "attribute"})


class Field(NamedTuple):
    """What a reference names."""

    kind: Kind
    value: Expression


_SERVICE = Attribute(scope="resource", name="service.name")
_FIELDS: Mapping[str, Mapping[str, tuple[Kind, str]]] = {
    "span": {
        "traceID": ("id", "trace:id"),
        "spanID": ("id", "span:id"),
        "parentSpanID": ("id", "span:parentID"),
        "traceState": ("text", "span:traceState"),
        "name": ("text", "span:name"),
        "kind": ("kind", "span:kind"),
        "startTime": ("time", "span:startTime"),
        "endTime": ("time", "span:endTime"),
        "duration": ("duration", "span:duration"),
        "status": ("status", "span:status"),
        "statusMessage": ("text", "span:statusMessage"),
    },
    "resource": {"service": ("text", ""), "schemaURL": ("text", "resource:schemaURL")},
    "scope": {
        "name": ("text", "instrumentation:name"),
        "version": ("text", "instrumentation:version"),
        "schemaURL": ("text", "instrumentation:schemaURL"),
    },
    "event": {
        "name": ("text", "bound:event:name"),
        "time": ("time", "bound:event:time"),
        "timeSinceStart": ("duration", "bound:event:timeSinceStart"),
    },
    "link": {
        "traceID": ("id", "bound:link:traceID"),
        "spanID": ("id", "bound:link:spanID"),
        "traceState": ("text", "bound:link:traceState"),
    },
}
_SCOPES: Mapping[str, Scope] = {
    "": "",
    "span": "span",
    "resource": "resource",
    "scope": "instrumentation",
    "event": "event",
    "link": "link",
}


def resolve(reference: Reference, *, is_bound: bool) -> Field:
    """What a reference names; ``is_bound`` says that it is of the one event or link that is looked at.

    Raises:
        CallerError: there is no such level or field, or an attribute without a key.
    """
    if isinstance(reference, FieldReference):
        fields = _FIELDS.get(reference.level)
        if fields is None:
            raise CallerError(f"filter: a field has a level: {', '.join(LEVELS)}")
        if reference.name not in fields:
            raise CallerError(f"filter: the fields of {reference.level} are {', '.join(fields)}")
        kind, name = fields[reference.name]
        return Field(kind, Intrinsic(name=name) if name else _SERVICE)
    return Field("attribute", _attribute(reference, is_bound=is_bound))


def _attribute(reference: AttributeReference, *, is_bound: bool) -> Attribute:
    if reference.level not in _SCOPES:
        raise CallerError(f"filter: the level of an attribute is one of {', '.join(LEVELS)}, or left out")
    if not reference.key or "\0" in reference.key:
        raise CallerError("filter: an attribute has a key")
    return Attribute(scope=_SCOPES[reference.level], name=reference.key, is_bound=is_bound)
