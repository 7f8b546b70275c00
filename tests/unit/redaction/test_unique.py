from __future__ import annotations

from redaction.unique import UniqueNames


def test_a_name_that_is_taken_gets_the_next_number_that_is_not() -> None:
    names = UniqueNames()
    assert [names.add(name) for name in ["a", "b", "a", "a#4", "a", "a", "b", "a#2"]] == [
        "a", "b", "a#2", "a#4", "a#3", "a#5", "b#2", "a#2#2",
    ]  # fmt: skip


class _Counted(str):
    """Counts how often a text is made of it."""

    __slots__ = ()
    made = 0

    def __format__(self, form: str) -> str:
        _Counted.made += 1
        return super().__format__(form)


def test_no_number_is_tried_twice() -> None:
    names = UniqueNames()
    assert len({names.add(_Counted("a")) for _ in range(1_000)}) == 1_000
    assert _Counted.made == 999
