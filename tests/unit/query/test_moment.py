from __future__ import annotations

import pytest

from query.moment import MAX_MOMENT_US, parse_moment
from tracedata import CallerError

NOW_US = 1_738_324_800_000_000  # 2025-01-31T12:00:00Z
HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW_US),
        ("-1h", NOW_US - HOUR_US),
        ("now-1h30m", NOW_US - HOUR_US * 3 // 2),
        ("+1h", NOW_US + HOUR_US),
        ("-7d", NOW_US - 7 * 24 * HOUR_US),
        ("-1d12h", NOW_US - 36 * HOUR_US),
        ("-500000d", 0),
        ("2025-01-31T12:00:00Z", NOW_US),
        ("2025-01-31t12:00:00z", NOW_US),
        ("2025-01-31 12:00", NOW_US),
        ("2025-01-31", NOW_US - 12 * HOUR_US),
        ("2025-01-31T13:00:00+01:00", NOW_US),
        ("2025-01-31T13:00:00 01:00", NOW_US),
        ("2025-01-31T10:30:00-0130", NOW_US),
        ("2025-01-31T12:00:00.5Z", NOW_US + 500_000),
        ("2025-01-31T12:00:00.123456789Z", NOW_US + 123_456),
        ("1960-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", MAX_MOMENT_US),
        ("1738324800", NOW_US),
        ("1738324800000", NOW_US),
        ("1738324800000000", NOW_US),
        ("1738324800000000999", NOW_US),
        ("0", 0),
        ("99999999999999999999", MAX_MOMENT_US),
    ],
)
def test_reads_a_moment(text: str, expected: int) -> None:
    assert parse_moment(text, NOW_US) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "-", "now-", "--1h", "-1", "-1x", "-1h1d", "2025-13-01", "2025-02-30T00:00:00Z",
        "2025-01-31T25:00:00Z", "2025-01-31T12:00:00.1234567890Z", "2025-01-31T12:00:00+99:00", "1e9", "١٢٣",
        "123456789012345678901",
    ],
)  # fmt: skip
def test_refuses_what_is_no_moment(text: str) -> None:
    with pytest.raises(CallerError, match="expected ISO-8601"):
        parse_moment(text, NOW_US)
