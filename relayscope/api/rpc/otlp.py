"""Spans as OTLP's messages, in pieces that a gRPC client takes by default."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relayscope.otlp.wire import resource_bytes, resource_part, scope_bytes, span_bytes
from tracedata import Resource, Scope, Span

# Clients take 4 MiB at a time unless they are told otherwise. One span that is larger goes alone.
MAX_PIECE_BYTES = 3 * 1024 * 1024
# What a message costs where it stands in another: its tag and its length.
_FRAME_BYTES = 8


def encode_traces_data(spans: Sequence[Span]) -> list[bytes]:
    """Serialised ``TracesData`` with these spans, those of one resource and scope together. Nothing for no spans."""
    return [piece.encoded() for piece in _pieces(spans)]


def _pieces(spans: Sequence[Span]) -> Iterator[_Piece]:
    piece = _Piece()
    for span in spans:
        encoded = span_bytes(span)
        if not piece.takes(span, encoded):
            yield piece
            piece = _Piece()
        piece.add(span, encoded)
    if piece.size:
        yield piece


class _Piece:
    """One message while it grows."""

    def __init__(self) -> None:
        self.size = 0
        # By identity: spans of one page share their resources and scopes, and keep them alive.
        self._resources: dict[int, tuple[Resource, dict[int, tuple[Scope, list[bytes]]]]] = {}

    def takes(self, span: Span, encoded: bytes) -> bool:
        """Whether there is room; there always is for the first one."""
        return not self.size or self.size + self._cost(span, encoded) <= MAX_PIECE_BYTES

    def add(self, span: Span, encoded: bytes) -> None:
        self.size += self._cost(span, encoded)
        _, scopes = self._resources.setdefault(id(span.resource), (span.resource, {}))
        scopes.setdefault(id(span.scope), (span.scope, []))[1].append(encoded)

    def encoded(self) -> bytes:
        return b"".join([resource_part(resource, scopes.values()) for resource, scopes in self._resources.values()])

    def _cost(self, span: Span, encoded: bytes) -> int:
        cost = len(encoded) + _FRAME_BYTES
        _, scopes = self._resources.get(id(span.resource), (None, None))
        if scopes is None:
            cost += len(resource_bytes(span.resource)) + len(span.resource.schema_url) * 4 + _FRAME_BYTES
        if scopes is None or id(span.scope) not in scopes:
            cost += len(scope_bytes(span.scope)) + len(span.scope.schema_url) * 4 + _FRAME_BYTES
        return cost
