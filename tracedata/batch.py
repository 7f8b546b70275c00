"""What travels through a pipeline together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from tracedata.decision import Decision
from tracedata.interaction import Interaction
from tracedata.log_record import LogRecord
from tracedata.span import Span

NO_REJECTIONS: Mapping[str, int] = MappingProxyType({})


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Spans and log records of one workspace. A batch passed on is no longer yours: never change it afterwards.

    ``rejections`` counts by reason class the spans, or log records, that were left out on the way here.
    ``interactions`` and ``decisions`` are those that are final as far as anybody can know; ``arrivals`` are the ids of the traces
    of which they have to be settled once this is stored.
    """

    workspace_id: int
    spans: Sequence[Span] = ()
    log_records: Sequence[LogRecord] = ()
    rejections: Mapping[str, int] = NO_REJECTIONS
    interactions: Sequence[Interaction] = ()
    decisions: Sequence[Decision] = ()
    arrivals: Sequence[bytes] = ()
