"""Bodies of requests, never larger than they may be."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

JSON = "application/json"


async def json_body(request: Request, *, max_bytes: int) -> bytes:
    """The body, which says that it is JSON.

    Raises:
        HTTPException: it is too large, or no JSON: a page of another origin can send anything else without asking.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The content type must be {JSON}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {max_bytes:,} bytes at most.")
    return bytes(body)
