"""Texts that are nobody's whatever their digits are: UUIDs, timestamps, decimal numbers, versions, as a whole."""

from __future__ import annotations

import re

from redaction.policy import NUMBER_ENTITIES

# What the shapes are kept from; an entity of the operator's own may well look like one of them.
SHAPELESS_ENTITIES = frozenset(NUMBER_ENTITIES)
_MAX_CHARS = 40
_SHAPES = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    # Source: RFC 3339, with a space or without a zone as well.
    r"|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-2][0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?(?:Z| ?[+-][01][0-9]:?[0-5][0-9])?)?"
    r"|[+-]?[0-9]{1,10}\.[0-9]{1,20}(?:[eE][+-]?[0-9]{1,3})?",
    re.ASCII,
)


def is_nobodys(text: str) -> bool:
    """Whether the whole text has one of these shapes."""
    return len(text) <= _MAX_CHARS and _SHAPES.fullmatch(text) is not None
