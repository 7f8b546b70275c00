"""Requests of OTLP/JSON, of any signal: whole where everything is sound, else what can be saved of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

import msgspec

from receiver.error import DecodeFailedError
from receiver.json_value import (
    AnyMessage,
    ArrayMessage,
    Attributed,
    JsonMessage,
    PairMessage,
    attributes_of,
    read_special,
)
from receiver.repair import REPAIRED_KEY, mended_json, repaired_json, text_fault
from tracedata import Resource, Scope

_NULL = msgspec.Raw(b"null")


class ResourceMessage(Attributed):
    """``Resource``."""


class ScopeMessage(Attributed):
    """``InstrumentationScope``."""

    name: str | None = None
    version: str | None = None


# The containers of signals differ in the names of their members only, so their classes are made at run time, and what is
# in their lists is Any.
class _OfScope(JsonMessage):
    scope: ScopeMessage | None = None
    items: list[Any] | None = None
    schema_url: str | None = None


class _OfResource(JsonMessage):
    resource: ResourceMessage | None = None
    scopes: list[Any] | None = None
    schema_url: str | None = None


class _Request(JsonMessage):
    resources: list[Any] | None = None


class _LooseScope(JsonMessage):
    """What fails by itself stays text until it is read by itself."""

    # In a union with None, the library takes nothing but null.
    scope: msgspec.Raw = _NULL
    items: list[msgspec.Raw] | None = None
    schema_url: str | None = None


class _LooseResource(JsonMessage):
    resource: msgspec.Raw = _NULL
    scopes: list[Any] | None = None
    schema_url: str | None = None


_Item = TypeVar("_Item", bound=Attributed)
_Part = TypeVar("_Part", bound=Attributed)
_Container = TypeVar("_Container", bound=JsonMessage)


class Found(msgspec.Struct, Generic[_Item], frozen=True):
    """What a request brings, and how many of its items could not be read."""

    request: _Request
    lost: int

    def parts(self) -> Iterator[tuple[Resource, Scope, list[_Item]]]:
        """The items of each resource and scope. The list is the caller's, who may empty it."""
        for of_resource in self.request.resources or ():
            resource = _resource(of_resource)
            for of_scope in of_resource.scopes or ():
                yield resource, _scope(of_scope), of_scope.items or []


class Reader(Generic[_Item]):
    """Reads requests of one signal; the arguments are the names of the lists from without, and what is in the last one."""

    def __init__(self, item: type[_Item], *, resources: str, scopes: str, items: str) -> None:
        def contained(base: type[_Container], member: str, name: str, inner: object) -> type[_Container]:
            field = (member, list[inner] | None, msgspec.field(default=None, name=name))  # type: ignore[valid-type]  # As above.
            made = msgspec.defstruct(base.__name__, [field], bases=(base,), kw_only=True, gc=False)
            # The type system does not see what the bases of a class made at run time mean.
            return cast("type[_Container]", made)

        strict = contained(_OfScope, "items", items, item)
        strict_request = contained(_Request, "resources", resources, contained(_OfResource, "scopes", scopes, strict))
        loose = contained(_LooseScope, "items", items, msgspec.Raw)
        loose_request = contained(_Request, "resources", resources, contained(_LooseResource, "scopes", scopes, loose))
        # Not strict: numbers are taken from strings. Members of type ``str`` stay strict.
        self._request = msgspec.json.Decoder(strict_request, strict=False, dec_hook=read_special)
        self._loose = msgspec.json.Decoder(loose_request)
        self._item = msgspec.json.Decoder(item, strict=False, dec_hook=read_special)
        self._resource = msgspec.json.Decoder(ResourceMessage, strict=False, dec_hook=read_special)
        self._scope = msgspec.json.Decoder(ScopeMessage, strict=False, dec_hook=read_special)

    def read(self, data: bytes) -> Found[_Item]:
        """The request in ``data``; see ``Found``.

        Raises:
            DecodeFailedError: there is no such message in it, or no sound item; the error's message has the JSON path.
        """
        try:
            return Found(self._parsed(data), 0)
        except DecodeFailedError as error:
            return self._salvaged(data, error)

    def _parsed(self, data: bytes) -> _Request:
        try:
            return self._request.decode(data)
        except RecursionError as exc:
            raise DecodeFailedError("The request is nested too deep.") from exc
        except UnicodeDecodeError as exc:
            raise DecodeFailedError("The request is not OTLP/JSON: it is not UTF-8.") from exc
        except msgspec.DecodeError as exc:
            raise DecodeFailedError(f"The request is not OTLP/JSON: {exc}.") from exc

    def _salvaged(self, data: bytes, error: DecodeFailedError) -> Found[_Item]:
        """The items that can be read one by one; ``error`` when there are none."""
        try:
            loose = self._loosened(data).resources or []
            parts = [self._tightened(sent) for sent in loose]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise error from None
        kept = _count(parts)
        if not kept:
            raise error
        return Found(_Request(resources=parts), _count(loose) - kept)

    def _loosened(self, data: bytes) -> _Request:
        try:
            # Enough for most, and faster by far than mending the whole of a large request.
            return self._loose.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            mended = mended_json(data)
        try:
            return self._loose.decode(mended)
        except UnicodeDecodeError:
            return self._loose.decode(repaired_json(mended))

    def _tightened(self, sent: _LooseResource) -> _OfResource:
        """What is sound in it; the items of a resource or scope that is not sound are left out like those that are not."""
        try:
            resource = _part(self._resource, sent.resource) if sent.resource != _NULL else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _OfResource()
        scopes = [self._tightened_scope(loose) for loose in sent.scopes or ()]
        return _OfResource(resource=resource, scopes=scopes, schema_url=sent.schema_url)

    def _tightened_scope(self, sent: _LooseScope) -> _OfScope:
        try:
            scope = _part(self._scope, sent.scope) if sent.scope != _NULL else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _OfScope()
        items: list[_Item] = []
        for raw in sent.items or ():
            try:
                items.append(_part(self._item, raw))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return _OfScope(scope=scope, items=items, schema_url=sent.schema_url)


def _count(parts: list[Any]) -> int:
    return sum(len(of_scope.items or ()) for part in parts for of_scope in part.scopes or ())


def _part(decoder: msgspec.json.Decoder[_Part], raw: msgspec.Raw) -> _Part:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = mended_json(bytes(raw))
    try:
        # Nothing but brackets and numbers was at fault.
        return decoder.decode(mended)
    except UnicodeDecodeError:
        part: _Part = decoder.decode(repaired_json(mended))
    mark = AnyMessage(array_value=ArrayMessage(values=[AnyMessage(string_value=text_fault(mended))]))
    part.attributes = [*(part.attributes or ()), PairMessage(key=REPAIRED_KEY, value=mark)]
    return part


def _resource(of_resource: _OfResource) -> Resource:
    message = of_resource.resource or ResourceMessage()
    return Resource(
        attributes=attributes_of(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        schema_url=of_resource.schema_url or "",
    )


def _scope(of_scope: _OfScope) -> Scope:
    message = of_scope.scope or ScopeMessage()
    return Scope(
        name=message.name or "",
        version=message.version or "",
        attributes=attributes_of(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        schema_url=of_scope.schema_url or "",
    )
