from __future__ import annotations

import sys
import unicodedata

import pytest

from redaction.fold import fold


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        pytest.param("\uff42\uff4f\uff42\uff20\uff0e", "bob@.", id="full width"),
        pytest.param("\u0661\u0662\u0663", "123", id="arabic digits"),
        pytest.param("\u0967\U0001d7ce", "10", id="digits of other scripts"),
        pytest.param("1\u00a02\u202f3\u30004", "1 2 3 4", id="spaces"),
        pytest.param("1\u20102\u20143\u22124", "1-2-3-4", id="dashes"),
        pytest.param("a\ufe6bb\u3002c", "a@b.c", id="signs"),
        pytest.param("b\u200bo\u2060b\u00ad", "bob", id="zero width"),
        pytest.param("\u202ebob\u202c\ufeff", "bob", id="directions"),
        pytest.param("b\U000e0041ob", "bob", id="tags"),
        pytest.param("1\ufe0f2", "12", id="variation selectors"),
    ],
)
def test_text_becomes_as_it_reads(text: str, reads: str) -> None:
    assert fold(text).text == reads


def test_every_digit_space_and_dash_of_unicode_reads_as_one_of_ascii() -> None:
    others = [chr(code) for code in range(0x80, sys.maxunicode + 1)]
    found = [one for one in others if unicodedata.category(one) in ("Nd", "Zs", "Pd")]
    assert len(found) > 500
    assert [one for one in found if fold(one).text not in "0123456789 -"] == []


@pytest.mark.parametrize("text", ["", "bob@example.com", "jürgen", "日本語", "\ud800", "🎉", "д ж"])
def test_what_reads_as_it_is_stays_the_same_object(text: str) -> None:
    folded = fold(text)
    assert folded.text is text
    assert folded.offsets is None


@pytest.mark.parametrize("text", ["\u200ba\u200b\u200bb\u200b", "x\uff20\u00ady", "\u200b", "\u06611\u200e2"])
def test_offsets_lead_back(text: str) -> None:
    folded = fold(text)
    assert folded.offsets is not None
    assert len(folded.offsets) == len(folded.text) + 1
    assert folded.offsets[-1] == len(text)
    for place, character in enumerate(folded.text):
        assert fold(text[folded.offsets[place]]).text == character
