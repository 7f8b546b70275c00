"""What finds one kind of entity. Stage one triggers it, stage two asks it about short windows only."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from redaction.finding import Finding


class DetectionError(Exception):
    """A detector cannot say what is in a text: it ran out of time, or failed. Whoever asked replaces the whole text."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a text stands: its attribute key, and the key's words in lower case, which are context for weak patterns.

    The words of ``user.homePhone`` are ``user home phone``; a text without a key has none. ``deadline``, a time of
    ``time.monotonic``, is when the text's time is up; without one there is no limit.
    """

    key: str = ""
    words: str = ""
    deadline: float = math.inf

    def remaining(self) -> float | None:
        """Seconds that an expression may take; None: as long as it needs.

        Raises:
            DetectionError: time is up.
        """
        if self.deadline == math.inf:
            return None
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise DetectionError("a text took too long")
        return seconds


class Detector(Protocol):
    """Finds entities of one kind. Stateless after construction; safe to share between texts and threads.

    ``triggers`` are Hyperscan expressions (bytes) over the text as ASCII, in which every other character stands as
    one ``?``. They are a superset: wherever ``find`` finds something in a whole text, a trigger ends inside it or at most
    ``reach`` characters from either of its ends. They should begin with something that limits how often they match in a
    run of the same characters, such as ``(?:^|[^0-9])``.
    """

    @property
    def entity(self) -> str: ...

    @property
    def triggers(self) -> Sequence[bytes]: ...

    @property
    def reach(self) -> int:
        """How far from a trigger's end a finding may begin or end, in characters; bounds the window."""
        ...

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        """Findings that lie in ``text[start:end]``, by place; boundaries and context words may be looked for outside of it.

        Scores are after context. The time is bounded by the window's length, and by the place's deadline.

        Raises:
            DetectionError: it cannot be said.
        """
        ...


def in_time(entity: str, findings: Iterable[Finding]) -> Sequence[Finding]:
    """All findings of an entity, which expressions with a limit of time are asked for one by one.

    Raises:
        DetectionError: one of the expressions ran out of time.
    """
    try:
        return list(findings)
    except TimeoutError as exc:
        raise DetectionError(f"{entity} ran out of time") from exc
