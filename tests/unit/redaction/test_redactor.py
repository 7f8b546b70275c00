from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from redaction.cache import Cache
from redaction.custom import custom_detectors
from redaction.detector import DetectionError, Detector, Place
from redaction.finding import Finding
from redaction.key import KeyRing
from redaction.personal import personal_detectors
from redaction.policy import CustomRecognizer, EntityRule, Policy, policy_hash
from redaction.redactor import Redactor
from redaction.tally import Redacted, Tally
from tests.support.detector import FailingDetector, RecordingDetector, SlowDetector

# Without secrets, which take most of the time to compile.
_POLICY = Policy(entities={"EMAIL_ADDRESS": EntityRule(), "CREDIT_CARD": EntityRule()}, secrets=False)
_KEYS = KeyRing([("k1", b"k" * 32)])
_FAILED = Redacted("<REDACTION_ERROR>", {"REDACTION_ERROR": 1})
_MAIL, _CARD = "bob@example.com", "4111 1111 1111 1111"


def _with(*detectors: Detector, policy: Policy = _POLICY) -> Redactor:
    usual = [one for one in personal_detectors() if one.entity in policy.entities]
    return Redactor(policy, detectors=[*usual, *detectors])


def _of(operator: EntityRule) -> Redactor:
    return Redactor(replace(_POLICY, entities={**_POLICY.entities, "EMAIL_ADDRESS": operator}), keys=_KEYS)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(replace(_POLICY, secrets=True))


@pytest.mark.parametrize(
    ("text", "expected", "entities"),
    [
        pytest.param(f"to {_MAIL}.", "to <EMAIL_ADDRESS>.", {"EMAIL_ADDRESS": 1}, id="one"),
        pytest.param(
            f"{_MAIL}, {_MAIL} and {_CARD}",
            "<EMAIL_ADDRESS>, <EMAIL_ADDRESS> and <CREDIT_CARD>",
            {"EMAIL_ADDRESS": 2, "CREDIT_CARD": 1},
            id="several",
        ),
        pytest.param(f"\ud800 {_MAIL}", "\ud800 <EMAIL_ADDRESS>", {"EMAIL_ADDRESS": 1}, id="half a surrogate"),
        pytest.param(
            "a\u200b bo\u200bb@example.com \u200bb", "a\u200b <EMAIL_ADDRESS> \u200bb", {"EMAIL_ADDRESS": 1},
            id="invisible ones inside go, those outside stay",
        ),
        pytest.param(
            f"9\u200b{_CARD}\u200b9", "9\u200b<CREDIT_CARD>\u200b9", {"CREDIT_CARD": 1}, id="parted by invisible ones"
        ),
        pytest.param("mail=<EMAIL_ADDRESS>", "mail=<EMAIL_ADDRESS>", {}, id="redacted before"),
        pytest.param("password=<EMAIL_ADDRESS>", "password=<EMAIL_ADDRESS>", {}, id="redacted as something else"),
        pytest.param(
            "<A bob@example.com>", "<A <EMAIL_ADDRESS>>", {"EMAIL_ADDRESS": 1}, id="only looks redacted"
        ),
    ],
)  # fmt: skip
def test_what_is_found_is_replaced(redactor: Redactor, text: str, expected: str, entities: Mapping[str, int]) -> None:
    assert redactor.redact_text(text) == Redacted(expected, entities)


@pytest.mark.parametrize("text", ["", "clean", "1234 5678", "a @ b", '{"a": 1', '{"a": [1, "x"]}', "100%41", "\ud800"])
def test_a_clean_text_stays_the_same_object(redactor: Redactor, text: str) -> None:
    redacted = redactor.redact_text(text)
    assert redacted.text is text
    assert not redacted.entities


def test_entities_without_a_rule_are_not_looked_for() -> None:
    text = f"{_MAIL} 536-22-1234 10.1.2.3"
    assert Redactor(_POLICY).redact_text(text).text == "<EMAIL_ADDRESS> 536-22-1234 10.1.2.3"


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        pytest.param(
            EntityRule(operator="keep"), f"{_MAIL} {_CARD}", f"{_MAIL} <CREDIT_CARD>", id="keep leaves one entity"
        ),
        pytest.param(EntityRule(operator="drop"), f"a {_MAIL} b", "a  b", id="drop leaves nothing"),
        pytest.param(EntityRule(operator="mask", keep_last=0), f"to {_MAIL}", "to ***@*******.***", id="mask"),
    ],
)  # fmt: skip
def test_operators_at_work(rule: EntityRule, text: str, expected: str) -> None:
    assert _of(rule).redact_text(text).text == expected


def test_what_is_uncovered_when_something_is_dropped_goes_too() -> None:
    tag = custom_detectors([CustomRecognizer(entity="TAG", patterns=["#[a-z]{2}#"])])
    policy = replace(_POLICY, entities={**_POLICY.entities, "TAG": EntityRule(operator="drop")})
    redacted = _with(*tag, policy=policy).redact_text("4111 1111#ab# 1111 1111")
    assert redacted == Redacted("<CREDIT_CARD>", {"TAG": 1, "CREDIT_CARD": 1})


@pytest.mark.parametrize("operator", ["replace", "hash", "encrypt", "drop", "mask"])
def test_what_was_redacted_is_not_redacted_again(operator: str) -> None:
    redactor = _of(EntityRule(operator=operator))  # type: ignore[arg-type]  # one of the names
    once = redactor.redact_text(f"of {_MAIL} and {_CARD}")
    assert redactor.redact_text(once.text) == Redacted(once.text)


