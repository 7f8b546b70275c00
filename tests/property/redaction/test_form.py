"""What is JSON stays JSON, whatever is in it, and what was redacted is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.policy import EntityRule, Policy, default_policy
from redaction.redactor import Redactor

_PIECES = [
    "bob@example.com", "4111 1111 1111 1111", "4111111111111111", "536-22-1234", "10.1.2.3", "+1 202 555 0123", "password=hunter2x9",
    "<EMAIL_ADDRESS>", "\\", "\\\\", "\\u0041", "\\u0062ob", "\\x40", "\\n", "\\/", "%41", "%40", "%e9", "%", "&#64;", "&amp;", "&",
    "dGVzdGluZ3Rlc3Rpbmc=", '"', "'", "/", "<", ">", "{", "}", "[", "]", ":", ",", "+", "=", "#", " ", "\n", "\u2028", "\u200b", "é",
    "😀", "\ud800", "\x00", '{"a": "', '"}', '{"password": "x"}', "a", "1",
]  # fmt: skip
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=9).map("".join) | st.text(max_size=30)
_VALUES = st.recursive(
    _TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=5,
)
_MASK = EntityRule(operator="mask", keep_last=2)
_REDACTORS = {
    "replace": Redactor(default_policy()),
    "mask": Redactor(Policy(entities=dict.fromkeys(default_policy().entities, _MASK))),
}


def _form(value: object) -> object:
    """Lists as long as they were, objects with as many members."""
    if isinstance(value, dict):
        return [_form(member) for member in value.values()]
    return [_form(member) for member in value] if isinstance(value, list) else None


def _is_no_number(value: object) -> bool:
    """A number alone is text, whatever it is put into."""
    return not isinstance(value, int)


@pytest.mark.parametrize("operator", _REDACTORS)
@settings(deadline=None, max_examples=1_000)
@given(value=_VALUES.filter(_is_no_number), depth=st.integers(1, 3), is_ascii=st.booleans())
def test_json_stays_json(*, operator: str, value: object, depth: int, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    for _ in range(depth - 1):
        text = json.dumps(text, ensure_ascii=is_ascii)
    after: object = _REDACTORS[operator].redact_text(text).text
    for _ in range(depth):
        assert isinstance(after, str)
        if "REDACTION_ERROR" in after:
            return
        after = json.loads(after)
    assert _form(after) == _form(value)


@pytest.mark.parametrize("operator", _REDACTORS)
@settings(deadline=None, max_examples=1_000)
@given(value=_TEXTS | _VALUES.map(json.dumps))
def test_nothing_is_redacted_twice(operator: str, value: str) -> None:
    once = _REDACTORS[operator].redact_text(value).text
    assert _REDACTORS[operator].redact_text(once).text == once
