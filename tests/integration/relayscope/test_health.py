"""Probes as load balancers send them."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from relayscope.api.problem import install_problem_handlers
from relayscope.api.rest import health
from storage.api import StoreHealth
from tests.support.api_server import serving
from tests.support.canned_reader import HEALTHY, CannedReader, unreachable


class _Stubborn(CannedReader):
    """A store that does not answer, and that does not let go when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed = asyncio.Event()
        self.questions = 0

    async def health(self) -> StoreHealth:
        self.questions += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await self.resumed.wait()
            raise
        return HEALTHY


async def test_a_store_that_does_not_let_go_holds_up_no_probe() -> None:
    reader = _Stubborn()
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(health.create_router(reader, version="1", patience_s=0.01))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
            later = await client.get("/readyz")
    assert {answer.status_code for answer in (*answers, later)} == {503}
    assert reader.questions == 2, "probes at once share a question"
    reader.resumed.set()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("reader", [CannedReader(), unreachable()], ids=["up", "down"])
def test_head_answers_like_get_without_a_body(reader: CannedReader, path: str) -> None:
    with serving(reader) as url:
        got, head = httpx.get(f"{url}{path}"), httpx.head(f"{url}{path}")
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
