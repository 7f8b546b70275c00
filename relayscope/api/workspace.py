"""The one place where the workspace of a request is decided."""

from starlette.requests import Request

from storage.api import DEFAULT_WORKSPACE_ID


def workspace_of(request: Request) -> int:  # noqa: ARG001 - keys and headers of the request will decide later
    """The workspace whose rows the request may see."""
    return DEFAULT_WORKSPACE_ID
