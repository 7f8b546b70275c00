"""Calls between services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from relayscope.api.generated.jaeger.api_v2.query_pb2 import GetDependenciesRequest as RequestV2
from relayscope.api.generated.jaeger.api_v3.query_pb2 import GetDependenciesRequest as RequestV3
from relayscope.api.generated.jaeger.storage.v2.dependency_pb2 import GetDependenciesRequest as StorageRequest
from relayscope.api.rpc.moment import moment_us
from storage.api import ServiceEdge, SpanReader, Window
from tracedata import CallerError

Request: TypeAlias = RequestV2 | RequestV3 | StorageRequest


class Dependencies:
    """Those of one workspace."""

    def __init__(self, reader: SpanReader, *, workspace_id: int) -> None:
        self._reader = reader
        self._workspace_id = workspace_id

    async def find(self, request: Request) -> Sequence[ServiceEdge]:
        """Calls whose callee starts in the window, self edges included.

        Raises:
            CallerError: a bound is missing, or the end is not after the start.
        """
        start = moment_us(request.start_time) if request.HasField("start_time") else None
        end = moment_us(request.end_time) if request.HasField("end_time") else None
        if start is None or end is None:
            raise CallerError("start time and end time are required parameters")
        if end <= start:
            raise CallerError("end time must be after start time")
        window = Window(workspace_id=self._workspace_id, start_us=start, end_us=end)
        return await self._reader.service_edges(window)
