from __future__ import annotations

import msgspec
import pytest
from starlette.datastructures import QueryParams

from relayscope.api.jaeger.parameter import TraceLookup, check_hints, read_search, read_window
from storage.api import Tag, TraceSearch, Window
from tracedata import CallerError

NOW_US = 1_700_000_000_123_456
HOUR_US = 3_600_000_000
DEFAULT = TraceSearch(workspace_id=7, start_us=NOW_US - 48 * HOUR_US, end_us=NOW_US, limit=100, service="shop", tags=[])
MAX_INT64 = 2**63 - 1


def search(query: str) -> TraceSearch | TraceLookup:
    return read_search(QueryParams(query), workspace_id=7, now_us=NOW_US)


def window(query: str) -> Window:
    return read_window(QueryParams(query), workspace_id=7, now_us=NOW_US)


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        pytest.param("", {}, id="defaults"),
        pytest.param("operation=GET+%2Fcart", {"operation": "GET /cart"}, id="operation"),
        pytest.param("start=0&end=17", {"start_us": 0, "end_us": 17}, id="times"),
        pytest.param("start=5&end=5", {"start_us": 5, "end_us": 5}, id="one moment"),
        pytest.param("start=-1", {"start_us": -1}, id="before the epoch"),
        pytest.param("start=&end=&limit=&minDuration=&raw=", {}, id="empty is not given"),
        pytest.param("start=5&start=6", {"start_us": 5}, id="the first one counts"),
        pytest.param("limit=1", {"limit": 1}, id="limit"),
        pytest.param("limit=1501", {"limit": 1_500}, id="a limit beyond what is given"),
        pytest.param("minDuration=1.2s", {"min_duration_ns": 1_200_000_000}, id="minDuration"),
        pytest.param("maxDuration=500%C2%B5s", {"max_duration_ns": 500_000}, id="maxDuration"),
        pytest.param(
            "minDuration=1ms&maxDuration=1ms", {"min_duration_ns": 10**6, "max_duration_ns": 10**6}, id="equal"
        ),
        pytest.param("minDuration=0s&maxDuration=0", {}, id="zero is no bound"),
        pytest.param("minDuration=5ms&maxDuration=0", {"min_duration_ns": 5_000_000}, id="no upper bound"),
        pytest.param("tag=a:b:c", {"tags": [Tag(key="a", value="b:c")]}, id="first colon"),
        pytest.param("tag=a:1&tag=b:2", {"tags": [Tag(key="a", value="1"), Tag(key="b", value="2")]}, id="two tags"),
        pytest.param("tags=%7B%22a%22%3A%221%22%7D", {"tags": [Tag(key="a", value="1")]}, id="tags as JSON"),
        pytest.param(
            "tags=%7B%22a%22%3A%221%22%7D&tag=a:2", {"tags": [Tag(key="a", value="1")]}, id="JSON comes later"
        ),
        pytest.param("tag=a:1&tag=a:2", {"tags": [Tag(key="a", value="2")]}, id="later wins"),
        pytest.param("lookback=1h&spanKind=server", {}, id="ignored"),
        pytest.param("raw=true", {}, id="raw"),
    ],
)
def test_a_search_is_read(query: str, changes: dict[str, object]) -> None:
    assert search(f"service=shop&{query}") == msgspec.structs.replace(DEFAULT, **changes)


