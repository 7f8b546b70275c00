"""Requests that a page sends from another site, to the listeners as they are wired."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import reduce
from operator import getitem
from pathlib import Path

import httpx
import pytest
from google.rpc.status_pb2 import Status

from receiver.guest_server import GuestServer
from receiver.http_server import OtlpHttpServer
from relayscope.app import build_api
from relayscope.ingest import build_ingest
from relayscope.settings import load_settings

# Nobody is asked for it: what is refused, and what is asked here besides, needs no database.
_DATABASE = "postgresql://127.0.0.1:1/none"
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_EVIL = {"host": "evil.example:8000"}
_REBOUND = {**_EVIL, "origin": "http://evil.example:8000"}
_FOREIGN = {"host": "traces.example", "origin": "https://evil.example"}
_OWN = {"host": "traces.example", "origin": "https://traces.example"}


@pytest.fixture
async def urls(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The listeners of HTTP of both kinds of process, and nothing else of them."""
    settings = load_settings(
        flags={
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}},
            "service": {
                "http": {"endpoint": "127.0.0.1:0", "allowed_hosts": ["Traces.Example"]},
                "jaeger": {"http": "127.0.0.1:0"},
            },
        }
    )
    (otlp,) = (
        part
        for part in build_ingest(settings, _DATABASE, slot="ingest-0", run=tmp_path)
        if isinstance(part, OtlpHttpServer)
    )
    (api,) = (
        part for part in build_api(settings, _DATABASE, slot="api", run=tmp_path) if isinstance(part, GuestServer)
    )
    async with AsyncExitStack() as stack:
        for server in (otlp, api):
            await server.start()
            stack.push_async_callback(server.aclose)
        ports = {"otlp": otlp.port, "api": api.ports[0], "jaeger": api.ports[1]}
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.mark.parametrize("listener", ["api", "jaeger"])
async def test_the_api_answers_to_its_names(client: httpx.AsyncClient, urls: dict[str, str], listener: str) -> None:
    url = f"{urls[listener]}/healthz"
    statuses = [
        (await client.get(url, headers=headers)).status_code
        for headers in ({}, {"host": "localhost"}, {"host": "traces.example"}, _EVIL)
    ]
    assert statuses == [200, 200, 200, 421]


@pytest.mark.parametrize(
    ("path", "media_type", "place"),
    [
        ("/api/v1/traces", "application/problem+json", ["detail"]),
        ("/", "application/problem+json", ["detail"]),
        ("/api/traces", "text/plain; charset=utf-8", ["errors", 0, "msg"]),
        ("/api/v3/services", "text/plain; charset=utf-8", ["error", "message"]),
    ],
    ids=["REST", "page", "Jaeger", "Jaeger's newer API"],
)
async def test_each_api_refuses_in_its_own_form(
    client: httpx.AsyncClient, urls: dict[str, str], path: str, media_type: str, place: Sequence[str | int]
) -> None:
    response = await client.get(urls["jaeger"] + path, headers=_EVIL)
    assert response.status_code == 421
    assert response.headers["content-type"] == media_type
    assert "add evil.example to service.http.allowed_hosts" in reduce(getitem, place, response.json())


@pytest.mark.parametrize("path", ["/api/archive/1", "/api/v1/decisions/replay"])
async def test_pages_of_others_post_nothing_to_the_api(
    client: httpx.AsyncClient, urls: dict[str, str], path: str
) -> None:
    url = urls["api"] + path
    foreign, own = [await client.post(url, headers=headers, content=b"") for headers in (_FOREIGN, _OWN)]
    assert foreign.status_code == 403
    assert "evil.example" in foreign.text
    assert own.status_code not in {403, 421}


@pytest.mark.parametrize("content_type", [_PROTOBUF, _JSON])
@pytest.mark.parametrize(
    ("headers", "status", "code"), [(_REBOUND, 421, 3), (_FOREIGN, 403, 7)], ids=["host", "origin"]
)
async def test_otlp_refuses_in_its_own_form(  # noqa: PLR0917 - two tables
    client: httpx.AsyncClient,
    urls: dict[str, str],
    content_type: str,
    headers: dict[str, str],
    status: int,
    code: int,
) -> None:
    response = await client.post(
        f"{urls['otlp']}/v1/traces", headers={**headers, "content-type": content_type}, content=b""
    )
    assert response.status_code == status
    assert response.headers["content-type"] == content_type
    told = Status.FromString(response.content) if content_type == _PROTOBUF else Status(**json.loads(response.content))
    assert told.code == code
    assert "add evil.example to service.http.allowed_hosts" in told.message


@pytest.mark.parametrize(
    "headers",
    [{}, {"host": "traces.corp.example:4318"}, {"host": "localhost", "origin": "http://localhost"}, _OWN],
    ids=["address", "a name of the sender's", "a page of its own", "an allowed page"],
)
async def test_otlp_takes_what_is_for_it(
    client: httpx.AsyncClient, urls: dict[str, str], headers: dict[str, str]
) -> None:
    response = await client.post(
        f"{urls['otlp']}/v1/traces", headers={**headers, "content-type": _PROTOBUF}, content=b""
    )
    assert response.status_code == 200
