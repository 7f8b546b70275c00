"""The page at ``/``: where to look. One file, nothing loaded from elsewhere."""

from collections.abc import Sequence
from html import escape
from string import Template

from fastapi import APIRouter
from starlette.responses import HTMLResponse

_LINKS: Sequence[tuple[str, str]] = (
    ("/api/v1/traces", "Newest traces"),
    ("/api/v1/traces?status=error", "Newest traces with errors"),
    ("/api/v1/traces/services", "Service map"),
    ("/api/v1/services", "Services"),
    ("/api/v1/ai-interactions", "Newest calls of models"),
    ("/api/v1/ai-interactions/models", "Models compared"),
    ("/api/v1/sessions", "Sessions"),
    ("/api/v1/logs", "Newest log records"),
    ("/api/services", "Services, as Jaeger's clients ask for them"),
    ("/api/v1/telemetry/health", "Health of the store"),
    ("/readyz", "Readiness"),
    ("/openapi.json", "OpenAPI document"),
)
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Relayscope</title>
<style>
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
code { font-family: ui-monospace, monospace }
</style>
</head>
<body>
<main>
<h1>Relayscope</h1>
<p>Traces on one PostgreSQL. Version $version.</p>
<ul>
$links
</ul>
<p>In a terminal: <code>relayscope traces</code>, <code>relayscope trace ID</code>, <code>relayscope map</code>,
<code>relayscope interactions list</code>.
Jaeger and Grafana: use this address as the URL of a Jaeger data source.</p>
</main>
</body>
</html>
""")


def create_router(*, version: str) -> APIRouter:
    """The router of ``/``."""
    links = "\n".join(f'<li><a href="{escape(path)}">{escape(title)}</a></li>' for path, title in _LINKS)
    page = _PAGE.substitute(version=escape(version), links=links)

    async def landing() -> HTMLResponse:
        return HTMLResponse(page)

    router = APIRouter()
    router.add_api_route("/", landing, include_in_schema=False)
    return router
