"""The JSON of attribute keys and values, for suggestions."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import AnyValue, Json, Time
from storage.sample import AttributePlace, ValueType

Scope: TypeAlias = Annotated[AttributePlace, Meta(description="Where the attribute stands.")]
Count: TypeAlias = Annotated[int, Meta(description="How often it was seen in the sample.")]
Sampled: TypeAlias = Annotated[int, Meta(description="How many spans were looked at: the newest of the window.")]
Complete: TypeAlias = Annotated[
    bool, Meta(description="Whether these are all spans of the window, and all that was found in them is here.")
]


class AttributeKey(Json, frozen=True, kw_only=True):
    """A key at one place."""

    key: str
    scope: Scope
    types: Annotated[Sequence[ValueType], Meta(description="The types of its values, the most frequent first.")]
    count: Count


class AttributeKeyList(Json, frozen=True, kw_only=True):
    """Keys, the most frequent first."""

    items: Sequence[AttributeKey]
    next_cursor: None
    start: Time
    end: Time
    sampled_spans: Sampled
    complete: Complete


class AttributeValue(Json, frozen=True, kw_only=True):
    """A value of a key at one place."""

    value: AnyValue
    text: Annotated[str, Meta(description="The value as text, in the form that searches compare.")]
    scope: Scope
    count: Count


class AttributeValueList(Json, frozen=True, kw_only=True):
    """Values of a key, the most frequent first; long ones are left out."""

    key: str
    items: Sequence[AttributeValue]
    next_cursor: None
    start: Time
    end: Time
    sampled_spans: Sampled
    complete: Complete


ATTRIBUTE_ANSWERS: tuple[type[msgspec.Struct], ...] = (AttributeKeyList, AttributeValueList)
