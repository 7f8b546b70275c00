"""Model calls for tests of what they cost: valid by default, with the usage that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict, Unpack

from tests.support.factory import BASE_US
from tracedata.interaction import Interaction, OperationName, Usage

START_NS = BASE_US * 1_000


class CallFields(TypedDict, total=False):
    """The fields of ``Interaction`` that a cost depends on, none required."""

    operation: OperationName
    provider: str
    model_requested: str
    model_served: str
    endpoint: str
    start_time_unix_nano: int
    parameters: dict[str, object]
    response: str


_DEFAULTS: CallFields = {
    "operation": "chat",
    "provider": "openai",
    "model_requested": "gpt-4o-mini",
    "start_time_unix_nano": START_NS,
}


def model_call(usage: Usage, **fields: Unpack[CallFields]) -> Interaction:
    """A call of gpt-4o-mini, unless told otherwise."""
    changed: CallFields = {**_DEFAULTS, **fields}
    return Interaction(trace_id=b"\1" * 16, span_id=b"\1" * 8, end_time_unix_nano=START_NS + 1, usage=usage, **changed)


def nanoseconds(moment: str) -> int:
    """An ISO time in UTC, in nanoseconds since 1970."""
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
