from __future__ import annotations

import pytest

from redaction.policy import Policy
from redaction.prefilter import Prefilter
from redaction.redactor import Redactor
from tests.support.detector import RecordingDetector

_NINES = rb"(?:^|[^9])999(?:$|[^9])"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(["clean", "", "also clean"], {}, id="all clean"),
        pytest.param(["x@y"], {0: {(0, 2)}}, id="where it ends"),
        pytest.param(["x", "x@y", "x"], {1: {(0, 2)}}, id="in which text"),
        pytest.param(["@", "", "@"], {0: {(0, 1)}, 2: {(0, 1)}}, id="between empty ones"),
        pytest.param(["é@日@"], {0: {(0, 2), (0, 4)}}, id="one character is one place"),
        pytest.param(["\ud800@"], {0: {(0, 2)}}, id="half a surrogate"),
        pytest.param(["99", "9"], {}, id="not across texts"),
        pytest.param(["@ x999x"], {0: {(0, 1), (1, 7)}}, id="two expressions"),
    ],
)
def test_hits_are_told_by_text_expression_and_place(
    texts: list[str], expected: dict[int, set[tuple[int, int]]]
) -> None:
    hits = Prefilter([rb"@", _NINES]).scan(texts)
    assert {index: set(found) for index, found in hits.items()} == expected


@pytest.mark.parametrize("texts", [["999"], ["a", "999", "b"], ["999", "999"], ["é 999"]])
def test_edges_of_a_text_count_as_edges(texts: list[str]) -> None:
    hits = Prefilter([rb"@", _NINES]).scan(texts)
    assert set(hits) == {index for index, text in enumerate(texts) if "999" in text}


@pytest.mark.parametrize(
    ("text", "reach", "windows"),
    [
        pytest.param("!" + "x" * 120, 4, [(0, 5)], id="cut at the start"),
        pytest.param("x" * 120 + "!", 4, [(117, 121)], id="cut at the end"),
        pytest.param("x" * 100 + "!" + "x" * 10, 4, [(97, 105)], id="around"),
        pytest.param("!" + "x" * 120 + "!", 4, [(0, 5), (118, 122)], id="apart"),
        pytest.param("!xxxxxx!" + "x" * 100, 4, [(0, 12)], id="overlapping ones are one"),
        pytest.param("!" * 150, 4, [(0, 150)], id="a run of them is one"),
        pytest.param("x" * 20 + "!", 4, [(0, 21)], id="the whole of a short text"),
    ],
)
def test_detectors_look_around_their_triggers(text: str, reach: int, windows: list[tuple[int, int]]) -> None:
    detector = RecordingDetector(reach=reach)
    Redactor(Policy(entities={}, secrets=False), detectors=[detector]).redact_text(text)
    assert detector.windows == windows


def test_detectors_are_asked_only_when_they_are_triggered() -> None:
    detector = RecordingDetector()
    redactor = Redactor(Policy(entities={}, secrets=False), detectors=[detector])
    for text in ("", "clean", '{"a": "clean"}', "a%20b", "password=", "x" * 100_000):
        redactor.redact_text(text)
    assert detector.windows == []


def test_detectors_are_told_the_words_of_the_keys_around() -> None:
    detector = RecordingDetector()
    redactor = Redactor(Policy(entities={}, secrets=False), detectors=[detector])
    redactor.redact_text('x! {"homePhone": "!"}', key="user.data")
    assert detector.words == ["user data", "user data home phone"]


def test_what_is_large_is_found_like_what_is_small() -> None:
    texts = ["@", "x" * (3 << 20), f"{'x' * (2 << 20)}@", "", "a@b", "x" * (5 << 20), f"é{'x' * (5 << 20)}@", "@"]
    hits = Prefilter([rb"@"]).scan(texts)
    assert hits == {index: [(0, text.index("@") + 1)] for index, text in enumerate(texts) if "@" in text}
