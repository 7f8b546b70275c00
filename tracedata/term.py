"""Terms: 22-bit hashes of attributes, by which an index knows where an attribute may be.

A search is served by terms when whatever it finds has them. So an attribute is hashed under its printed form
(``tracedata.printed``), in which values of several types are the same; an array also under each of its elements; and arrays and
maps as such under their key only, since what is the same as JSON can be written in many ways. Two attributes can have the same
term: who finds something by a term looks at the attribute itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from zlib import crc32

from tracedata.printed import printed, printed_double
from tracedata.span import Attributes, Span, Value

# No text can have these in it: sanitise has replaced what PostgreSQL would refuse.
_SEPARATOR, _STRUCTURE, _NAME = "\0", "\0\0", "\0name"
# Few enough that in a large store several attributes share a term, and so an entry of the index; that makes it smaller by more than
# half, and lets a search look at a few chunks in vain. ADR 0015 has the measurements.
_MASK = 2**22 - 1
# Equal in Python, and therefore one member of a set, whatever is printed of them.
_ALIKE: Mapping[Value, tuple[str, ...]] = {0: ("0", "-0", "false"), 1: ("1", "true")}
# From here on, an integer and a double can be equal and have different printed forms.
_EXACT_UNTIL = 2**53


def term(key: str, text: str) -> int:
    """The term of an attribute whose value, or an element of it, has the printed form ``text``."""
    return _hashed(f"{key}{_SEPARATOR}{text}")


def structure_term(key: str) -> int:
    """The term of an attribute whose value is an array or a map."""
    return _hashed(f"{key}{_STRUCTURE}")


def name_term(name: str) -> int:
    """The term of spans of this name."""
    return term(_NAME, name)


def terms_of(spans: Iterable[Span]) -> set[int]:
    """The terms of all attributes of these spans, in all five places, and of their names. The hot path of ingest."""
    attributes = _Attributes()
    names: set[str] = set()
    resource, scope = None, None
    for span in spans:
        names.add(span.name)
        attributes.add(span.attributes)
        # Spans of one request share these objects, mostly in runs.
        if span.resource is not resource:
            resource = span.resource
            attributes.add(resource.attributes)
        if span.scope is not scope:
            scope = span.scope
            attributes.add(scope.attributes)
        for event in span.events:
            attributes.add(event.attributes)
        for link in span.links:
            attributes.add(link.attributes)
    found = attributes.terms()
    found.update(map(name_term, names))
    return found


class _Attributes:
    """Different attributes, each of which is hashed once."""

    def __init__(self) -> None:
        self._scalars: set[tuple[str, Value]] = set()
        self._terms: set[int] = set()

    def add(self, attributes: Attributes) -> None:
        try:
            # Of all ways to look at every attribute of every span the one that takes the least time.
            self._scalars.update(attributes.items())
        except TypeError:
            for key, value in attributes.items():
                self._add(key, value)

    def _add(self, key: str, value: Value) -> None:
        if isinstance(value, Mapping):
            self._terms.add(structure_term(key))
        elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
            self._terms.add(structure_term(key))
            for element in value:
                if not isinstance(element, Mapping | list | tuple):
                    self._scalars.add((key, element))
        else:
            self._scalars.add((key, value))

    def terms(self) -> set[int]:
        for key, value in [one for one in self._scalars if isinstance(one[1], tuple)]:
            self._add(key, value)
        for key, value in self._scalars:
            if isinstance(value, str):
                self._terms.add(_hashed(f"{key}{_SEPARATOR}{value}"))
            elif not isinstance(value, tuple):
                self._terms.update(term(key, text) for text in _texts(value))
        return self._terms


def _texts(value: Value) -> Iterable[str]:
    """The printed forms of a scalar, and of whatever equals it."""
    alike = _ALIKE.get(value)
    if alike is not None:
        return alike
    if isinstance(value, int | float) and isfinite(value) and abs(value) >= _EXACT_UNTIL:
        return str(int(value)), printed_double(float(value))
    return (printed(value),)


def _hashed(text: str) -> int:
    return crc32(text.encode(errors="surrogatepass")) & _MASK
