from __future__ import annotations

import sys

import pytest

from redaction.cache import Cache
from redaction.policy import EntityRule, KeyRule, Policy
from redaction.redactor import Redactor
from redaction.tally import Redacted


def _redacted(text: str) -> Redacted:
    return Redacted(text, {"EMAIL_ADDRESS": 1})


def test_what_was_put_is_found_again_and_counted() -> None:
    cache = Cache(10_000)
    digest = cache.digest("bob@example.com", "key")
    assert cache.get(digest, "bob@example.com") is None
    cache.put(digest, "bob@example.com", _redacted("<EMAIL_ADDRESS>"))
    assert cache.get(digest, "bob@example.com") == _redacted("<EMAIL_ADDRESS>")
    assert (cache.hits, cache.misses) == (1, 1)


def test_a_clean_text_comes_back_as_the_object_that_was_asked_about() -> None:
    cache = Cache(10_000)
    text, again = "clean " * 50, " ".join(["clean"] * 50) + " "
    cache.put(cache.digest(text, ""), text, Redacted(text))
    known = cache.get(cache.digest(again, ""), again)
    assert known is not None
    assert known.text is again
    assert known.entities == {}


def test_digests_are_of_text_and_key_and_of_one_process() -> None:
    cache = Cache(10_000)
    digests = [
        cache.digest("text", "key"),
        cache.digest("text", "other"),
        cache.digest("other", "key"),
        cache.digest("text that goes on", "key"),
        cache.digest("text that goes off", "key"),
        cache.digest("\0text", "key"),
        cache.digest("text", "key\0"),
        cache.digest("\ud800", ""),
        Cache(10_000).digest("text", "key"),
    ]
    assert len(set(digests)) == len(digests)
    assert cache.digest("text", "key") == digests[0]


def test_the_least_recently_used_make_room() -> None:
    cache = Cache(3_000)
    texts = [str(number) for number in range(12)]
    for text in texts:
        cache.put(cache.digest(text, ""), text, _redacted(text * 100))
        cache.get(cache.digest("0", ""), "0")
        assert cache.size <= 3_000
    kept = [text for text in texts if cache.get(cache.digest(text, ""), text) is not None]
    assert "0" in kept
    assert "11" in kept
    assert "1" not in kept


@pytest.mark.parametrize("character", ["x", "é", "日", "🎉"])
def test_it_takes_no_more_memory_than_it_is_given(character: str) -> None:
    cache = Cache(1 << 20)
    for number in range(2_000):
        text = f"{number}{character * 1_000}"
        cache.put(cache.digest(text, ""), text, _redacted(f"{number}<EMAIL_ADDRESS>{character * 1_000}"))
    entries = [one for one in cache._entries.values() if one is not None]
    assert 0 < sum(sys.getsizeof(one.text) for one in entries) <= 1 << 20


def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = Cache(1_000)
    cache.put(cache.digest("a", ""), "a", _redacted("x" * 1_000))
    assert cache.get(cache.digest("a", ""), "a") is None
    assert cache.size == 0


def _redactor(cache_bytes: int = 1 << 20) -> Redactor:
    policy = Policy(
        entities={"EMAIL_ADDRESS": EntityRule()}, allow=[KeyRule(keys="mail.*", entities=["EMAIL_ADDRESS"])]
    )
    return Redactor(policy, cache_bytes=cache_bytes)


_SECRET = "hunter2-" + "Zq81kfPw"
_TURN = f"password={_SECRET} of bob@example.com; " * 10


def test_a_long_text_is_looked_at_once() -> None:
    redactor = _redactor()
    first, second = (redactor.redact_text(text) for text in (_TURN, f" {_TURN}"[1:]))
    assert first == second
    assert (redactor.cache.hits, redactor.cache.misses) == (1, 1)


def test_a_key_that_decides_is_not_confused_with_another() -> None:
    redactor = _redactor()
    texts = [redactor.redact_text(_TURN, key=key).text for key in ("mail.to", "body", "mail.to")]
    assert ["bob@" in text for text in texts] == [True, False, True]


def test_short_texts_are_not_remembered() -> None:
    redactor = _redactor()
    redactor.redact_text("bob@example.com")
    assert (redactor.cache.misses, redactor.cache.size) == (0, 0)


def test_it_holds_nothing_that_was_not_redacted() -> None:
    redactor = _redactor()
    redactor.redact_text(_TURN)
    redactor.redact_text(_TURN, key=f"note of bob@example.com {_SECRET}")
    redactor.redact_text("nothing to see, 1234 5678 9012 34 " * 20)
    held = repr(list(redactor.cache._entries.items()))
    assert redactor.cache.size > 0
    assert "<EMAIL_ADDRESS>" in held
    assert _SECRET not in held
    assert "bob@" not in held
    assert "nothing to see" not in held


def test_without_memory_nothing_is_kept() -> None:
    redactor = _redactor(cache_bytes=0)
    assert redactor.redact_text(_TURN) == redactor.redact_text(_TURN)
    assert (redactor.cache.hits, redactor.cache.size) == (0, 0)
