from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from redaction.fold import fold
from redaction.key_name import SECRET_VALUE, secret_entity, words_of
from redaction.policy import Policy
from redaction.redactor import Redactor

_REDACTOR = Redactor(Policy(entities={}))
_FULL_WIDTH = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
_WORDS = (
    "password passwd passphrase pwd secret client key access api apikey private encryption authorization proxy token refresh "
    "id auth bearer session csrf xsrf credential credentials cookie set user x"
).split()
_WORD = st.sampled_from(_WORDS).flatmap(
    lambda word: st.sampled_from(
        [word, word.upper(), word.title(), word.translate(_FULL_WIDTH), word[:1] + "\u200b" + word[1:]]
    )
)
_GAP = st.sampled_from([*"_-. /:\\\"'\n\t?!\u00a0\u2028\u00e9\u0661\u200b😀", "", "-----", "_1", "\ud800"])
_NAMES = st.lists(st.tuples(_WORD, _GAP), min_size=1, max_size=3).map(lambda parts: "".join(map("".join, parts)))


@pytest.mark.parametrize("is_ascii", [True, False], ids=["escaped", "plain"])
@settings(deadline=None, max_examples=500)
@given(name=_NAMES)
def test_whatever_names_a_secret_is_one_as_a_member_of_json(name: str, *, is_ascii: bool) -> None:
    assume(secret_entity(words_of(fold(name).text)) is not None)
    text = json.dumps({"a": 1, name: "hunter2"}, ensure_ascii=is_ascii)
    assert list(json.loads(_REDACTOR.redact_text(text).text).values()) == [1, f"<{SECRET_VALUE}>"]
    outer = json.dumps([text], ensure_ascii=is_ascii)
    assert "hunter2" not in _REDACTOR.redact_text(outer).text
