from __future__ import annotations

import pytest

from benchmarks.redaction.scoring import Labelled, Score, Stretch, add_to, replaced_stretches

_CARD = "4111 1111 1111 1111 110"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        pytest.param("nothing", "nothing", [], id="nothing"),
        pytest.param("to bob@x.io now", "to <EMAIL_ADDRESS> now", [(3, 11, "EMAIL_ADDRESS")], id="one"),
        pytest.param("a@b.io c@d.io", "<EMAIL_ADDRESS> <EMAIL_ADDRESS>", [(0, 6), (7, 13)], id="two"),
        pytest.param("x 5 y", "x <US_SSN:0123456789abcdef> y", [(2, 3, "US_SSN")], id="hashed"),
    ],
)
def test_what_was_replaced_is_read_off_the_result(
    text: str, after: str, expected: list[tuple[int, int] | tuple[int, int, str]]
) -> None:
    found = replaced_stretches(text, after)
    assert found is not None
    assert [(one.start, one.end, one.entity)[: len(wanted)] for one, wanted in zip(found, expected, strict=True)] == (
        expected
    )


def test_a_change_without_a_placeholder_is_told() -> None:
    assert replaced_stretches("a b", "a c") is None
    assert replaced_stretches("a b", "x <US_SSN>") is None


def _scored(text: str, after: str, *stretches: Stretch) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    add_to(scores, Labelled(text, stretches), after)
    return scores


def test_what_is_half_gone_is_not_covered() -> None:
    card = Stretch(3, 3 + len(_CARD), "CREDIT_CARD")
    half = _scored(f"my {_CARD}", "my <CREDIT_CARD> 110", card)["CREDIT_CARD"]
    assert (half.total, half.covered, half.replaced, half.right) == (1, 0, 1, 1)
    assert half.missed == [f"my [{_CARD}]"]
    assert _scored(f"my {_CARD}", "my <CREDIT_CARD>", card)["CREDIT_CARD"].recall == 1


def test_what_is_gone_under_another_name_is_covered_and_the_name_is_wrong() -> None:
    scores = _scored("my 536-22-1234", "my <PHONE_NUMBER>", Stretch(3, 14, "US_SSN"))
    assert scores["US_SSN"].recall == 1
    assert scores["PHONE_NUMBER"].precision == 0


def test_values_count_where_places_cannot_be_compared() -> None:
    scores = _scored("q=%7C1.2.3.4%7C", "q=%7C%3CIP_ADDRESS%3E|", Stretch(5, 12, "IP_ADDRESS"))
    assert (scores["IP_ADDRESS"].recall, scores["IP_ADDRESS"].precision) == (1, 1)
    scores = _scored("q=\\1.2.3.4%7C", "q=%5C1.2.3.4%7C", Stretch(3, 10, "IP_ADDRESS"))
    assert scores["IP_ADDRESS"].recall == 0


def test_nothing_replaced_is_precise_and_nothing_there_is_not_recalled() -> None:
    assert (Score().recall, Score().precision) == (0.0, 1.0)
