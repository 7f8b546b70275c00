"""What the parameters of a search, which are nearly the same in three contracts, ask the store for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from google.protobuf.json_format import MessageToDict

from query.expression.lowering import lower
from query.expression.node import Call, convert_call
from query.traceql.search import trace_query
from relayscope.api.generated.jaeger.api_v2.query_pb2 import TraceQueryParameters as ParametersV2
from relayscope.api.generated.jaeger.api_v3.query_pb2 import TraceQueryParameters as ParametersV3
from relayscope.api.generated.jaeger.expression.v1.expression_pb2 import Call as CallMessage
from relayscope.api.generated.jaeger.storage.v2.trace_pb2 import TraceQueryParameters as StorageParameters
from relayscope.api.jaeger.finding import Wanted, check_alone
from relayscope.api.rpc.moment import length_ns, moment_us
from storage.api import Tag, TraceSearch, Window
from tracedata import CallerError

DEFAULT_DEPTH = 100
MAX_DEPTH = 1_500
_FOREVER_US = 2**63 // 1_000

Parameters: TypeAlias = ParametersV2 | ParametersV3 | StorageParameters


def read_search(parameters: Parameters, *, tags: Sequence[Tag], workspace_id: int) -> Wanted:
    """A search by predicates, or by a structured filter.

    Raises:
        CallerError: a duration is negative or upside down, or there is a filter beside predicates.
    """
    depth = parameters.search_depth
    limit = min(depth, MAX_DEPTH) if depth > 0 else DEFAULT_DEPTH
    start, end = window_us(parameters)
    if not isinstance(parameters, ParametersV2) and parameters.HasField("filter"):
        _check_alone(parameters, tags)
        window = Window(workspace_id=workspace_id, start_us=start, end_us=end)
        return trace_query(lower(_call(parameters.filter)), window, limit=limit)
    shortest, longest = length_ns(parameters.duration_min), length_ns(parameters.duration_max)
    if shortest is not None and longest is not None and longest < shortest:
        raise CallerError("duration_max should be greater than duration_min")
    return TraceSearch(
        workspace_id=workspace_id,
        start_us=start,
        end_us=end,
        limit=limit,
        service=parameters.service_name or None,
        operation=parameters.operation_name or None,
        min_duration_ns=shortest,
        max_duration_ns=longest,
        tags=tags,
    )


def window_us(parameters: Parameters) -> tuple[int, int]:
    """Bounds of the starts of spans; everything where there is none."""
    start, end = _bounds(parameters)
    return (0 if start is None else start), (_FOREVER_US if end is None else end)


def has_window(parameters: Parameters) -> bool:
    """Whether both bounds are set."""
    return None not in _bounds(parameters)


def _bounds(parameters: Parameters) -> tuple[int | None, int | None]:
    start = moment_us(parameters.start_time_min) if parameters.HasField("start_time_min") else None
    end = moment_us(parameters.start_time_max) if parameters.HasField("start_time_max") else None
    return start, end


def _check_alone(parameters: ParametersV3 | StorageParameters, tags: Sequence[Tag]) -> None:
    lengths = length_ns(parameters.duration_min), length_ns(parameters.duration_max)
    check_alone(parameters.service_name, parameters.operation_name, tags, *lengths)


def _call(message: CallMessage) -> Call:
    return convert_call(MessageToDict(message))
