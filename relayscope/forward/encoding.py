"""From spans and log records to pieces of a bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from relayscope.forward.parcel import Form, Piece
from relayscope.otlp.document import encode, logs_document, traces_document
from relayscope.otlp.wire import logs_bytes, traces_bytes
from tracedata import LogRecord, SignalName, Span

MAX_REQUEST_BYTES = 2 << 20
"""A request is not made larger than this, unless one item is; most receivers take 4 MiB over gRPC."""

Items: TypeAlias = "Sequence[Span] | Sequence[LogRecord]"

# Items are of the signal that the encoder is for, which the type checker cannot know.
_ENCODERS: Mapping[tuple[SignalName, Form], Callable[..., bytes]] = {
    ("traces", "protobuf"): traces_bytes,
    ("logs", "protobuf"): logs_bytes,
    ("traces", "json"): lambda spans: encode(traces_document(spans)),
    ("logs", "json"): lambda records: encode(logs_document(records)),
}


def pieces(
    items: Items, *, signal: SignalName, form: Form, max_bytes: int = MAX_REQUEST_BYTES
) -> Iterator[Piece | None]:
    """The items in order, in as few pieces as their size allows; ``None`` for each one that cannot be encoded."""
    if not items:
        return
    try:
        data = _ENCODERS[signal, form](items)
    except Exception:  # noqa: BLE001 - whatever one of them is, its neighbours go on
        data = None
    if data is not None and (len(data) <= max_bytes or len(items) == 1):
        yield Piece(signal=signal, data=data, items=len(items))
        return
    if len(items) == 1:
        yield None
        return
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        yield from pieces(half, signal=signal, form=form, max_bytes=max_bytes)
