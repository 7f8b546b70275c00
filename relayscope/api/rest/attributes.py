"""The endpoints of attribute keys and values: what a search could ask for."""

import asyncio
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from relayscope.api.rest import attribute_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import Text, WindowParameters
from relayscope.api.rest.value import iso_time
from relayscope.api.workspace import workspace_of
from relayscope.otlp.value import any_value
from storage.sample import AttributeKey, AttributePlace, KeySample, SampleReader, SampleWindow, ValueSample, ValueType
from tracedata import CallerError
from tracedata.printed import printed

_NS_PER_US = 1_000
_MAX_KEY_CHARS = 8_192

KeyPath = Annotated[
    str, Path(description="The key, percent-encoded; it may have dots and slashes.", examples=["http.route"])
]


class KeyParameters(WindowParameters):
    """Which keys are wanted."""

    service: Text | None = Field(None, description="Only spans of this service.", examples=["gateway"])
    scope: AttributePlace | None = Field(None, description="Only attributes that stand there.")
    q: Text | None = Field(None, description="Only those that begin with this.", examples=["http."])
    limit: int = Field(100, ge=1, le=1_000, description="How many at most.")

    def sample_window(self, *, workspace_id: int, now_ns: int) -> SampleWindow:
        start_us, end_us = self.bounds_us(now_ns)
        return SampleWindow(workspace_id=workspace_id, start_us=start_us, end_us=end_us, service=self.service or None)


class AttributeEndpoints:
    """Answers from a sample of the newest spans."""

    def __init__(self, samples: SampleReader, *, clock: Callable[[], int]) -> None:
        self._samples = samples
        self._clock = clock
        # One sample at a time: each can keep the database busy for a second.
        self._sampling = asyncio.Semaphore(1)

    async def keys(self, request: Request, parameters: Annotated[KeyParameters, Query()]) -> Response:
        """The attribute keys of the newest spans of the window, with the types of their values."""
        window = parameters.sample_window(workspace_id=workspace_of(request), now_ns=self._clock())
        async with self._sampling:
            sample = await self._samples.attribute_keys(window)
        return StructResponse(_keys(sample, parameters, window))

    async def values(self, request: Request, key: KeyPath, parameters: Annotated[KeyParameters, Query()]) -> Response:
        """The values of one key in the newest spans of the window, with how often they were seen."""
        if "\0" in key or len(key) > _MAX_KEY_CHARS:
            raise CallerError(f"key: must not contain the NUL character, nor have more than {_MAX_KEY_CHARS:,}")
        window = parameters.sample_window(workspace_id=workspace_of(request), now_ns=self._clock())
        async with self._sampling:
            sample = await self._samples.attribute_values(window, key=key, place=parameters.scope)
        return StructResponse(await asyncio.to_thread(_values, key, sample, parameters, window))


def create_router(samples: SampleReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/attributes``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/attributes", tags=["Attributes"], default_response_class=StructResponse)
    endpoints = AttributeEndpoints(samples, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "", endpoints.keys, summary="Attribute keys", responses=describe(schema.AttributeKeyList, *failures)
    )
    # ``path``, because keys may contain slashes.
    router.add_api_route(
        "/{key:path}/values",
        endpoints.values,
        summary="The values of an attribute key",
        responses=describe(schema.AttributeValueList, *failures),
    )
    return router


def _keys(sample: KeySample, parameters: KeyParameters, window: SampleWindow) -> schema.AttributeKeyList:
    counts: Counter[tuple[AttributePlace, str]] = Counter()
    types: dict[tuple[AttributePlace, str], list[ValueType]] = {}
    for one in sorted(sample.keys, key=_most_first):
        if _is_wanted(one, parameters):
            counts[one.place, one.key] += one.count
            types.setdefault((one.place, one.key), []).append(one.type)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0][1], pair[0][0]))
    return schema.AttributeKeyList(
        items=[
            schema.AttributeKey(key=key, scope=place, types=types[place, key], count=count)
            for (place, key), count in ranked[: parameters.limit]
        ],
        next_cursor=None,
        start=iso_time(window.start_us * _NS_PER_US),
        end=iso_time(window.end_us * _NS_PER_US),
        sampled_spans=sample.sampled,
        complete=sample.is_complete and len(ranked) <= parameters.limit,
    )


def _most_first(one: AttributeKey) -> tuple[int, str]:
    return -one.count, one.type


def _is_wanted(one: AttributeKey, parameters: KeyParameters) -> bool:
    return parameters.scope in {None, one.place} and one.key.startswith(parameters.q or "")


def _values(
    key: str, sample: ValueSample, parameters: KeyParameters, window: SampleWindow
) -> schema.AttributeValueList:
    told = [(printed(one.value), one) for one in sample.values]
    ranked = sorted(
        ((text, one) for text, one in told if text.startswith(parameters.q or "")),
        key=lambda pair: (-pair[1].count, pair[0], pair[1].place),
    )
    return schema.AttributeValueList(
        key=key,
        items=[
            schema.AttributeValue(value=any_value(one.value), text=text, scope=one.place, count=one.count)
            for text, one in ranked[: parameters.limit]
        ],
        next_cursor=None,
        start=iso_time(window.start_us * _NS_PER_US),
        end=iso_time(window.end_us * _NS_PER_US),
        sampled_spans=sample.sampled,
        complete=sample.is_complete and len(ranked) <= parameters.limit,
    )
