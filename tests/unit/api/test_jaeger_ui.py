"""An unpacked build of Jaeger's web page, as a browser gets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from relayscope.api.app import create_app
from relayscope.api.jaeger import JaegerAccess, load_ui
from relayscope.api.jaeger.ui import Capabilities, index_page
from storage.postgres.archive import PostgresTraceArchive
from tests.support.invocation import invoke
from tests.support.memory_store import MemoryStore
from tracedata import CallerError

# Both generations of places, spaced as they occur.
_INDEX = """<!doctype html><html><head><script>
function a() { const DEFAULT_STORAGE_CAPABILITIES = {}; const JAEGER_STORAGE_CAPABILITIES = DEFAULT_STORAGE_CAPABILITIES; }
function b() { const DEFAULT_BACKEND_CAPABILITIES = {}; const JAEGER_BACKEND_CAPABILITIES=DEFAULT_BACKEND_CAPABILITIES; }
function c() { const DEFAULT_VERSION = {}; const JAEGER_VERSION = DEFAULT_VERSION; }
function d() { const DEFAULT_CONFIG = null; const JAEGER_CONFIG = DEFAULT_CONFIG; }
</script></head><body><script src="./static/index-4fG7hJ2k.js"></script></body></html>
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    (folder / "static" / "media").mkdir(parents=True)
    (folder / "index.html").write_text(_INDEX)
    (folder / "static" / "index-4fG7hJ2k.js").write_text("run()")
    (folder / "static" / "style.css").write_text("a {}")
    (folder / "static" / "media" / "font-AbCdEf12.woff2").write_bytes(b"\0font")
    (folder / "secret.txt").write_text("beside static")
    (tmp_path / "outside.js").write_text("outside")
    return folder


def _client(folder: Path | None, *, has_archive: bool = False) -> httpx.AsyncClient:
    access = JaegerAccess(
        ui=None if folder is None else load_ui(folder),
        archive=PostgresTraceArchive("unused") if has_archive else None,
    )
    app = create_app(MemoryStore(), jaeger_access=access)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://relayscope")


@pytest.mark.parametrize(
    "path", ["/", "/search?service=a", "/trace/abc", "/dependencies", "/monitor", "/no/such/page", "/apis"]
)
async def test_every_address_of_its_own_shows_the_page(build: Path, path: str) -> None:
    async with _client(build) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert "./static/index-4fG7hJ2k.js" in answer.text


@pytest.mark.parametrize("has_archive", [False, True])
async def test_the_page_is_told_what_we_can_do_and_who_we_are(build: Path, *, has_archive: bool) -> None:
    async with _client(build, has_archive=has_archive) as client:
        page = (await client.get("/")).text
    told = {name: json.loads(text) for name, text in re.findall(r"const (JAEGER_\w+) ?= ?(\{[^;]*\});", page)}
    capabilities = {
        "archiveStorage": has_archive,
        "metricsStorage": False,
        "searchWithoutServiceName": True,
        "aiAssistant": False,
    }
    assert told["JAEGER_STORAGE_CAPABILITIES"] == told["JAEGER_BACKEND_CAPABILITIES"] == capabilities
    assert told["JAEGER_VERSION"]["gitVersion"].startswith("Relayscope ")
    assert "JAEGER_CONFIG = DEFAULT_CONFIG" in page


@pytest.mark.parametrize(
    ("name", "media_type", "caching"),
    [
        ("index-4fG7hJ2k.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("media/font-AbCdEf12.woff2", "font/woff2", "public, max-age=31536000, immutable"),
        ("style.css", "text/css; charset=utf-8", "no-cache"),
    ],
)
async def test_files_come_with_their_type_and_what_may_be_cached(
    build: Path, name: str, media_type: str, caching: str
) -> None:
    async with _client(build) as client:
        answer = await client.get(f"/static/{name}")
        again = await client.get(f"/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert answer.status_code == 200
    assert answer.content == (build / "static" / name).read_bytes()
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == again.headers["cache-control"] == caching
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/static/missing.js",
        "/static/",
        "/static/media",
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/%2e%2e%2f%2e%2e%2foutside.js",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/link.js",
        "/static/a%00b.js",
        "/static/" + "a" * 5_000,
    ],
)
async def test_nothing_outside_the_folder_is_served(build: Path, path: str) -> None:
    (build / "static" / "link.js").symlink_to(build.parent / "outside.js")
    async with _client(build) as client:
        # As it stands: the library would tidy the path up.
        request = client.build_request("GET", "http://relayscope/")
        request.url = httpx.URL("http://relayscope/").copy_with(raw_path=path.encode())
        answer = await client.send(request)
    assert answer.status_code in (200, 404)
    assert "outside" not in answer.text.split("<!doctype")[0]
    assert "beside static" not in answer.text
    assert "root:" not in answer.text
    # A path that leaves the folder before it gets here is another address of the page.
    assert answer.status_code == 404 or answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nope", 404),
        ("GET", "/api/", 404),
        ("GET", "/healthz", 200),
        ("GET", "/api/v1/nope", 404),
        ("POST", "/search", 404),
        ("GET", "/api/services", 200),
    ],
)
async def test_the_page_takes_nothing_from_the_apis(build: Path, method: str, path: str, status: int) -> None:
    async with _client(build) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert "doctype" not in answer.text


async def test_a_head_request_has_no_body(build: Path) -> None:
    async with _client(build) as client:
        answer = await client.head("/search")
    assert (answer.status_code, answer.text) == (200, "")


async def test_without_a_build_our_page_is_shown_and_nothing_else() -> None:
    async with _client(None) as client:
        assert "Relayscope" in (await client.get("/")).text
        assert (await client.get("/search")).status_code == 404


def test_what_is_told_can_end_no_script(build: Path) -> None:

    told = Capabilities(archive_storage=True, metrics_storage=True)
    page = index_page(load_ui(build), told, version="</script><script>alert(1)")
    assert "</script><script>alert" not in page


def test_nothing_is_started_when_there_is_no_build(tmp_path: Path) -> None:
    refused = invoke("up", "--jaeger-ui", str(tmp_path), "--data-dir", str(tmp_path / "data"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has no build of Jaeger's web page: index.html cannot be read" in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda folder: (folder / "index.html").unlink(), "index.html cannot be read", id="no page"),
        pytest.param(lambda folder: (folder / "index.html").write_bytes(b"\xff"), "cannot be read", id="no text"),
        pytest.param(lambda folder: (folder / "index.html").write_text("hi"), "no place", id="another page"),
        pytest.param(lambda folder: (folder / "static").rename(folder / "s"), "named static", id="no files"),
    ],
)
def test_a_folder_without_a_build_is_refused_with_a_reason(build: Path, spoil: object, reason: str) -> None:
    assert callable(spoil)
    spoil(build)
    with pytest.raises(CallerError, match=reason):
        load_ui(build)
