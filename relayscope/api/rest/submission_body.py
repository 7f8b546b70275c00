"""Bodies of what is submitted: one item as an object, or a list of them, each good or refused."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from fastapi import Request

from relayscope.api.rest.body import JSON, read_body
from relayscope.api.rest.submitted import MAX_BODY_BYTES, MAX_ITEMS, Refusal, read_items
from tracedata import CallerError

_Item = TypeVar("_Item")

_SHOWN_ERRORS = 5


class SubmissionBodies(Generic[_Item]):
    """Reads the bodies of requests, one at a time, with ``read_item`` for each item."""

    def __init__(self, read_item: Callable[[object], _Item | Refusal]) -> None:
        self._read_item = read_item
        # One large request at a time: several threads would only keep the event loop waiting longer.
        self._reading = asyncio.Semaphore(1)

    async def read(self, request: Request) -> Sequence[_Item | Refusal]:
        """The items in their order.

        Raises:
            CallerError: the body is no such JSON, or a single object that cannot be taken.
            HTTPException: it is too large, or of another media type.
        """
        body = await read_body(request, max_bytes=MAX_BODY_BYTES)
        async with self._reading:
            found, is_list = await asyncio.to_thread(read_items, body, self._read_item)
        first = found[0]
        if not is_list and isinstance(first, Refusal):
            raise CallerError("; ".join(f"{error.field}: {error.detail}" for error in first.errors[:_SHOWN_ERRORS]))
        return found


# ``Any``: a tree of OpenAPI.
def describe_body(item: type[msgspec.Struct]) -> dict[str, Any]:
    """The body of a request, for OpenAPI."""
    reference = {"$ref": f"#/components/schemas/{item.__name__}"}
    either = {"oneOf": [reference, {"type": "array", "items": reference, "maxItems": MAX_ITEMS}]}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": either}}}}
