"""What is derived from stored spans and log records: interactions and decisions, made of the same evidence at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from tracedata import Interaction, LogRecord, Span
from tracedata.decision import Decision


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of some traces."""

    interactions: Sequence[Interaction] = ()
    decisions: Sequence[Decision] = ()


# Makes what there is to be made of all that is at hand: of one trace, or of several that tell of the same calls. Pure; the
# order of what it is given, and duplicates, change nothing. Heavy: it is called beside the event loop.
Derive: TypeAlias = Callable[[Sequence[Span], Sequence[LogRecord]], Derived]
# By workspace, since prices differ.
DeriveOf: TypeAlias = Callable[[int], Derive]


class Relevance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether anything is derived of a span, or a log record; what is above such spans gives them context.

    So a trace that is too large to be read whole can be read without the rest.
    """

    span: Callable[[Span], bool]
    log_record: Callable[[LogRecord], bool]
