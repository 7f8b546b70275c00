from __future__ import annotations

import pytest

from storage.postgres.rollup_mark import MAX_NOTES, MINUTES_PER_DAY, merged, minute_of_stored, notes_of

_DAY = 20_000 * MINUTES_PER_DAY
NOTES = {
    "none": (set[int](), []),
    "one minute": ({_DAY + 7}, [(_DAY + 7, 1)]),
    "as many as are noted": ({_DAY + at for at in range(MAX_NOTES)}, [(_DAY + at, 1) for at in range(MAX_NOTES)]),
    "one more makes an hour": ({_DAY + at for at in range(MAX_NOTES + 1)}, [(_DAY, 60)]),
    "many hours make days": (
        {_DAY + 60 * at for at in range(40)},
        [(_DAY, MINUTES_PER_DAY), (_DAY + MINUTES_PER_DAY, MINUTES_PER_DAY)],
    ),
}


@pytest.mark.parametrize(("minutes", "notes"), NOTES.values(), ids=NOTES.keys())
def test_few_notes_cover_many_minutes(minutes: set[int], notes: list[tuple[int, int]]) -> None:
    assert notes_of(minutes) == notes


def test_a_backfill_of_a_month_costs_a_note_a_day() -> None:
    notes = notes_of(set(range(_DAY, _DAY + 30 * MINUTES_PER_DAY)))
    assert notes == [(_DAY + day * MINUTES_PER_DAY, MINUTES_PER_DAY) for day in range(30)]


def test_batches_are_noted_together() -> None:
    assert merged([{(1, "spans"): {1}}, {(1, "spans"): {2}, (2, "spans"): {1}}]) == {
        (1, "spans"): {1, 2},
        (2, "spans"): {1},
    }


@pytest.mark.parametrize(
    ("unix_nano", "minute"), [(-5, 0), (119_999_999_999, 1), (2**70, (2**64 - 1) // 60_000_000_000)]
)
def test_an_interaction_is_noted_where_it_is_stored(unix_nano: int, minute: int) -> None:
    assert minute_of_stored(unix_nano) == minute