def test_hits_of_a_batch_say_the_same_as_a_scan_of_its_own(redactor: Redactor) -> None:
    texts = ["clean", _MAIL, f"é {_MAIL}", "", '{"a": "bob@example.com"}']
    hits = redactor.scan(texts)
    assert set(hits) == {1, 2, 4}
    for index, found in hits.items():
        assert redactor.redact_text(texts[index], hits=found) == redactor.redact_text(texts[index])


def test_the_policy_is_named_by_its_hash() -> None:
    assert Redactor(_POLICY).policy_hash == policy_hash(_POLICY)


def test_a_policy_that_needs_a_key_and_has_none_is_refused() -> None:
    with pytest.raises(ValueError, match="need a key"):
        Redactor(Policy(entities={"EMAIL_ADDRESS": EntityRule(operator="encrypt")}))


class _Astray(RecordingDetector):
    """Finds something behind the end."""

    entity = "ASTRAY"

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        del start, end, place
        return [Finding(start=0, end=len(text) + 9, entity=self.entity, score=1.0)]


@pytest.mark.parametrize(
    "detector",
    [
        pytest.param(FailingDetector(DetectionError("time")), id="out of time"),
        pytest.param(FailingDetector(ValueError("odd")), id="a defect"),
        pytest.param(FailingDetector(RecursionError()), id="too deep"),
        pytest.param(FailingDetector(MemoryError()), id="out of memory"),
    ],
)
@pytest.mark.parametrize(
    "text",
    ["a!", '{"a": "!"}', "%21%40!", f"{_MAIL} !", "!" + "x" * 1_000],
    ids=["text", "json", "percent", "beside another", "long"],
)
def test_a_detector_that_fails_costs_the_whole_text_and_no_other(detector: Detector, text: str) -> None:
    redactor = _with(detector)
    assert redactor.redact_text(text) == _FAILED
    # Not remembered either: the next time, it may work.
    assert redactor.redact_text(text) == _FAILED
    assert redactor.cache.hits == 0
    assert redactor.redact_text(f"of {_MAIL}").text == "of <EMAIL_ADDRESS>"


def test_a_finding_outside_of_the_text_hides_nothing() -> None:
    assert "bob" not in _with(_Astray()).redact_text(f"{_MAIL} !").text


def test_a_text_that_takes_too_long_fails_and_its_neighbours_do_not() -> None:
    # More than a text may take at least, which is two seconds; and the second window is not looked at any more.
    redactor = _with(SlowDetector(2.1))
    assert redactor.redact_text("!" + " " * 150 + "!") == _FAILED
    assert redactor.redact_text(_MAIL).text == "<EMAIL_ADDRESS>"


def test_an_expression_of_ones_own_that_backtracks_fails_closed() -> None:
    slow = custom_detectors([CustomRecognizer(entity="SLOW", patterns=["(?:x|xx)+y|!"])])
    redactor = _with(*slow)
    assert redactor.redact_text("x" * 60 + "! of bob") == _FAILED
    assert redactor.redact_text(_MAIL).text == "<EMAIL_ADDRESS>"


@pytest.mark.parametrize(("depth", "is_refused"), [(1, False), (4, False), (6, True), (12, True)])
def test_encodings_that_nest_too_deeply_fail_closed(depth: int, *, is_refused: bool) -> None:
    text = _MAIL
    for _ in range(depth):
        text = json.dumps([text])
    redacted = Redactor(_POLICY).redact_text(text)
    assert (redacted == _FAILED) == is_refused
    assert "bob" not in redacted.text


def test_brackets_without_end_fail_closed_or_are_redacted() -> None:
    for text in ("[" * 50_000 + _MAIL, '{"a":' * 20_000 + f'"{_MAIL}"', "[" * 3_000 + f'"{_MAIL}"' + "]" * 3_000):
        assert "bob" not in Redactor(_POLICY).redact_text(text).text


class _BrokenCache(Cache):
    def get(self, digest: bytes, text: str) -> Redacted | None:
        raise OSError(digest, text)


class _FullCache(Cache):
    def put(self, digest: bytes, text: str, redacted: Redacted) -> None:
        raise MemoryError(digest, text, redacted)


@pytest.mark.parametrize("cache", [_BrokenCache(1_000), _FullCache(1_000)], ids=["get", "put"])
def test_a_broken_cache_fails_closed(cache: Cache) -> None:
    redactor = Redactor(_POLICY)
    redactor.cache = cache
    assert redactor.redact_text(f"{_MAIL} {'x' * 300}") == _FAILED
    assert redactor.redact_text(_MAIL).text == "<EMAIL_ADDRESS>"


class TestTally:
    def test_it_adds_up_by_entity_and_by_key(self) -> None:
        tally = Tally()
        assert not tally
        tally.add("a", {"EMAIL_ADDRESS": 2})
        tally.add("b", {"EMAIL_ADDRESS": 1, "CREDIT_CARD": 1})
        tally.add("a", {"EMAIL_ADDRESS": 1})
        assert tally
        assert tally.entities == {"EMAIL_ADDRESS": 4, "CREDIT_CARD": 1}
        assert tally.keys == {"a": {"EMAIL_ADDRESS": 3}, "b": {"EMAIL_ADDRESS": 1, "CREDIT_CARD": 1}}


def test_what_a_replacement_uncovers_in_an_encoding_is_redacted_at_once(redactor: Redactor) -> None:
    once = redactor.redact_text("password=hunter2x9\\u0041\\%404111111111111111").text
    assert "4111" not in once
    assert redactor.redact_text(once).text == once
