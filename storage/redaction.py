"""What is known of redaction once spans and log records are stored: what verifying finds, and how far applying a stricter policy has come.

Nothing here holds a value. Keys are shown only after somebody has looked whether they hold personal data themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from tracedata import Attributes, Processor


class Finder(Protocol):
    """Says what redaction would replace in what is stored; an empty map means nothing.

    Placeholders, such as ``<EMAIL_ADDRESS>``, are nothing, and so is an entity that the policy keeps.
    """

    def in_text(self, text: str, *, key: str) -> Mapping[str, int]:
        """Counts by entity. ``key`` is the attribute key or place, such as ``name``."""
        ...

    def in_attributes(self, attributes: Attributes) -> Mapping[str, Mapping[str, int]]:
        """Counts by attribute key and entity; keys and nested values included."""
        ...


# What finds in a workspace, since policies differ.
FinderOf = Callable[[int], Finder]
# The processor for a workspace, since operators have a key of each workspace.
ProcessorOf = Callable[[int], Processor]


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where something was found, and how often.

    ``column`` is ``table.column``; what only a dump shows begins with ``dump:``. ``first_seen`` is the earliest time of
    the rows: the start of a span, or when a dictionary entry was stored; none where rows have no time.
    """

    column: str
    key: str
    entity: str
    count: int
    first_seen: datetime | None = None


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was looked at, and what was found there, by place."""

    policy: str
    tables: int
    rows: int
    places: Sequence[Place]

    @property
    def found(self) -> int:
        return sum(place.count for place in self.places)


class VerifyProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``expected_rows`` is PostgreSQL's estimate, at least what was seen."""

    table: str
    rows: int
    expected_rows: int


class ApplyProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """After a page. Counts are those of the whole run, spans and log records, interrupted parts included."""

    run_id: int
    partition: str
    rows: int
    changed: int
    expected_rows: int


class Application(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a run did. ``entries`` counts changed resources and scopes, ``operations`` removed ones.

    ``changed`` counts spans and log records; ``skipped`` are those whose resource or scope is not stored, which cannot be read.
    """

    run_id: int
    policy: str
    is_resumed: bool
    spans: int
    log_records: int
    changed: int
    skipped: int
    entities: Mapping[str, int]
    entries: int
    operations: int
    vacuumed: Sequence[str]


OnVerify = Callable[[VerifyProgress], None]
OnApply = Callable[[ApplyProgress], None]
