"""Terms: 22-bit hashes of attributes and traits, by which an index knows where a span that has them may be.

A search is served by terms when whatever it finds has them. So an attribute is hashed under its printed form
(``tracedata.printed``), in which values of several types are the same; an array also under each of its elements; and arrays and
maps as such under their key only, since what is the same as JSON can be written in many ways. Two attributes can have the same
term: who finds something by a term looks at the attribute itself.

A trait is a number that says about how long a span lasted, or that it failed. Each is hashed for all spans, for those of its service,
and for those of its service and name; so slow and failed spans are found, which are few where many spans are alike otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from zlib import crc32

from tracedata.printed import printed, printed_double
from tracedata.span import Attributes, Span, StatusCode, Value

# No text can have these in it: sanitise has replaced what PostgreSQL would refuse.
_SEPARATOR, _STRUCTURE, _NAME, _TRAIT = "\0", "\0\0", "\0name", "\0trait"
# Few enough that in a large store several attributes share a term, and so an entry of the index; that makes it smaller by more than
# half, and lets a search look at a few chunks in vain. ADR 0015 has the measurements.
_MASK = 2**22 - 1
# Equal in Python, and therefore one member of a set, whatever is printed of them.
_ALIKE: Mapping[Value, tuple[str, ...]] = {0: ("0", "-0", "false"), 1: ("1", "true")}
# From here on, an integer and a double can be equal and have different printed forms.
_EXACT_UNTIL = 2**53
# Durations have a step for each half of a power of two of nanoseconds, from 16 us to 7 h; all that are shorter share the first, all that
# are longer the last. The traits are the steps, and then groups of so many of them, so that few cover a range.
_STEPS, _FIRST_STEP, _GROUP = 64, 28, 8
FAILED = _STEPS + _STEPS // _GROUP
# Spreads the traits of one kind of span over all terms. Odd, so that no two of them share one.
_SPREAD = 0x9E3779B1
# Of chunks that were stored before there were traits: any of their spans may have any. Migration 19 knows the number.
UNTOLD = 2_718_281
_ALL_SPANS = crc32(_TRAIT.encode())
_FAILED_STATUS = int(StatusCode.ERROR)


def term(key: str, text: str) -> int:
    """The term of an attribute whose value, or an element of it, has the printed form ``text``."""
    return _hashed(f"{key}{_SEPARATOR}{text}")


def structure_term(key: str) -> int:
    """The term of an attribute whose value is an array or a map."""
    return _hashed(f"{key}{_STRUCTURE}")


def name_term(name: str) -> int:
    """The term of spans of this name."""
    return term(_NAME, name)


def duration_step(duration_ns: int) -> int:
    """The step of a duration, which does not fall where durations rise."""
    bits = duration_ns.bit_length()
    if duration_ns <= 0 or 2 * bits < _FIRST_STEP:
        return 0
    return min(2 * bits + (duration_ns >> (bits - 2) & 1) - _FIRST_STEP, _STEPS - 1)


def duration_traits(min_ns: int | None, max_ns: int | None) -> Sequence[int]:
    """Traits of which every span has one that lasts neither shorter nor longer; as few as can be."""
    step = 0 if min_ns is None else duration_step(min_ns)
    end = _STEPS if max_ns is None else duration_step(max_ns) + 1
    found: list[int] = []
    while step < end:
        is_whole = step % _GROUP == 0 and step + _GROUP <= end
        found.append(_STEPS + step // _GROUP if is_whole else step)
        step += _GROUP if is_whole else 1
    return found


def trait_terms(traits: Iterable[int], *, service: str | None = None, name: str | None = None) -> list[int]:
    """The terms of which a chunk has one when it has a span with one of the traits: any, of a service, or of a service and name."""
    base = _ALL_SPANS if service is None else _base(service, name)
    return [*(_of_trait(base, trait) for trait in traits), UNTOLD]


def terms_of(spans: Iterable[Span]) -> set[int]:
    """The terms of all attributes of these spans, in all five places, of their names and of their traits. The hot path of ingest."""
    attributes = _Attributes()
    traits: dict[str, set[tuple[str, int]]] = {}
    of_service: set[tuple[str, int]] = set()
    resource, scope = None, None
    for span in spans:
        attributes.add(span.attributes)
        # Spans of one request share these objects, mostly in runs.
        if span.resource is not resource:
            resource = span.resource
            attributes.add(resource.attributes)
            of_service = traits.setdefault(resource.service_name, set())
        of_service.add((span.name, duration_step(span.end_time_unix_nano - span.start_time_unix_nano)))
        if span.status_code == _FAILED_STATUS:
            of_service.add((span.name, FAILED))
        if span.scope is not scope:
            scope = span.scope
            attributes.add(scope.attributes)
        for event in span.events:
            attributes.add(event.attributes)
        for link in span.links:
            attributes.add(link.attributes)
    found = attributes.terms()
    found.update(_terms_of_traits(traits))
    return found


def _terms_of_traits(found: Mapping[str, set[tuple[str, int]]]) -> set[int]:
    """``found`` are steps and failures of each service, with the names of the spans that have them."""
    terms: set[int] = set()
    for service, named in found.items():
        named |= {(name, _STEPS + one // _GROUP) for name, one in named if one < _STEPS}
        bases = {name: _base(service, name) for name, _ in named}
        whole = _base(service, None)
        terms.update(map(name_term, bases))
        terms.update([bases[name] + trait * _SPREAD & _MASK for name, trait in named])
        for trait in {trait for _, trait in named}:
            terms |= {_of_trait(whole, trait), _of_trait(_ALL_SPANS, trait)}
    return terms


def _base(service: str, name: str | None) -> int:
    words = (_TRAIT, service) if name is None else (_TRAIT, service, name)
    return crc32(_SEPARATOR.join(words).encode(errors="surrogatepass"))


def _of_trait(base: int, trait: int) -> int:
    return (base + trait * _SPREAD) & _MASK


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