@pytest.mark.parametrize(
    ("query", "trace_ids"),
    [
        pytest.param("traceID=a", (bytes(15) + b"\x0a",), id="one"),
        pytest.param("traceID=b&traceID=0A", (bytes(15) + b"\x0b", bytes(15) + b"\x0a"), id="several, in order"),
        pytest.param(
            "traceID=a&limit=x&minDuration=x&tag=x&start=9&end=1", (bytes(15) + b"\x0a",), id="others ignored"
        ),
    ],
)
def test_traces_are_named(query: str, trace_ids: tuple[bytes, ...]) -> None:
    assert search(query) == TraceLookup(trace_ids=trace_ids)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "parameter 'service' is required"),
        ("service=", "parameter 'service' is required"),
        ("service=s&start=x", "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("service=s&start=1.5", "unable to parse param 'start': strconv.ParseInt: parsing \"1.5\": invalid syntax"),
        ("service=s&end=1_0", "unable to parse param 'end': strconv.ParseInt: parsing \"1_0\": invalid syntax"),
        (
            f"service=s&end={2**63}",
            f"unable to parse param 'end': strconv.ParseInt: parsing \"{2**63}\": value out of range",
        ),
        ("service=s&limit=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("service=s&limit=2147483648", 'strconv.ParseInt: parsing "2147483648": value out of range'),
        ("service=s&limit=0", "invalid parameter: limit must be greater than 0"),
        ("service=s&limit=-1", "invalid parameter: limit must be greater than 0"),
        ("service=s&start=2&end=1", "invalid parameter: start time must be before end time"),
        ("service=s&minDuration=5", "unable to parse param 'minDuration': time: missing unit in duration \"5\""),
        ("service=s&maxDuration=x", "unable to parse param 'maxDuration': time: invalid duration \"x\""),
        ("service=s&maxDuration=9999999h", "unable to parse param 'maxDuration': time: invalid duration \"9999999h\""),
        ("service=s&minDuration=2s&maxDuration=1s", "'maxDuration' should be greater than 'minDuration'"),
        ("service=s&tag=key", "malformed 'tag' parameter, expecting key:value, received: key"),
        ("service=s&raw=x", "unable to parse param 'raw': strconv.ParseBool: parsing \"x\": invalid syntax"),
        ("traceID=xyz", "cannot parse traceID param: invalid trace ID, expecting 1 to 32 hex characters"),
        ("traceID=a&start=x", "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax"),
    ],
)
def test_a_bad_search_is_refused_in_the_words_of_jaeger(query: str, message: str) -> None:
    with pytest.raises(CallerError) as refusal:
        search(query)
    assert str(refusal.value) == message


@pytest.mark.parametrize("tags", ["%7B%22a%22%3A1%7D", "%5B%5D", "x"], ids=["a number", "an array", "no JSON"])
def test_bad_tags_are_refused(tags: str) -> None:
    with pytest.raises(CallerError, match=r"^malformed 'tags' parameter, cannot unmarshal JSON: "):
        search(f"service=s&tags={tags}")


@pytest.mark.parametrize("digits", ["9" * 100, "9" * 5_000], ids=["100 digits", "more digits than Python reads"])
def test_endless_digits_are_out_of_range(digits: str) -> None:
    with pytest.raises(CallerError, match=r"value out of range$"):
        search(f"service=s&limit={digits}")


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"])
def test_raw_is_spelled_as_in_go(text: str) -> None:
    check_hints(QueryParams(f"raw={text}"))


@pytest.mark.parametrize(
    ("query", "start_us", "end_us"),
    [
        pytest.param("", 1_699_913_600_123_000, 1_700_000_000_123_000, id="24 hours to now"),
        pytest.param("endTs=5000&lookback=2000", 3_000_000, 5_000_000, id="milliseconds"),
        pytest.param("endTs=5000&lookback=0", 5_000_000, 5_000_000, id="nothing"),
        pytest.param(f"endTs={MAX_INT64}&lookback=0", MAX_INT64, MAX_INT64, id="cut to 64 bits"),
        pytest.param(f"endTs=0&lookback={MAX_INT64}", -MAX_INT64 - 1, 0, id="cut to 64 bits below"),
    ],
)
def test_a_window_is_read(query: str, start_us: int, end_us: int) -> None:
    assert window(query) == Window(workspace_id=7, start_us=start_us, end_us=end_us)


@pytest.mark.parametrize("name", ["endTs", "lookback"])
def test_a_bad_window_is_refused(name: str) -> None:
    with pytest.raises(CallerError) as refusal:
        window(f"{name}=1h")
    assert str(refusal.value) == f"unable to parse param '{name}': strconv.ParseInt: parsing \"1h\": invalid syntax"
