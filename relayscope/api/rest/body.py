"""Bodies of requests, which are never larger than they may be."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request

JSON = "application/json"


def media_type_of(request: Request) -> str:
    """The media type of the body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, *, media_types: Collection[str] = (JSON,), max_bytes: int) -> bytes:
    """The body.

    Raises:
        HTTPException: it is too large, or of another media type.
    """
    if media_type_of(request) not in media_types:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The content type must be {' or '.join(media_types)}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {max_bytes:,} bytes at most.")
    return bytes(body)
