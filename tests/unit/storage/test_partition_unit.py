from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.postgres.partition import Unit, Width, hour_of, unit_of, units_ahead

# 2026-01-15T13:30Z, in the middle of an hour and of a day.
_MOMENT = datetime(2026, 1, 15, 13, 30, tzinfo=UTC)
_NOW = hour_of(_MOMENT)
_MIDNIGHT = hour_of(datetime(2026, 1, 15, tzinfo=UTC))


def _hour(offset: int) -> Unit:
    return Unit(start=_NOW + offset, hours=1)


def _day(offset: int) -> Unit:
    return Unit(start=_MIDNIGHT + 24 * offset, hours=24)


@pytest.mark.parametrize(
    ("offset_hours", "width", "expected"),
    [
        (0, "day", _day(0)),
        (-13, "day", _day(0)),
        (-14, "day", _day(-1)),
        (24, "day", _day(1)),
        (25, "day", None),
        (-90 * 24, "day", _day(-90)),
        (-90 * 24 - 1, "day", None),
        (0, "hour", _hour(0)),
        (24, "hour", _hour(24)),
        (25, "hour", None),
        (-7 * 24, "hour", _hour(-7 * 24)),
        (-7 * 24 - 1, "hour", _day(-7)),
        (-90 * 24 - 1, "hour", None),
        (-_NOW, "hour", None),
        (2**64 // 3_600_000_000_000 - _NOW, "day", None),
    ],
    ids=[
        "now",
        "the first hour of today",
        "the last hour of yesterday",
        "tomorrow",
        "too far ahead",
        "the first day of all",
        "too long ago",
        "this hour",
        "the last hour ahead",
        "too far ahead by the hour",
        "the first by the hour",
        "days before that",
        "too long ago by the hour",
        "the epoch",
        "the last time there is",
    ],
)
def test_every_hour_has_one_unit_or_none(offset_hours: int, width: Width, expected: Unit | None) -> None:
    assert unit_of(_NOW + offset_hours, width=width, now=_NOW) == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [("day", [_day(0), _day(1), _day(2)]), ("hour", [_hour(0), _hour(1), _hour(2)])],
    ids=["days", "hours"],
)
def test_units_ahead_begin_with_now(width: Width, expected: list[Unit]) -> None:
    assert list(units_ahead(2, width=width, now=_NOW)) == expected


def test_the_number_of_partitions_is_bounded_whatever_comes() -> None:
    hours = range(_NOW - 100_000, _NOW + 100_000)
    assert len({unit_of(hour, width="day", now=_NOW) for hour in hours} - {None}) == 92
    assert len({unit_of(hour, width="hour", now=_NOW) for hour in hours} - {None}) == 7 * 24 + 1 + 24 + 84


def test_a_unit_is_a_range_of_time_in_utc() -> None:
    unit = unit_of(_NOW, width="day", now=_NOW)
    assert unit is not None
    assert unit.start_time == datetime(2026, 1, 15, tzinfo=UTC)
    assert unit.end_time - unit.start_time == timedelta(days=1)
