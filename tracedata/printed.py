"""The printed form of an attribute value, and the values that a printed form can stand for.

Searches compare printed forms, because Jaeger's query sends every value as a string. The forms are those of the
OpenTelemetry Collector's ``pcommon.Value.AsString``: integers in decimal, ``true`` and ``false``, doubles in their
shortest form (``72.5``, ``1``, ``1e+21``), bytes in base64, arrays and maps as JSON, the empty value as nothing. There
are two differences, both where the Collector has nothing to search for: non-finite doubles are ``NaN``, ``+Inf`` and
``-Inf``, not the words of an error; and JSON is not escaped for use inside HTML.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, product

import msgspec

from tracedata.span import Value

_MAX_INT64 = 2**63 - 1
_MIN_INT64 = -(2**63)
# No number's printed form is longer than this; longer text is never tried as one.
_MAX_NUMBER_CHARS = 32
_MAX_STRUCTURES = 16
_JSON_SPACE = " \t\r\n"
_NON_FINITE = frozenset({"NaN", "+Inf", "-Inf"})


def printed(value: Value) -> str:
    """The printed form of ``value``."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return printed_double(value)
    if isinstance(value, int):
        # A bool is an int, too, and its name in lower case is its printed form.
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return printed_json(value)


def printed_json(value: Value) -> str:
    """Arrays and maps as compact JSON with sorted keys, bytes in base64; NaN and infinities as strings."""
    return msgspec.json.encode(_jsonable(value), order="sorted").decode()


def _jsonable(value: Value) -> object:
    if isinstance(value, float):
        if not math.isfinite(value):
            return printed_double(value)
        return msgspec.Raw(printed_double(value).encode())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_jsonable(item) for item in value]
    return value


def printed_double(value: float) -> str:
    """The shortest decimal that reads back as ``value``, in Go's and JavaScript's notation."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = format(Decimal(repr(value)).normalize(), "e").partition("e")
    return f"{mantissa}e{exponent}"


def readings(text: str) -> list[Value]:
    """Every value, of any type, whose printed form is ``text``; the string itself comes first.

    Arrays and maps are meant to be compared as JSON values: white space, the order of keys and the kind of a number
    (``1`` against ``1.0``, ``0`` against ``-0``) do not matter. Inside them, a string can also stand for bytes or a
    non-finite double; the combinations are bounded: the first ones, and the one without any such string or sign.
    """
    found: list[Value] = [text]
    if not text:
        found.append(None)
    if text in ("true", "false"):
        found.append(text == "true")
    if len(text) <= _MAX_NUMBER_CHARS:
        found += _numbers(text)
    found += _bytes(text)
    if text.lstrip(_JSON_SPACE)[:1] in ("[", "{"):
        found += _structures(text)
    return found


def _numbers(text: str) -> list[Value]:
    found: list[Value] = []
    try:
        integer = int(text)
    except ValueError:
        pass
    else:
        if _MIN_INT64 <= integer <= _MAX_INT64 and str(integer) == text:
            found.append(integer)
    try:
        double = float(text)
    except ValueError:
        return found
    if printed_double(double) == text:
        found.append(double)
    return found


def _bytes(text: str) -> list[Value]:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return []
    # Several texts decode to the same bytes (the last character has unused bits), but only one is printed.
    return [decoded] if base64.b64encode(decoded).decode() == text else []


def _structures(text: str) -> list[Value]:
    try:
        plain: Value = msgspec.json.decode(text)
        found = list(islice(_variants(plain), _MAX_STRUCTURES))
        return found if len(found) < _MAX_STRUCTURES else [*found, _last_variant(plain)]
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return []


def _variants(value: Value) -> Iterator[Value]:
    """``value`` as JSON has it, then with strings replaced by what else prints as they do."""
    if isinstance(value, str):
        yield from _quoted(value)
    elif isinstance(value, list):
        # Bounded level by level: the product would first collect everything below it.
        for items in product(*(islice(_variants(item), _MAX_STRUCTURES) for item in value)):
            yield list(items)
    elif isinstance(value, dict):
        for items in product(*(islice(_variants(item), _MAX_STRUCTURES) for item in value.values())):
            yield dict(zip(value, items, strict=True))
    elif value == 0 and not isinstance(value, bool):
        # JSON that is stored has no zero with a sign: ``tracedata.typed_json`` says it in other words.
        yield from (0, -0.0)
    else:
        yield value


def _last_variant(value: Value) -> Value:
    """The last one of ``_variants``, which has no string left that could be something else."""
    if isinstance(value, str):
        return _quoted(value)[-1]
    if isinstance(value, list):
        return [_last_variant(item) for item in value]
    if isinstance(value, dict):
        return {key: _last_variant(item) for key, item in value.items()}
    return value


def _quoted(text: str) -> list[Value]:
    """What prints as the JSON string ``text``: itself, non-finite doubles, bytes."""
    doubles: list[Value] = [float(text)] if text in _NON_FINITE else []
    return [text, *doubles, *_bytes(text)]
