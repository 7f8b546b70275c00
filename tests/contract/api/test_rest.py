"""What each endpoint of the REST API answers, through HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from msgspec.structs import replace

from query.cursor import encode_search_cursor
from relayscope.api.app import create_app
from storage.api import (
    DEFAULT_WORKSPACE_ID,
    Operation,
    PeerEdge,
    PeerKind,
    PeerNode,
    SearchCursor,
    Tag,
    TracePage,
    TraceSearch,
    Window,
)
from tests.support.canned_reader import HEALTHY, START_NS, TRACE_ID, CannedReader, edge, node, statistics, unreachable
from tests.support.trace import CHILD, MS, ROOT
from tracedata import PermanentError, SpanKind

NOW_US = START_NS // 1_000
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
TRACE = f"/api/v1/traces/{TRACE_ID.hex()}"
Query = Mapping[str, str | int | list[str]]


async def get(reader: CannedReader, path: str, query: Query | None = None) -> httpx.Response:
    app = create_app(reader, logs=reader, clock=lambda: START_NS)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query or {})


def assert_problem(response: httpx.Response, status: int) -> str:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert "Traceback" not in response.text
    return str(problem["detail"])


def whole_search(**changes: object) -> TraceSearch:
    search = TraceSearch(workspace_id=1, start_us=NOW_US - DAY_US, end_us=NOW_US, limit=20)
    return replace(search, **changes)


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({}, {}),
        ({"service": "gateway", "operation": "op"}, {"service": "gateway", "operation": "op"}),
        ({"service": "", "start": ""}, {}),
        ({"start": "-1h", "end": "now"}, {"start_us": NOW_US - HOUR_US}),
        ({"start": "0", "end": "2025-01-31T12:00:00Z"}, {"start_us": 0, "end_us": 1_738_324_800_000_000}),
        ({"minDuration": "1.5s", "maxDuration": "2s"}, {"min_duration_ns": 1_500 * MS, "max_duration_ns": 2_000 * MS}),
        ({"minDuration": "2", "maxDuration": "9.5"}, {"min_duration_ns": 2 * MS, "max_duration_ns": 19 * MS // 2}),
        ({"status": "error"}, {"status_codes": (2,)}),
        ({"status": "ok"}, {"status_codes": (1,)}),
        ({"status": "unset"}, {"status_codes": (0,)}),
        ({"status": "success"}, {"status_codes": (0, 1)}),
        ({"tag": ["a:1", "b:x:y"]}, {"tags": (Tag(key="a", value="1"), Tag(key="b", value="x:y"))}),
        ({"limit": 1000}, {"limit": 1000}),
        (
            {"cursor": encode_search_cursor(SearchCursor(start_us=5, trace_id=TRACE_ID))},
            {"after": SearchCursor(start_us=5, trace_id=TRACE_ID)},
        ),
    ],
)  # fmt: skip
async def test_search_asks_the_store(query: Query, changes: dict[str, object]) -> None:
    reader = CannedReader()
    response = await get(reader, "/api/v1/traces", query)
    assert response.status_code == 200
    assert response.json() == {"items": [], "nextCursor": None}
    assert reader.asked == whole_search(**changes)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"start": "yesterday"}, "start: expected ISO-8601"),
        ({"end": "tomorrow"}, "end: expected ISO-8601"),
        ({"start": "now", "end": "-1h"}, "end: must not lie before start"),
        ({"minDuration": "1 parsec"}, "minDuration"),
        ({"maxDuration": "-5ms"}, "maxDuration"),
        ({"maxDuration": "9999999999h"}, "maxDuration"),
        ({"minDuration": "2s", "maxDuration": "1s"}, "maxDuration"),
        ({"status": "bad"}, "status"),
        ({"tag": "nocolon"}, "tag"),
        ({"tag": [f"k{n}:v" for n in range(65)]}, "tag"),
        ({"service": "a\0b"}, "service"),
        ({"cursor": "???"}, "cursor: malformed cursor"),
        ({"colour": "red"}, "colour: unknown query parameter"),
        ({"min_duration": "1s"}, "min_duration: unknown query parameter"),
    ],
)
async def test_search_refuses_and_names_the_parameter(query: Query, named: str) -> None:
    reader = CannedReader()
    assert assert_problem(await get(reader, "/api/v1/traces", query), 400).startswith(named)
    assert reader.asked is None


async def test_search_answers_in_the_order_of_the_store() -> None:
    other = replace(ROOT, trace_id=b"\x07" * 16, name="other")
    cursor = SearchCursor(start_us=5, trace_id=TRACE_ID)
    page = TracePage(trace_ids=[b"\x07" * 16, b"\x08" * 16, TRACE_ID], cursor=cursor)
    answer = (await get(CannedReader(spans=[ROOT, CHILD, other], page=page), "/api/v1/traces")).json()
    assert [(item["name"], item["spanCount"]) for item in answer["items"]] == [
        ("other", 1),
        ("POST /v1/chat/completions", 2),
    ]
    assert answer["nextCursor"] == encode_search_cursor(cursor)


async def test_one_trace() -> None:
    for trace_id in (TRACE_ID.hex(), TRACE_ID.hex().upper()):
        answer = (await get(CannedReader(spans=[CHILD, ROOT]), f"/api/v1/traces/{trace_id}")).json()
        assert (answer["traceId"], answer["rootService"]) == (TRACE_ID.hex(), "gateway")
        assert [span["spanId"] for span in answer["spans"]] == ["0000000000000001", "0000000000000002"]
        assert answer["nextCursor"] is None


async def test_short_ids_are_padded() -> None:
    reader = CannedReader(spans=[replace(ROOT, trace_id=b"\0" * 15 + b"\x2a")])
    assert (await get(reader, "/api/v1/traces/2A")).json()["traceId"] == "2a".rjust(32, "0")


@pytest.mark.parametrize("suffix", ["", "/spans"])
async def test_unknown_and_malformed_traces(suffix: str) -> None:
    assert_problem(await get(CannedReader(), TRACE + suffix), 404)
    assert assert_problem(await get(CannedReader(), f"/api/v1/traces/xyz{suffix}"), 400).startswith("traceId")
    assert assert_problem(await get(CannedReader(spans=[ROOT]), TRACE + suffix, {"x": "1"}), 400).startswith("x: ")


async def test_spans_of_a_trace_in_pages() -> None:
    reader = CannedReader(spans=[ROOT, CHILD])
    first = (await get(reader, TRACE + "/spans", {"limit": 1})).json()
    second = (await get(reader, TRACE + "/spans", {"limit": 1, "cursor": first["nextCursor"]})).json()
    assert [span["name"] for span in first["items"] + second["items"]] == [ROOT.name, CHILD.name]
    assert second["nextCursor"] is None
    assert assert_problem(await get(reader, TRACE + "/spans", {"cursor": "x"}), 400).startswith("malformed cursor")


def peer(kind: PeerKind, name: str, system: str, *, is_inbound: bool = False) -> PeerEdge:
    """Calls between the gateway and something else."""
    return PeerEdge(
        service="gateway", kind=kind, peer=name, system=system, is_inbound=is_inbound, statistics=statistics()
    )


async def test_service_map() -> None:
    reader = CannedReader(
        nodes=[node("gateway"), node("lonely")],
        edges=[edge("gateway", "gateway"), edge("gateway", "provider", calls=36), edge("cron", "gateway")],
        peers=[peer("database", "orders", "postgresql"), peer("messaging", "mails", "kafka", is_inbound=True)],
        peer_nodes=[PeerNode(kind="database", peer="orders", system="postgresql", statistics=statistics())],
    )
    answer = (await get(reader, "/api/v1/traces/services", {"start": "-1h"})).json()
    assert reader.asked == Window(workspace_id=1, start_us=NOW_US - HOUR_US, end_us=NOW_US)
    # "cron" and "provider" are known from the edges only.
    assert [(found["service"], found["kind"], found["system"], found["calls"]) for found in answer["nodes"]] == [
        ("cron", "service", None, 0), ("gateway", "service", None, 10), ("lonely", "service", None, 10),
        ("mails", "messaging", "kafka", 0), ("orders", "database", "postgresql", 10), ("provider", "service", None, 0),
    ]  # fmt: skip
    assert [(found["source"], found["target"], found["kind"], found["async"]) for found in answer["edges"]] == [
        ("cron", "gateway", "call", False), ("gateway", "gateway", "call", False), ("gateway", "orders", "database", False),
        ("gateway", "provider", "call", False), ("mails", "gateway", "messaging", True),
    ]  # fmt: skip
    assert (answer["edges"][4]["sourceKind"], answer["edges"][4]["system"]) == ("messaging", "kafka")
    assert answer["edges"][3] == {
        "source": "gateway", "target": "provider", "kind": "call", "sourceKind": "service",
        "targetKind": "service", "system": None, "async": False, "calls": 36, "errors": 1,
        "p50": 1.0, "p95": 2.5, "p99": 9.75, "callsPerSecond": 0.01,
    }  # fmt: skip
    assert answer["start"] == "2025-01-31T11:00:00.123456000Z"
    assert answer["end"] == "2025-01-31T12:00:00.123456000Z"
    assert answer["truncated"] is False


async def test_service_map_around_one_service() -> None:
    reader = CannedReader(nodes=[node("a"), node("b"), node("c"), node("d")], edges=[edge("a", "b"), edge("c", "d")])
    answer = (await get(reader, "/api/v1/traces/services", {"service": "b"})).json()
    assert [found["service"] for found in answer["nodes"]] == ["a", "b"]
    assert [(found["source"], found["target"]) for found in answer["edges"]] == [("a", "b")]


async def test_service_map_is_bounded() -> None:
    nodes = [node(f"s{number:04}") for number in range(1_500)]
    answer = (await get(CannedReader(nodes=nodes), "/api/v1/traces/services")).json()
    assert len(answer["nodes"]) == 1_000
    assert answer["truncated"] is True


async def test_services_and_operations() -> None:
    operations = [Operation(name="b", kind=SpanKind.CLIENT), Operation(name="a", kind=SpanKind.SERVER)]
    reader = CannedReader(names=["a/b", "gateway", "z"], known_operations={"a/b": operations})
    first = (await get(reader, "/api/v1/services", {"limit": 2})).json()
    assert first["items"] == [{"name": "a/b"}, {"name": "gateway"}]
    second = (await get(reader, "/api/v1/services", {"cursor": first["nextCursor"]})).json()
    assert second == {"items": [{"name": "z"}], "nextCursor": None}
    for path in ("/api/v1/services/a%2Fb/operations", "/api/v1/services/a/b/operations"):
        answer = (await get(reader, path)).json()
        assert answer["items"] == [{"name": "a", "kind": "server"}, {"name": "b", "kind": "client"}]
    assert (await get(reader, "/api/v1/services/nobody/operations")).json() == {"items": [], "nextCursor": None}


async def test_health() -> None:
    answer = (await get(CannedReader(), "/api/v1/telemetry/health")).json()
    assert answer["status"] == "ok"
    assert answer["store"] == {
        "serverVersion": "18.0",
        "schemaVersion": 3,
        "durability": {"fsync": True, "fullPageWrites": True, "synchronousCommit": True},
    }
    careless = CannedReader(state=replace(HEALTHY, fsync=False))
    assert (await get(careless, "/api/v1/telemetry/health")).json()["status"] == "degraded"
    assert (await get(CannedReader(), "/readyz")).json() == {"status": "ready"}


@pytest.mark.parametrize(
    "path", ["/api/v1/traces", TRACE, "/api/v1/traces/services", "/api/v1/services", "/api/v1/services/a/operations"]
)
async def test_only_the_workspace_of_the_request_is_asked_about(path: str) -> None:
    reader = CannedReader()
    await get(reader, path)
    assert reader.workspaces == {DEFAULT_WORKSPACE_ID}


async def test_alive_even_without_a_store() -> None:
    assert (await get(unreachable(), "/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path",
    [
        "/readyz", "/api/v1/telemetry/health", "/api/v1/traces", TRACE, f"{TRACE}/spans", "/api/v1/traces/services",
        "/api/v1/services", "/api/v1/services/a/operations",
    ],
)  # fmt: skip
async def test_without_a_store_one_may_try_again(path: str) -> None:
    response = await get(unreachable(), path)
    assert_problem(response, 503)
    assert response.headers["retry-after"] == "3"


@pytest.mark.parametrize("error", [ZeroDivisionError("secret"), PermanentError("secret")])
async def test_a_bug_shows_no_details(error: Exception) -> None:
    response = await get(CannedReader(broken=error), "/api/v1/services")
    assert "secret" not in assert_problem(response, 500)


async def test_unknown_paths_and_methods() -> None:
    for path in ("/nothing", "/api/v1/nothing"):
        assert_problem(await get(CannedReader(), path), 404)
    app = create_app(CannedReader())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        response = await client.post("/api/v1/traces")
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET"


async def test_landing_page_loads_nothing_from_elsewhere() -> None:
    response = await get(CannedReader(), "/")
    assert response.headers["content-type"].startswith("text/html")
    for path in ("/api/v1/traces", "/api/v1/ai-interactions", "/api/v1/sessions", "/api/v1/logs"):
        assert f'href="{path}"' in response.text
    assert "http://" not in response.text
    assert "https://" not in response.text


async def test_openapi_describes_every_endpoint() -> None:
    document = (await get(CannedReader(), "/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert set(document["paths"]) >= {
        "/api/v1/traces",
        "/api/v1/traces/{traceId}",
        "/api/v1/traces/services",
        "/readyz",
    }
    ours = {path: methods for path, methods in document["paths"].items() if path.startswith(("/api/v1/", "/readyz"))}
    for path, methods in ours.items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert "422" not in operation["responses"], path
            for answer in operation["responses"].values():
                for content in answer["content"].values():
                    assert content["schema"]["$ref"].rpartition("/")[2] in schemas, path
                    assert set(content["schema"]) == {"$ref"}, path
