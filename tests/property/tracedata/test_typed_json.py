from __future__ import annotations

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.canonical import canonical
from tracedata import Attributes
from tracedata.typed_json import decode_attributes, encode_attributes


@strategies.unhurried
@given(held=strategies.attributes(allow_nan=True))
def test_attributes_come_back(held: Attributes) -> None:
    assert canonical(decode_attributes(encode_attributes(held))) == canonical(held)


@strategies.unhurried
@given(value=st.floats(1e14, 1e17) | st.floats(-1e17, -1e14) | strategies.doubles(allow_nan=False))
@example(value=1e15)
def test_a_finite_double_is_written_as_a_number_with_a_fraction(value: float) -> None:
    text = encode_attributes({"k": value})
    assert canonical(decode_attributes(text)) == canonical({"k": value})
    stored = msgspec.json.decode(text)["k"]
    assert isinstance(stored, (float, dict))
