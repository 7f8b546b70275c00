"""Attributes in SQL: where those of a scope are, and how a value of any type compares with one of the query.

An attribute is compared by type: a number with integers and doubles, text with text, a boolean with booleans. An array
compares as each of its elements does: ``=``, the orders and ``=~`` hold when they do for any, ``!=`` and ``!~`` when there are elements
of the type and none is equal, or matches. Attributes of events and links are those of all of them, like an array.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlglot import exp

from query.traceql.regular import to_postgres
from query.traceql.sql import Binder, sql
from query.traceql.syntax import Attribute, Literal

_ORDERS: Mapping[str, str] = {
    "<": "$[*] ? (@ < $x)",
    "<=": "$[*] ? (@ <= $x)",
    ">": "$[*] ? (@ > $x)",
    ">=": "$[*] ? (@ >= $x)",
}
_OF_TYPE: Mapping[str, str] = {
    "text": '$[*] ? (@.type() == "string")',
    "number": '$[*] ? (@.type() == "number")',
    "boolean": '$[*] ? (@.type() == "boolean")',
}
_IN_RESOURCE = (
    "s.resource_id IN (SELECT r.resource_id FROM relayscope.resources AS r "
    "WHERE r.workspace_id = %(workspace_id)s AND %(condition)s)"
)
_IN_SCOPE = (
    "s.scope_id IN (SELECT c.scope_id FROM relayscope.scopes AS c "
    "WHERE c.workspace_id = %(workspace_id)s AND %(condition)s)"
)
_OF_RESOURCE = (
    "(SELECT NULLIF(r.attributes -> %(key)s, 'null'::jsonb) FROM relayscope.resources AS r "
    "WHERE r.workspace_id = %(workspace_id)s AND r.resource_id = s.resource_id)"
)
_OF_SCOPE = (
    "(SELECT NULLIF(c.attributes -> %(key)s, 'null'::jsonb) FROM relayscope.scopes AS c "
    "WHERE c.workspace_id = %(workspace_id)s AND c.scope_id = s.scope_id)"
)
# Spans have it in a column, unless it is no text, or longer than the column takes.
_SERVICE = "CASE WHEN length(s.service_name) BETWEEN 1 AND 254 THEN to_jsonb(s.service_name) ELSE %(resource)s END"
_LISTS: Mapping[str, str] = {"event": "s.events", "link": "s.links"}
# A longer name is cut in the column that spans have of it.
_MAX_COLUMN_CHARS = 254


def attribute_value(attribute: Attribute, binder: Binder) -> exp.Expr:
    """The value as jsonb; NULL when it is missing or empty."""
    if attribute.scope in _LISTS:
        return list_values(_LISTS[attribute.scope], ("attributes", attribute.name), binder)
    key = binder.bind(attribute.name, "text")
    if attribute.scope == "instrumentation":
        return sql(_OF_SCOPE, key=key)
    of_resource = sql(_OF_RESOURCE, key=key)
    if attribute.name == "service.name":
        of_resource = sql(_SERVICE, resource=of_resource)
    if attribute.scope == "resource":
        return of_resource
    of_span = sql("NULLIF(s.attributes -> %(key)s, 'null'::jsonb)", key=key)
    if attribute.scope == "span":
        return of_span
    return sql("COALESCE(%(span)s, %(resource)s)", span=of_span, resource=of_resource)


def list_values(column: str, path: tuple[str, ...], binder: Binder) -> exp.Expr:
    """What all members of a list have at a path, as one array; NULL when none has anything."""
    steps = "".join(f".{msgspec.json.encode(step).decode()}" for step in path)
    bound = binder.bind(f"$[*]{steps}[*] ? (@ != null)", "jsonpath")
    template = "NULLIF(jsonb_path_query_array(%(column)s, %(path)s), '[]'::jsonb)"
    return sql(template, column=sql(column), path=bound)


def compare_attribute(attribute: Attribute, op: str, literal: Literal, binder: Binder) -> exp.Expr:
    """``attribute op literal``. Dictionaries are asked for the entries first, so that spans are found by their ids."""
    name = attribute.name
    if attribute.scope in _LISTS:
        column = _LISTS[attribute.scope]
        value = attribute_value(attribute, binder)
        return compare(value, op, literal, binder, equality=_equality(column, name, literal, binder, is_list=True))
    if attribute.scope == "instrumentation":
        return sql(_IN_SCOPE, condition=_compare_in("c.attributes", name, op, literal, binder))
    if attribute.scope == "span":
        return _compare_in("s.attributes", name, op, literal, binder)
    in_resource = _compare_resource(name, op, literal, binder)
    if attribute.scope == "resource":
        return in_resource
    return sql(
        "%(span)s OR (NULLIF(s.attributes -> %(key)s, 'null'::jsonb) IS NULL AND %(resource)s)",
        span=_compare_in("s.attributes", name, op, literal, binder),
        key=binder.bind(name, "text"),
        resource=in_resource,
    )


def attribute_exists(attribute: Attribute, binder: Binder) -> exp.Expr:
    """Whether an attribute is there, and not empty."""
    if attribute.scope not in ("resource", "instrumentation"):
        return sql("%(value)s IS NOT NULL", value=attribute_value(attribute, binder))
    template, holder = (_IN_RESOURCE, "r.attributes") if attribute.scope == "resource" else (_IN_SCOPE, "c.attributes")
    key = binder.bind(attribute.name, "text")
    exists = sql("(%(holder)s -> %(key)s) <> 'null'::jsonb", holder=sql(holder), key=key)
    return sql(template, condition=exists)


def _compare_resource(name: str, op: str, literal: Literal, binder: Binder) -> exp.Expr:
    text = literal.value
    if name == "service.name" and op == "=" and isinstance(text, str) and 0 < len(text) <= _MAX_COLUMN_CHARS:
        return sql("s.service_name = %(text)s", text=binder.bind(text, "text"))
    return sql(_IN_RESOURCE, condition=_compare_in("r.attributes", name, op, literal, binder))


def _compare_in(holder: str, name: str, op: str, literal: Literal, binder: Binder) -> exp.Expr:
    value = sql("%(holder)s -> %(key)s", holder=sql(holder), key=binder.bind(name, "text"))
    return compare(value, op, literal, binder, equality=_equality(holder, name, literal, binder))


def _equality(holder: str, name: str, literal: Literal, binder: Binder, *, is_list: bool = False) -> exp.Expr:
    """Whether a map of attributes, or one in a list of them, has the value, alone or in an array.

    This is the one place where equality with an attribute becomes SQL, so that an index on attributes can serve it.
    Containment is what a ``jsonb_path_ops`` GIN index knows; it compares numbers as numbers, ``1`` with ``1.0``.
    """
    found: list[exp.Expr] = []
    for value in (literal.value, [literal.value]):
        wanted: object = {name: value}
        if is_list:
            wanted = [{"attributes": wanted}]
        text = msgspec.json.encode(wanted).decode()
        found.append(sql("%(holder)s @> %(wanted)s", holder=sql(holder), wanted=binder.bind(text, "jsonb")))
    return exp.or_(*found)


def compare(
    value: exp.Expr, op: str, literal: Literal, binder: Binder, *, equality: exp.Expr | None = None
) -> exp.Expr:
    """``value op literal`` of a jsonb value; ``equality`` is a quicker way to say that they are equal."""
    if equality is None:
        text = msgspec.json.encode(literal.value).decode()
        equality = sql("%(value)s @> %(wanted)s", value=value, wanted=binder.bind(text, "jsonb"))
    if op == "=":
        return equality
    if op in _ORDERS:
        given = binder.bind(msgspec.json.encode({"x": literal.value}).decode(), "jsonb")
        path = binder.bind(_ORDERS[op], "jsonpath")
        return sql("jsonb_path_exists(%(value)s, %(path)s, %(given)s)", value=value, path=path, given=given)
    if op == "=~":
        return _matches(value, literal, binder)
    has_type = sql(
        "jsonb_path_exists(%(value)s, %(path)s)", value=value, path=binder.bind(_OF_TYPE[literal.type], "jsonpath")
    )
    other = equality if op == "!=" else _matches(value, literal, binder)
    return sql("%(has_type)s AND NOT %(other)s", has_type=has_type, other=other)


def _matches(value: exp.Expr, literal: Literal, binder: Binder) -> exp.Expr:
    return sql(
        "EXISTS (SELECT 1 FROM jsonb_path_query(%(value)s, %(texts)s) AS e(v) WHERE (e.v #>> '{}') ~ %(pattern)s)",
        value=value,
        texts=binder.bind(_OF_TYPE["text"], "jsonpath"),
        pattern=binder.bind(to_postgres(str(literal.value)), "text"),
    )
