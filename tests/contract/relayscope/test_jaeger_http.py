"""Jaeger's older HTTP JSON API as its clients see it: statuses, headers and bodies, field by field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from relayscope.api.jaeger import UnknownEndpoint, create_router
from storage.api import Operation, SpanReader, Tag, TraceSearch, Window
from tests.support.jaeger_reader import FixedReader, edge
from tracedata import CallerError, PermanentError, RelayscopeError, Resource, RetryableError, Scope, Span

NOW_NS = 1_700_000_000_123_456_789
NOW_US = NOW_NS // 1_000
DAY_US = 24 * 3_600_000_000
NEW = bytes.fromhex("00112233445566778899aabbccddeeff")
OLD = bytes(8) + bytes.fromhex("8899aabbccddeeff")
SHOP = Resource(attributes={"service.name": "shop"})
UNKNOWN = "f" * 32
WORKSPACE = 7
# One request for every read.
PATHS = (
    "services",
    "services/s/operations",
    "operations?service=s",
    "traces?service=s",
    "traces?traceID=a",
    "traces/a",
    "dependencies",
)
# What JSON holds is what the tests are about.
Json = Any


def span(trace_id: bytes, *, name: str) -> Span:
    return Span(
        trace_id=trace_id,
        span_id=b"\1" * 8,
        resource=SHOP,
        scope=Scope(),
        name=name,
        start_time_unix_nano=NOW_NS,
        end_time_unix_nano=NOW_NS + 5_000,
    )


def trace_json(trace_id: str, *, name: str) -> Json:
    return {
        "traceID": trace_id,
        "spans": [
            {
                "traceID": trace_id,
                "spanID": "01" * 8,
                "operationName": name,
                "references": [],
                "startTime": NOW_US,
                "duration": 5,
                "tags": [],
                "logs": [],
                "processID": "p1",
                "warnings": None,
            }
        ],
        "processes": {"p1": {"serviceName": "shop", "tags": []}},
        "warnings": None,
    }


NEW_JSON = trace_json(NEW.hex(), name="new")
OLD_JSON = trace_json("8899aabbccddeeff", name="old")


def envelope(data: Json, *, total: int = 0, errors: Json = None) -> Json:
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


@asynccontextmanager
async def serve(reader: SpanReader) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(create_router(reader, workspace_of=lambda _: WORKSPACE, clock_ns=lambda: NOW_NS))

    @app.get("/api/v1/things")
    def things() -> list[str]:
        return ["thing"]

    app.router.routes.append(UnknownEndpoint())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://relayscope") as client:
        yield client


@pytest.fixture
def reader() -> FixedReader:
    return FixedReader(
        spans=[span(NEW, name="new"), span(OLD, name="old")],
        operations={
            "shop": [
                Operation(name="GET /cart", kind=2),
                Operation(name="GET /cart", kind=3),
                Operation(name="tick", kind=0),
                Operation(name="odd", kind=99),
            ],
            "team/bank a+b": [Operation(name="pay", kind=1)],
        },
        edges=[edge("shop", "bank", calls=3), edge("bank", "bank", calls=1), edge("web", "shop", calls=2)],
    )


@pytest.fixture
async def client(reader: FixedReader) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(reader) as client:
        yield client


async def test_services(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/services")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == envelope(["shop", "team/bank a+b"], total=2)


@pytest.mark.parametrize("path", ["services", "services/x/operations", "operations?service=x", "dependencies"])
async def test_an_empty_store_answers_empty_arrays(path: str) -> None:
    async with serve(FixedReader()) as client:
        assert (await client.get(f"/api/{path}")).json() == envelope([])


@pytest.mark.parametrize(
    ("service", "names"),
    [
        pytest.param("shop", ["GET /cart", "tick", "odd"], id="each name once"),
        pytest.param("nobody", [], id="unknown service"),
        pytest.param("team%2Fbank%20a%2Bb", ["pay"], id="escaped"),
        pytest.param("team/bank%20a%2Bb", ["pay"], id="slash left as it is"),
        pytest.param("team%252Fbank%2520a%252Bb", ["pay"], id="escaped twice"),
        pytest.param("team%2Fbank+a%252Bb", ["pay"], id="a space as plus"),
    ],
)
async def test_operation_names(client: httpx.AsyncClient, service: str, names: list[str]) -> None:
    answer = await client.get(f"/api/services/{service}/operations")
    assert (answer.status_code, answer.json()) == (200, envelope(names, total=len(names)))


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        pytest.param("", [("GET /cart", "server"), ("GET /cart", "client"), ("tick", ""), ("odd", "")], id="any"),
        pytest.param("&spanKind=server", [("GET /cart", "server")], id="server"),
        pytest.param("&spanKind=unspecified", [("tick", "")], id="unspecified"),
        pytest.param("&spanKind=producer", [], id="none of this kind"),
        pytest.param("&spanKind=SERVER", [], id="no such kind"),
    ],
)
async def test_operations(client: httpx.AsyncClient, kind: str, found: list[tuple[str, str]]) -> None:
    answer = await client.get(f"/api/operations?service=shop{kind}")
    data = [{"name": name, "spanKind": span_kind} for name, span_kind in found]
    assert (answer.status_code, answer.json()) == (200, envelope(data, total=len(data)))


async def test_a_search_answers_whole_traces_in_the_order_found(client: httpx.AsyncClient, reader: FixedReader) -> None:
    query = "service=shop&operation=new&tag=a:1&minDuration=1ms&limit=20&lookback=1h"
    answer = await client.get(f"/api/traces?{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == envelope([NEW_JSON, OLD_JSON])
    assert reader.searches == [
        TraceSearch(
            workspace_id=WORKSPACE,
            start_us=NOW_US - 2 * DAY_US,
            end_us=NOW_US,
            limit=20,
            service="shop",
            operation="new",
            min_duration_ns=1_000_000,
            tags=[Tag(key="a", value="1")],
        )
    ]


async def test_a_search_without_a_match_answers_200_and_nothing() -> None:
    async with serve(FixedReader()) as client:
        answer = await client.get("/api/traces?service=nobody")
    assert (answer.status_code, answer.json()) == (200, envelope([]))


async def test_a_trace_that_is_gone_when_it_is_read_is_left_out() -> None:
    reader = FixedReader(spans=[span(NEW, name="new"), span(OLD, name="old")])
    reader.traces[OLD] = []
    async with serve(reader) as client:
        answer = await client.get("/api/traces?service=shop")
    assert answer.json() == envelope([NEW_JSON])


async def test_named_traces_come_in_order_and_missing_ones_are_reported(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/traces?traceID=8899AABBCCDDEEFF&traceID={UNKNOWN}&traceID={NEW.hex()}&traceID=a")
    missing = [
        {"msg": "trace not found", "traceID": UNKNOWN},
        {"msg": "trace not found", "traceID": "000000000000000a"},
    ]
    assert (answer.status_code, answer.json()) == (200, envelope([OLD_JSON, NEW_JSON], errors=missing))


async def test_a_trace_that_is_named_again_comes_once(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/traces?traceID={NEW.hex()}&traceID={NEW.hex()}&traceID=a&traceID=0a")
    missing = [{"msg": "trace not found", "traceID": "000000000000000a"}]
    assert answer.json() == envelope([NEW_JSON], errors=missing)


@pytest.mark.parametrize(
    "trace_id",
    [
        pytest.param("00112233445566778899aabbccddeeff", id="hex"),
        pytest.param("112233445566778899AABBCCDDEEFF", id="upper case, leading zeros left out"),
        pytest.param("ABEiM0RVZneImaq7zN3u_w", id="base64url"),
    ],
)
async def test_a_trace_is_found_by_every_form_of_its_id(client: httpx.AsyncClient, trace_id: str) -> None:
    answer = await client.get(f"/api/traces/{trace_id}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == envelope([NEW_JSON])


async def test_a_64_bit_trace_is_found_by_its_short_id(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/traces/8899aabbccddeeff")).json() == envelope([OLD_JSON])


@pytest.mark.parametrize(
    "hints",
    [
        pytest.param("start=1&end=2", id="another time"),
        pytest.param("start=1700000000000&end=1700000001000", id="milliseconds, as Grafana sends them"),
        pytest.param("start=2&end=1", id="backwards"),
        pytest.param("raw=true", id="raw"),
    ],
)
async def test_hints_never_hide_a_trace(client: httpx.AsyncClient, hints: str) -> None:
    assert (await client.get(f"/api/traces/{NEW.hex()}?{hints}")).json() == envelope([NEW_JSON])


@pytest.mark.parametrize(
    ("query", "window", "links"),
    [
        pytest.param(
            "",
            (NOW_US // 1_000 * 1_000 - DAY_US, NOW_US // 1_000 * 1_000),
            [("shop", "bank", 3), ("bank", "bank", 1), ("web", "shop", 2)],
            id="24 hours",
        ),
        pytest.param("service=shop", None, [("shop", "bank", 3), ("web", "shop", 2)], id="one service, either side"),
        pytest.param("service=nobody", None, [], id="unknown service"),
        pytest.param("endTs=5000&lookback=2000&service=web", (3_000_000, 5_000_000), [("web", "shop", 2)], id="times"),
    ],
)
async def test_dependencies(
    client: httpx.AsyncClient,
    reader: FixedReader,
    query: str,
    window: tuple[int, int] | None,
    links: list[tuple[str, str, int]],
) -> None:
    answer = await client.get(f"/api/dependencies?{query}")
    data = [{"parent": parent, "child": child, "callCount": calls} for parent, child, calls in links]
    assert (answer.status_code, answer.json()) == (200, envelope(data))
    if window is not None:
        start_us, end_us = window
        assert reader.windows == [Window(workspace_id=WORKSPACE, start_us=start_us, end_us=end_us)]


async def test_dependencies_that_come_twice_are_summed() -> None:
    async with serve(FixedReader(edges=[edge("a", "b", calls=1), edge("a", "b", calls=2)])) as client:
        answer = await client.get("/api/dependencies")
    assert answer.json() == envelope([{"parent": "a", "child": "b", "callCount": 3}])


NOT_AN_ID = "invalid trace ID, expecting 1 to 32 hex characters"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("operations", 400, "parameter 'service' is required"),
        ("traces", 400, "parameter 'service' is required"),
        (
            "traces?service=s&start=x",
            400,
            "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        ("traces?service=s&limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("traces?service=s&tag=key", 400, "malformed 'tag' parameter, expecting key:value, received: key"),
        ("traces?service=s&minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater than 'minDuration'"),
        ("traces?traceID=xyz", 400, f"cannot parse traceID param: {NOT_AN_ID}"),
        ("traces/xyz", 400, NOT_AN_ID),
        ("traces/a?end=x", 400, "unable to parse param 'end': strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("traces/a?raw=x", 400, "unable to parse param 'raw': strconv.ParseBool: parsing \"x\": invalid syntax"),
        ("dependencies?endTs=x", 400, "unable to parse param 'endTs': strconv.ParseInt: parsing \"x\": invalid syntax"),
        (f"traces/{UNKNOWN}", 404, "trace not found"),
    ],
)
async def test_errors_come_in_the_envelope(client: httpx.AsyncClient, path: str, status: int, message: str) -> None:
    answer = await client.get(f"/api/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("}\n")
    assert answer.json() == envelope(None, errors=[{"code": status, "msg": message}])


@pytest.mark.parametrize(
    "path",
    PATHS,
)
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(RetryableError("the store cannot be reached", retry_after_s=2.4), 503, id="unreachable"),
        pytest.param(PermanentError("the store refused the statement"), 500, id="permanent"),
        pytest.param(CallerError("tag is too long"), 400, id="refused by the store"),
    ],
)
async def test_a_failing_store(path: str, failure: RelayscopeError, status: int) -> None:
    async with serve(FixedReader(failure=failure)) as client:
        answer = await client.get(f"/api/{path}")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == ("2" if status == 503 else None)
    assert answer.json() == envelope(None, errors=[{"code": status, "msg": str(failure)}])


@pytest.mark.parametrize(
    ("query", "is_indented"),
    [
        ("", False),
        ("prettyPrint=", False),
        ("prettyPrint=false", False),
        ("prettyPrint=true", True),
        ("prettyPrint=1", True),
        ("prettyPrint=False", True),
    ],
)
async def test_pretty_print_indents_by_four(client: httpx.AsyncClient, query: str, *, is_indented: bool) -> None:
    answer = await client.get(f"/api/services?{query}")
    assert answer.text.startswith('{\n    "data": [\n        "shop",') is is_indented
    assert answer.json() == envelope(["shop", "team/bank a+b"], total=2)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "nope"), ("GET", "traces/a/b"), ("GET", "v10/things"), ("GET", "services/shop"), ("POST", "nope")],
)
async def test_an_unknown_endpoint_is_not_found_in_plain_text(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, f"/api/{path}")
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/api/v1/things", 200, id="served by another router"),
        pytest.param("GET", "/api/v1/nope", 404, id="unknown there"),
        pytest.param("POST", "/api/v1/things", 405, id="wrong method there"),
        pytest.param("POST", "/api/services", 405, id="wrong method here"),
        pytest.param("GET", "/apis", 404, id="not below /api"),
    ],
)
async def test_the_fallback_leaves_other_answers_alone(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", PATHS)
async def test_every_read_is_for_the_workspace_of_the_request(
    client: httpx.AsyncClient, reader: FixedReader, path: str
) -> None:
    await client.get(f"/api/{path}")
    assert reader.workspaces == {WORKSPACE}


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/services", {"prettyPrint"}),
        ("/api/services/{service}/operations", {"service", "prettyPrint"}),
        ("/api/operations", {"service", "spanKind", "prettyPrint"}),
        (
            "/api/traces",
            {"service", "operation", "start", "end", "minDuration", "maxDuration", "limit", "tag", "tags", "traceID"}
            | {"raw", "prettyPrint"},
        ),
        ("/api/traces/{traceID}", {"traceID", "start", "end", "raw", "prettyPrint"}),
        ("/api/dependencies", {"endTs", "lookback", "service", "prettyPrint"}),
    ],
)
async def test_openapi_names_every_parameter(client: httpx.AsyncClient, path: str, parameters: set[str]) -> None:
    operation = (await client.get("/openapi.json")).json()["paths"][path]["get"]
    assert operation["tags"] == ["jaeger"]
    assert operation["summary"]
    named = [parameter["name"] for parameter in operation["parameters"]]
    assert len(named) == len(set(named))
    assert set(named) == parameters
    assert {"200", "503"} <= set(operation["responses"])


async def test_a_trace_of_10008_spans_comes_whole() -> None:
    spans = [span(NEW, name=str(number)) for number in range(10_008)]
    async with serve(FixedReader(spans=spans)) as client:
        answer = await client.get(f"/api/traces/{NEW.hex()}")
    names = [each["operationName"] for each in answer.json()["data"][0]["spans"]]
    assert names == [str(number) for number in range(10_008)]
