"""Jaeger's web page: an unpacked build of it, with what it has to know of us written into its ``index.html``.

Source: jaegertracing/jaeger ``internal/static_handler.go``, jaegertracing/jaeger-ui ``index.html``.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path

import msgspec
from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from tracedata import CallerError

_STATIC = "/static/"
# Built files have a hash of their content in their name, so what is under a name never changes.
_HASHED = re.compile(r"[-.][0-9A-Za-z_-]{8,}\.[0-9a-z]+(\.map)?$")
_FOREVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_CAPABILITIES = re.compile(r"JAEGER_(BACKEND|STORAGE)_CAPABILITIES *= *DEFAULT_(?:BACKEND|STORAGE)_CAPABILITIES;")
_VERSION = re.compile(r"JAEGER_VERSION *= *DEFAULT_VERSION;")
# The table of the machine may say otherwise, and a script of another type is not run.
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the web page may offer; those of storage are all that pages up to 2.19 know."""

    archive_storage: bool
    metrics_storage: bool
    search_without_service_name: bool = True
    ai_assistant: bool = False


class JaegerUi(msgspec.Struct, frozen=True, kw_only=True):
    """A build: its folder, and its ``index.html`` as it was built."""

    folder: Path
    index: str


def load_ui(folder: Path) -> JaegerUi:
    """The build in ``folder``.

    Raises:
        CallerError: there is none.
    """
    index = folder / "index.html"
    try:
        text = index.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CallerError(f"{folder} has no build of Jaeger's web page: index.html cannot be read") from exc
    if not (folder / "static").is_dir():
        raise CallerError(f"{folder} has no build of Jaeger's web page: there is no folder named static")
    if not _CAPABILITIES.search(text):
        raise CallerError(f"{index} is not that of Jaeger's web page: it has no place for capabilities")
    return JaegerUi(folder=folder.resolve(), index=text)


def index_page(ui: JaegerUi, capabilities: Capabilities, *, version: str) -> str:
    """The page as it is sent: with our version and with what we can do."""
    told = _in_script(msgspec.json.encode(capabilities).decode())
    named = _in_script(json.dumps({"gitCommit": "", "gitVersion": f"Relayscope {version}", "buildDate": ""}))
    page = _CAPABILITIES.sub(lambda found: f"JAEGER_{found[1]}_CAPABILITIES = {told};", ui.index)
    return _VERSION.sub(lambda _: f"JAEGER_VERSION = {named};", page)


def _in_script(text: str) -> str:
    """JSON that can end no script."""
    return text.replace("<", "\\u003c")


class WebPage(BaseRoute):
    """Answers whatever nobody else does: files below ``/static/``, and the page itself for all of its own addresses.

    To be the last entry of ``app.router.routes`` but for what answers below ``/api``. It claims a partial match only, so
    that every route that knows the path comes first; ``/api`` is not its own.
    """

    def __init__(self, ui: JaegerUi, capabilities: Capabilities, *, version: str) -> None:
        self._page = HTMLResponse(
            index_page(ui, capabilities, version=version),
            headers={"Cache-Control": _REVALIDATE, "X-Content-Type-Options": "nosniff"},
        )
        # Links that lead out of the folder are not followed.
        self._files = StaticFiles(directory=ui.folder / "static", follow_symlink=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether somebody asks to see something, and not below ``/api``."""
        path = _path(scope) if scope["type"] == "http" else "/api"
        is_ours = scope.get("method") in ("GET", "HEAD") and path != "/api" and not path.startswith("/api/")
        return (Match.PARTIAL, {}) if is_ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **_path_params: object) -> URLPath:
        """It has no name."""
        raise NoMatchFound(name, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the page or a file."""
        path = _path(scope)
        response = await self._file(path, scope) if path.startswith(_STATIC) else self._page
        await response(scope, receive, send)

    async def _file(self, path: str, scope: Scope) -> Response:
        name = path.removeprefix(_STATIC)
        try:
            response = await self._files.get_response(name, scope)
        except HTTPException:
            return PlainTextResponse("404 page not found\n", status_code=HTTPStatus.NOT_FOUND)
        except ValueError:
            # A name that no file can have.
            return PlainTextResponse("404 page not found\n", status_code=HTTPStatus.NOT_FOUND)
        media_type = _MEDIA_TYPES.get(Path(name).suffix.lower())
        if media_type is not None and response.status_code != HTTPStatus.NOT_MODIFIED:
            response.headers["Content-Type"] = media_type
        response.headers["Cache-Control"] = _FOREVER if _HASHED.search(name) else _REVALIDATE
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _path(scope: Scope) -> str:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path
