"""What is learnt of spans by looking at the newest ones of a window, as many as time and a budget of rows allow.

``tests/contract/storage`` holds the suite that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from tracedata import Span, Value

AttributePlace: TypeAlias = Literal["span", "resource", "scope", "event", "link"]
ATTRIBUTE_PLACES: Sequence[AttributePlace] = ("span", "resource", "scope", "event", "link")
# In OTLP's words; ``empty`` is a value with nothing set.
ValueType: TypeAlias = Literal["string", "bool", "int", "double", "bytes", "array", "kvlist", "empty"]

MAX_VALUE_CHARS = 256
"""Values whose JSON is longer are left out: they are no suggestions."""


class SampleWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Which spans are meant: those that start in the window, both ends included, in Unix microseconds."""

    workspace_id: int
    start_us: int
    end_us: int
    service: str | None = None


class AttributeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with values of one type at one place. ``count`` is how often it was seen.

    What stands in a resource or scope counts once for each span of it; what stands in events and links as often as there.
    """

    place: AttributePlace
    key: str
    type: ValueType
    count: int


class AttributeValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a key at one place, and how often it was seen."""

    place: AttributePlace
    value: Value
    count: int


class KeySample(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the newest ``sampled`` spans, each place, key and type once; ``is_complete`` when these are all of the window."""

    keys: Sequence[AttributeKey]
    sampled: int
    is_complete: bool


class ValueSample(msgspec.Struct, frozen=True, kw_only=True):
    """The values of a key in the newest ``sampled`` spans, each place and value once; ``is_complete`` when these are all of the window.

    Not more than the budget of distinct values is told; then it is not complete.
    """

    values: Sequence[AttributeValue]
    sampled: int
    is_complete: bool


class FailureSample(msgspec.Struct, frozen=True, kw_only=True):
    """Spans with an error among the newest ``sampled`` spans, newest first; ``is_complete`` when these are all of the window."""

    spans: Sequence[Span]
    sampled: int
    is_complete: bool


class SampleReader(Protocol):
    """Looks at the newest spans of a window until a budget is used up. Rows of other workspaces are never visible.

    Every method raises ``RetryableError`` when the store cannot be reached.
    """

    async def attribute_keys(self, window: SampleWindow) -> KeySample: ...

    async def attribute_values(
        self, window: SampleWindow, *, key: str, place: AttributePlace | None = None
    ) -> ValueSample:
        """The values of ``key``, at one place or at all of them."""
        ...

    async def failed_spans(self, window: SampleWindow, *, operation: str, limit: int) -> FailureSample:
        """Spans of this name whose status is an error, at most ``limit``."""
        ...
