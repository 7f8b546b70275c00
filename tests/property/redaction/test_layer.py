from __future__ import annotations

import json
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.escape import escaped_layers
from redaction.json_layer import json_layers, segments

_SIGNS = st.text(st.sampled_from("ab1é\u00a0😀 \\\"'/&%#;<>[]{}:,+=\n"), max_size=30)
_PLACEHOLDER = "<EMAIL_ADDRESS>"
_CUTS = st.tuples(st.integers(0, 30), st.integers(0, 30))


def _without(text: str, cut: tuple[int, int], stand_in: str) -> str:
    first, last = sorted(cut)
    return text[:first] + stand_in + text[last:]


@settings(deadline=None, max_examples=500)
@given(text=_SIGNS, cut=_CUTS, is_ascii=st.booleans(), stand_in=st.sampled_from([_PLACEHOLDER, "", "***"]))
def test_a_string_of_json_says_what_it_is_told_and_keeps_the_rest(
    *, text: str, cut: tuple[int, int], is_ascii: bool, stand_in: str
) -> None:
    written = json.dumps(text, ensure_ascii=is_ascii).replace("/", "\\/")
    (layer,) = json_layers(written)
    assert layer.text == text
    after = _without(text, cut, stand_in)
    rewritten = layer.encode(after)
    assert json.loads(f'"{rewritten}"') == after
    assert layer.encode(text) == written[1:-1]


@settings(deadline=None, max_examples=300)
@given(text=st.text(st.sampled_from("ab1éß@.😀"), min_size=1, max_size=20), cut=_CUTS)
def test_a_percent_encoded_component_says_what_it_is_told(text: str, cut: tuple[int, int]) -> None:
    written = "".join(f"%{byte:02x}" for byte in text.encode())
    (layer,) = escaped_layers(written)
    assert layer.text == text
    assert layer.encode(text) == written
    after = _without(text, cut, _PLACEHOLDER)
    assert unquote(layer.encode(after)) == after


@settings(deadline=None, max_examples=500)
@given(
    st.text(st.sampled_from('[]{}",:1a\\ \n-.e'))
    | st.lists(st.sampled_from(['{"a": "b"}', "[1]", '"', "[", '["x', "{", " "])).map("".join)
)
def test_every_piece_of_json_is_json_and_none_is_missed(text: str) -> None:
    parts = segments(text)
    assert "".join(text[part.start : part.end] for part in parts) == text
    for part in parts:
        piece = text[part.start : part.end]
        if part.is_structure:
            json.loads(piece, strict=False)
        else:
            assert '{"a": "b"}' not in piece
