"""Large answers are the same JSON as if they were encoded at once."""

from __future__ import annotations

import msgspec
import pytest

from relayscope.api.rendering import encode_by_part
from relayscope.api.rest import schema
from relayscope.api.rest.representation import represent_spans, represent_summary, represent_trace
from tests.support.factory import full_span
from tests.support.outline import outline_of

_SPANS = [full_span(trace_id=b"\x01" * 16) for _ in range(3)]
_ANSWERS = {
    "a trace": (represent_trace(outline_of(_SPANS), shown=_SPANS, next_cursor=None), "spans"),
    "a page": (schema.SpanList(items=represent_spans(_SPANS), next_cursor="next"), "items"),
    "nothing": (schema.SpanList(items=[], next_cursor=None), "items"),
    "unset fields": (schema.TraceList(items=[represent_summary(outline_of(_SPANS))], next_cursor=None), "items"),
}


@pytest.mark.parametrize(("answer", "part"), _ANSWERS.values(), ids=_ANSWERS.keys())
def test_encoded_by_part_is_encoded_whole(answer: msgspec.Struct, part: str) -> None:
    assert bytes(encode_by_part(answer, part=part)) == msgspec.json.encode(answer)
