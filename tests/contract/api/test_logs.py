"""What the endpoints of log records answer, through HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from msgspec.structs import replace

from query.cursor import encode_log_cursor
from relayscope.api.app import create_app
from storage.log_record import LogCursor, LogPage, LogSearch
from tests.support.canned_reader import GATEWAY, SCOPE, START_NS, TRACE_ID, CannedReader, unreachable
from tracedata import LogRecord

NOW_US = START_NS // 1_000
DAY_US = 86_400_000_000
OF_TRACE = f"/api/v1/traces/{TRACE_ID.hex()}/logs"
CURSOR = LogCursor(moment_unix_nano=START_NS, tie=-5)
RECORD = LogRecord(
    resource=GATEWAY,
    scope=SCOPE,
    trace_id=TRACE_ID,
    span_id=b"\x01" * 8,
    flags=1,
    time_unix_nano=START_NS,
    observed_time_unix_nano=START_NS + 1,
    severity_number=18,
    severity_text="Error",
    event_name="gen_ai.choice",
    body={"index": 0, "raw": b"\xff"},
    attributes={"retries": 1},
    dropped_attributes_count=2,
    redactions={"EMAIL_ADDRESS": 1},
    redacted_keys={"body": {"EMAIL_ADDRESS": 1}},
    redaction_policy="p/1",
)
Query = Mapping[str, str | int]


async def get(reader: CannedReader, path: str, query: Query | None = None) -> httpx.Response:
    app = create_app(reader, logs=reader, clock=lambda: START_NS)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query or {})


async def test_a_record_is_shown_without_loss() -> None:
    response = await get(CannedReader(records=[RECORD]), OF_TRACE)

    (found,) = response.json()["items"]
    assert {key: value for key, value in found.items() if key not in {"resource", "scope"}} == {
        "traceId": TRACE_ID.hex(),
        "spanId": "01" * 8,
        "timestamp": "2025-01-31T12:00:00.123456789Z",
        "timeUnixNano": str(START_NS),
        "observedTimeUnixNano": str(START_NS + 1),
        "component": "gateway",
        "severity": "error",
        "severityNumber": 18,
        "severityText": "Error",
        "eventName": "gen_ai.choice",
        "message": '{"index":0,"raw":"/w=="}',
        "body": {
            "kvlistValue": {
                "values": [
                    {"key": "index", "value": {"intValue": "0"}},
                    {"key": "raw", "value": {"bytesValue": "/w=="}},
                ]
            }
        },
        "tags": {"retries": "1"},
        "attributes": [{"key": "retries", "value": {"intValue": "1"}}],
        "flags": 1,
        "droppedAttributesCount": 2,
        "redactions": {"EMAIL_ADDRESS": 1},
        "redactedKeys": {"body": {"EMAIL_ADDRESS": 1}},
        "redactionPolicy": "p/1",
    }
    assert found["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "gateway"}}]
    assert found["scope"]["name"] == "tests"


async def test_what_a_record_does_not_have_is_told() -> None:
    bare = LogRecord(
        resource=GATEWAY,
        scope=SCOPE,
        time_unix_nano=0,
        observed_time_unix_nano=START_NS,
        attributes={"event.name": "old"},
    )
    response = await get(CannedReader(log_page=LogPage(records=[bare])), "/api/v1/logs")

    (found,) = response.json()["items"]
    assert (found["traceId"], found["spanId"], found["body"], found["message"]) == (None, None, {}, "")
    assert (found["severity"], found["eventName"]) == ("unspecified", "old")
    assert (found["timestamp"], found["timeUnixNano"]) == ("2025-01-31T12:00:00.123456789Z", "0")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (-1, "unspecified"),
        (0, "unspecified"),
        (1, "trace"),
        (8, "debug"),
        (9, "info"),
        (13, "warn"),
        (17, "error"),
        (24, "fatal"),
        (25, "unspecified"),
    ],
)
async def test_severities_have_names(number: int, name: str) -> None:
    response = await get(CannedReader(records=[replace(RECORD, severity_number=number)]), OF_TRACE)

    assert response.json()["items"][0]["severity"] == name


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ({}, {}),
        ({"service": "gateway", "eventName": "e"}, {"service": "gateway", "event_name": "e"}),
        ({"service": "", "minSeverity": "", "traceId": ""}, {}),
        ({"minSeverity": "warn"}, {"min_severity": 13}),
        ({"minSeverity": "FATAL"}, {"min_severity": 21}),
        ({"minSeverity": "0"}, {"min_severity": 0}),
        ({"minSeverity": 24}, {"min_severity": 24}),
        ({"traceId": TRACE_ID.hex().upper()}, {"trace_id": TRACE_ID}),
        ({"start": "-1h", "end": "now", "limit": 7}, {"start_us": NOW_US - 3_600_000_000, "limit": 7}),
        ({"cursor": encode_log_cursor(CURSOR)}, {"after": CURSOR}),
    ],
)
async def test_search_asks_the_store(query: Query, changes: dict[str, object]) -> None:
    reader = CannedReader()

    response = await get(reader, "/api/v1/logs", query)

    assert response.json() == {"items": [], "nextCursor": None}
    asked = LogSearch(workspace_id=1, start_us=NOW_US - DAY_US, end_us=NOW_US, limit=100)
    assert reader.asked == replace(asked, **changes)


async def test_pages_have_cursors() -> None:
    reader = CannedReader(log_page=LogPage(records=[RECORD], cursor=CURSOR))

    response = await get(reader, "/api/v1/logs")

    assert response.json()["nextCursor"] == encode_log_cursor(CURSOR)


async def test_a_trace_without_records_has_an_empty_list() -> None:
    response = await get(CannedReader(), OF_TRACE)

    assert (response.status_code, response.json()) == (200, {"items": [], "nextCursor": None})


@pytest.mark.parametrize(
    ("path", "query", "named"),
    [
        ("/api/v1/logs", {"minSeverity": "loud"}, "minSeverity"),
        ("/api/v1/logs", {"minSeverity": "25"}, "minSeverity"),
        ("/api/v1/logs", {"minSeverity": "0009"}, "minSeverity"),
        ("/api/v1/logs", {"minSeverity": "-1"}, "minSeverity"),
        ("/api/v1/logs", {"traceId": "x"}, "traceId"),
        ("/api/v1/logs", {"cursor": "x"}, "cursor"),
        ("/api/v1/logs", {"limit": 1001}, "limit"),
        ("/api/v1/logs", {"start": "now", "end": "-1h"}, "end"),
        ("/api/v1/logs", {"severity": "warn"}, "severity"),
        (OF_TRACE, {"limit": 0}, "limit"),
        (OF_TRACE, {"cursor": "x"}, "cursor"),
        ("/api/v1/traces/xyz/logs", {}, "traceId"),
    ],
)
async def test_what_cannot_be_read_is_named(path: str, query: Query, named: str) -> None:
    response = await get(CannedReader(), path, query)

    assert response.status_code == 400
    assert named in response.json()["detail"]


@pytest.mark.parametrize("path", ["/api/v1/logs", OF_TRACE])
async def test_a_store_that_is_away_is_503(path: str) -> None:
    response = await get(unreachable(), path)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "3"
