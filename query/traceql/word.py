"""The words of the language: intrinsics, named values, and how parts of the grammar are called in messages."""

from __future__ import annotations

from collections.abc import Mapping

from query.traceql.syntax import Type
from tracedata import SpanKind, StatusCode

MIN_INT, MAX_INT = -(2**63), 2**63 - 1

# By every name: the one with a scope.
INTRINSICS: Mapping[str, str] = {
    "name": "span:name",
    "duration": "span:duration",
    "status": "span:status",
    "statusMessage": "span:statusMessage",
    "kind": "span:kind",
    "childCount": "span:childCount",
    "parent": "span:parentID",
    "rootName": "trace:rootName",
    "rootServiceName": "trace:rootService",
    "traceDuration": "trace:duration",
}
# By the name with a scope; those whose values come from a list can have several.
TYPES: Mapping[str, Type] = {
    "span:name": "text",
    "span:duration": "number",
    "span:status": "status",
    "span:statusMessage": "text",
    "span:kind": "kind",
    "span:id": "text",
    "span:parentID": "text",
    "span:childCount": "number",
    "trace:id": "text",
    "trace:duration": "number",
    "trace:rootName": "text",
    "trace:rootService": "text",
    "event:name": "attribute",
    "link:traceID": "attribute",
    "link:spanID": "attribute",
    "instrumentation:name": "text",
    "instrumentation:version": "text",
    "nestedSetParent": "number",
}
OF_TRACE = frozenset({"trace:duration", "trace:rootName", "trace:rootService"})
DURATIONS = frozenset({"span:duration", "trace:duration"})

WORDS: Mapping[str, tuple[Type, int | bool | None]] = {
    "true": ("boolean", True),
    "false": ("boolean", False),
    "nil": ("nil", None),
    "minInt": ("number", MIN_INT),
    "maxInt": ("number", MAX_INT),
    **{code.name.lower(): ("status", int(code)) for code in StatusCode},
    **{kind.name.lower(): ("kind", int(kind)) for kind in SpanKind},
}

# What terminals of the grammar are called where one is expected.
_NAMES: Mapping[str, str] = {
    "LOGICAL": "`&&`, `||`",
    "STRUCTURAL": "a structural operator (`>`, `>>`, `<`, `<<`, `~`)",
    "COMPARISON": "a comparison (`=`, `!=`, `<`, `<=`, `>`, `>=`, `=~`, `!~`)",
    "SIGN": "`+`, `-`",
    "FACTOR": "`*`, `/`, `%`",
    "AGGREGATE": "an aggregate (`count`, `avg`, `min`, `max`, `sum`)",
    "METRIC": "a metric (`rate`, `count_over_time`, `quantile_over_time`, ...)",
    "ATTRIBUTE": "an attribute (`span.a`, `resource.a`, `event.a`, `link.a`, `instrumentation.a`, `.a`)",
    "INTRINSIC": "an intrinsic (`name`, `duration`, `status`, `kind`, ...)",
    "NUMERAL": "a number or duration",
    "STRING": "a string in quotes",
    "WORD": "a value such as `true`, `nil`, `error`, `server`",
    "$END": "the end",
}


def terminal_name(name: str, pattern: str) -> str:
    """What a terminal is called in a message."""
    return _NAMES.get(name, f"`{pattern}`")
