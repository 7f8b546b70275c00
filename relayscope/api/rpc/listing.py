"""Services and their operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from relayscope.api.jaeger.translation import KIND_NAMES
from storage.api import SpanReader
from tracedata import CallerError, SpanKind

_KINDS = {name: kind for kind, name in KIND_NAMES.items()} | {"unspecified": int(SpanKind.UNSPECIFIED)}


class ListedOperation(NamedTuple):
    """A name and the word of its kind, empty when it is unspecified."""

    name: str
    span_kind: str


class Listings:
    """Those of one workspace."""

    def __init__(self, reader: SpanReader, *, workspace_id: int) -> None:
        self._reader = reader
        self._workspace_id = workspace_id

    async def services(self) -> Sequence[str]:
        """Sorted by name."""
        return await self._reader.services(self._workspace_id)

    async def operations(self, *, service: str, span_kind: str) -> Sequence[ListedOperation]:
        """Those of a service, of one kind or of any; none of a kind that does not exist.

        Raises:
            CallerError: no service is named.
        """
        if not service:
            raise CallerError("service is required")
        if span_kind and span_kind not in _KINDS:
            return []
        kind = _KINDS[span_kind] if span_kind else None
        found = await self._reader.operations(self._workspace_id, service=service, kind=kind)
        return [ListedOperation(operation.name, KIND_NAMES.get(operation.kind, "")) for operation in found]
