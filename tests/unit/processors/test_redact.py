from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from msgspec.structs import replace

from processors.redact import Redact
from redaction.catalogue import detectors_of
from redaction.detector import DetectionError
from redaction.key import KeyRing
from redaction.operator import reveal
from redaction.policy import DenyRule, EntityRule, KeyRule, OperatorName, Policy, default_policy
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from redaction.secret import SECRET_ENTITIES
from tests.support.canonical import canonical
from tests.support.detector import FailingDetector
from tests.support.factory import SpanFields, batch, full_event, full_link, full_span, span
from tracedata import UNOBSERVED, Attributes, Batch, Event, Link, Resource, Scope, Span, Value

_MAIL, _CARD = "bob@example.com", 4111111111111111
_GONE, _CARD_GONE = "<EMAIL_ADDRESS>", "<CREDIT_CARD>"
_KEYS = KeyRing([("k1", b"k" * 32)])
_RESOURCE = Resource(attributes={"service.name": "shop"}, schema_url="https://example.com/1")


@cache
def _redactor() -> Redactor:
    return Redactor(default_policy())


def _processed(*spans: Span, redactor: Redactor | None = None) -> Sequence[Span]:
    return Redact(redactor or _redactor()).process(batch(*spans)).spans


def _value(value: Value, *, key: str = "k", redactor: Redactor | None = None) -> tuple[Value, Span]:
    (after,) = _processed(span(attributes={key: value}), redactor=redactor)
    return after.attributes[key], after


@pytest.mark.parametrize(
    ("sent", "kept", "place"),
    [
        pytest.param({"name": f"GET /{_MAIL}"}, {"name": f"GET /{_GONE}"}, "name", id="name"),
        pytest.param({"status_message": _MAIL}, {"status_message": _GONE}, "status_message", id="status message"),
        pytest.param({"trace_state": f"a={_MAIL}"}, {"trace_state": f"a={_GONE}"}, "trace_state", id="trace state"),
        pytest.param({"attributes": {"to": _MAIL}}, {"attributes": {"to": _GONE}}, "to", id="attribute"),
        pytest.param({"attributes": {_MAIL: 1}}, {"attributes": {_GONE: 1}}, "attribute.key", id="key"),
        pytest.param(
            {"events": [Event(name=f"to {_MAIL}", time_unix_nano=5)]},
            {"events": [Event(name=f"to {_GONE}", time_unix_nano=5)]},
            "event.name",
            id="event",
        ),
        pytest.param(
            {"events": [Event(attributes={"a": 1}), Event(attributes={"to": [_MAIL]})]},
            {"events": [Event(attributes={"a": 1}), Event(attributes={"to": [_GONE]})]},
            "to",
            id="attribute of an event",
        ),
        pytest.param(
            {"links": [Link(trace_state=_MAIL, flags=3)]},
            {"links": [Link(trace_state=_GONE, flags=3)]},
            "link.trace_state",
            id="link",
        ),
        pytest.param(
            {"links": [Link(attributes={_MAIL: "x"})]},
            {"links": [Link(attributes={_GONE: "x"})]},
            "attribute.key",
            id="key of a link",
        ),
        pytest.param(
            {"resource": Resource(attributes={"owner": _MAIL}, dropped_attributes_count=2)},
            {"resource": Resource(attributes={"owner": _GONE}, dropped_attributes_count=2)},
            "resource.owner",
            id="resource",
        ),
        pytest.param(
            {"resource": Resource(schema_url=f"https://x/{_MAIL}")},
            {"resource": Resource(schema_url=f"https://x/{_GONE}")},
            "resource.schema_url",
            id="schema of a resource",
        ),
        pytest.param(
            {"scope": Scope(name=_MAIL, version="1")},
            {"scope": Scope(name=_GONE, version="1")},
            "scope.name",
            id="scope",
        ),
        pytest.param(
            {"scope": Scope(version=_MAIL)}, {"scope": Scope(version=_GONE)}, "scope.version", id="version of a scope"
        ),
        pytest.param(
            {"scope": Scope(attributes={"by": _MAIL})},
            {"scope": Scope(attributes={"by": _GONE})},
            "scope.by",
            id="attribute of a scope",
        ),
        pytest.param(
            {"scope": Scope(schema_url=_MAIL)}, {"scope": Scope(schema_url=_GONE)}, "scope.schema_url", id="its schema"
        ),
    ],
)  # fmt: skip
def test_every_place_of_a_span_is_redacted_and_counted(sent: SpanFields, kept: SpanFields, place: str) -> None:
    before, neighbour = replace(span(), **sent), span()

    after, beside = _processed(before, neighbour)

    receipt = {
        "redactions": {"EMAIL_ADDRESS": 1},
        "redacted_keys": {place: {"EMAIL_ADDRESS": 1}},
        "redaction_policy": f"{_redactor().policy_hash}/{_redactor().engine_version}",
    }
    assert canonical(after) == canonical(replace(before, **kept, **receipt))
    assert beside is neighbour


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(_CARD, _CARD_GONE, id="number"),
        pytest.param(float(_CARD), _CARD_GONE, id="floating-point number"),
        pytest.param([1, _CARD, "x"], [1, _CARD_GONE, "x"], id="number in a list"),
        pytest.param({"a": {"b": [_MAIL, {"c": _CARD}]}}, {"a": {"b": [_GONE, {"c": _CARD_GONE}]}}, id="nested"),
        pytest.param({_MAIL: _CARD}, {_GONE: _CARD_GONE}, id="key of a map"),
        pytest.param(f"to {_MAIL}".encode(), f"to {_GONE}".encode(), id="bytes that are text"),
        pytest.param(b"\xff\x00 bob@example.com \xe9", b"\xff\x00 <EMAIL_ADDRESS> \xe9", id="bytes that are not"),
        pytest.param([b"bob@example.com"], [b"<EMAIL_ADDRESS>"], id="bytes in a list"),
        pytest.param({"password": "x"}, {"password": "<SECRET_VALUE>"}, id="below a secret's key"),
        pytest.param({"a": [{"api_key": ["x", "y"]}]}, {"a": [{"api_key": "<SECRET_VALUE>"}]}, id="list below one"),
        pytest.param([[True, None, 1.5, 7]], [[True, None, 1.5, 7]], id="what cannot be anybody's"),
    ],
)
def test_every_kind_of_value_is_redacted(value: Value, expected: Value) -> None:
    found, after = _value(value)
    assert found == expected
    assert bool(after.redactions) == (found != value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("user.phone", 4155552671, "<PHONE_NUMBER>", id="phone by its key"),
        pytest.param("user.ssn", 536221234, "<US_SSN>", id="ssn by its key"),
        pytest.param("n", 4155552671, 4155552671, id="ten digits"),
        pytest.param("n", _CARD + 0.5, _CARD + 0.5, id="fraction"),
        pytest.param("n", float("inf"), float("inf"), id="infinite"),
        pytest.param("n", 10**80, 10**80, id="very large"),
        pytest.param("password", 1234, "<SECRET_VALUE>", id="secret number"),
        pytest.param("password", b"x", "<SECRET_VALUE>", id="secret bytes"),
        pytest.param("password", {"a": [1]}, "<SECRET_VALUE>", id="secret map"),
        pytest.param("password", True, True, id="boolean"),
        pytest.param("password", None, None, id="nothing"),
        pytest.param("password", "", "", id="empty"),
    ],
)
def test_the_key_decides_with_the_value(key: str, value: Value, expected: Value) -> None:
    assert _value(value, key=key)[0] == expected


@pytest.mark.parametrize(
    ("sent", "place"),
    [
        pytest.param({"attributes": {"cookie": "x"}}, "cookie", id="span"),
        pytest.param({"events": [Event(attributes={"cookie": "x"})]}, "cookie", id="event"),
        pytest.param({"links": [Link(attributes={"cookie": "x"})]}, "cookie", id="link"),
        pytest.param({"attributes": {"a": [{"cookie": "x"}]}}, "a.cookie", id="nested"),
        pytest.param({"resource": Resource(attributes={"cookie": "x"})}, "resource.cookie", id="resource"),
        pytest.param({"scope": Scope(attributes={"cookie": "x"})}, "scope.cookie", id="scope"),
    ],
)
def test_a_key_alone_is_enough_everywhere(sent: SpanFields, place: str) -> None:
    (after,) = _processed(replace(span(), **sent))
    assert after.redacted_keys == {place: {"SECRET_VALUE": 1}}
    assert "'cookie': '<SECRET_VALUE>'" in repr(after)


@pytest.mark.parametrize("key", ["server.address", "net.peer.ip", "k8s.pod.ip", "host.ip", "client.address"])
def test_addresses_of_infrastructure_stay(key: str) -> None:
    before = span(attributes={key: "10.1.2.3"}, resource=Resource(attributes={key: "10.1.2.3"}))
    assert _processed(before)[0] is before
    assert _value("10.1.2.3", key="note")[0] == "<IP_ADDRESS>"


def test_what_a_key_allows_is_not_allowed_below_another_in_the_same_span() -> None:
    redactor = Redactor(Policy(entities={"EMAIL_ADDRESS": EntityRule()}, allow=[KeyRule(keys="mail.*")]))
    (after,) = _processed(span(attributes={"mail.to": _MAIL, "note": _MAIL}), redactor=redactor)
    assert after.attributes == {"mail.to": _MAIL, "note": _GONE}
    assert after.redacted_keys == {"note": {"EMAIL_ADDRESS": 1}}


def _denying(operator: OperatorName, *, secrets: bool = False) -> Redactor:
    policy = Policy(
        entities={"DENIED": EntityRule(operator=operator)}, deny=[DenyRule(keys="customer.*")], secrets=secrets
    )
    return Redactor(policy, keys=_KEYS)


@pytest.mark.parametrize("neighbour", [{}, {"to": _MAIL}])
def test_what_a_map_says_below_a_key_is_denied(neighbour: Attributes) -> None:
    before = span(attributes={"customer": {"a": {"b": 1}, "c": [{"d": "x"}]}, **neighbour})
    for _ in range(2):
        (after,) = _processed(before, redactor=_denying("replace"))
        assert after.attributes["customer"] == {"a": "<DENIED>", "c": "<DENIED>"}


_VALUES: Mapping[str, Value] = {"number": 42, "fraction": 1.5, "bytes": b"ab", "list": ["a", 1], "map": {"a": "b"}}


@pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES)
def test_what_is_denied_and_kept_stays_as_it_is(value: Value) -> None:
    before = span(attributes={"customer.x": value})
    assert _processed(before, redactor=_denying("keep"))[0] is before
    beside = span(attributes={"customer.x": value, "customer.password": "x"}, name="password=hunter2x")
    (after,) = _processed(beside, redactor=_denying("keep", secrets=True))
    assert after.name == "password=<SECRET_PASSWORD>"
    assert after.attributes == beside.attributes


@pytest.mark.parametrize("value", _VALUES.values(), ids=_VALUES)
def test_what_is_denied_and_encrypted_can_be_revealed(value: Value) -> None:
    token, _ = _value(value, key="customer.x", redactor=_denying("encrypt"))
    assert isinstance(token, str)
    shown = {"number": "42", "fraction": "1.5", "bytes": "ab", "list": '["a",1]', "map": '{"a":"b"}'}
    (name,) = [name for name, one in _VALUES.items() if one == value]
    assert reveal(token, keys=_KEYS, workspace_id=1) == ("DENIED", shown[name])


def test_what_is_denied_and_hashed_joins_only_the_same_values() -> None:
    redactor = _denying("hash")
    hashes = [_value(value, key="customer.x", redactor=redactor)[0] for value in [*_VALUES.values(), "42", 43]]
    assert len(set(map(str, hashes))) == len(hashes) - 1
    assert hashes[0] == hashes[-2]


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        pytest.param({_MAIL: 1, "al@example.com": 2}, {_GONE: 1, f"{_GONE}#2": 2}, id="two that become the same"),
        pytest.param({_GONE: 1, _MAIL: 2}, {_GONE: 1, f"{_GONE}#2": 2}, id="one that is there"),
        pytest.param(
            {_MAIL: 1, "al@example.com": 2, f"{_GONE}#2": 3},
            {_GONE: 1, f"{_GONE}#2": 2, f"{_GONE}#2#2": 3},
            id="a number that is taken",
        ),
    ],
)
def test_no_attribute_is_lost_when_its_key_is_redacted(attributes: dict[str, Value], kept: dict[str, Value]) -> None:
    (after,) = _processed(span(attributes=attributes))
    assert sorted(after.attributes.values(), key=str) == sorted(attributes.values(), key=str)
    assert not any("@" in key for key in after.attributes)
    assert set(list(after.attributes)[:2]) == set(list(kept)[:2])
    assert _value(attributes)[0] == after.attributes


def test_a_redacted_key_is_not_told_where_its_value_is_counted() -> None:
    (after,) = _processed(span(attributes={_MAIL: _CARD}, resource=Resource(attributes={_MAIL: [_CARD]})))
    assert after.redacted_keys == {
        "resource.<EMAIL_ADDRESS>": {"CREDIT_CARD": 1},
        "attribute.key": {"EMAIL_ADDRESS": 2},
        _GONE: {"CREDIT_CARD": 1},
    }


def test_receipts_add_up_by_entity_and_by_key() -> None:
    (after,) = _processed(
        span(
            name=_MAIL,
            attributes={"to": [_MAIL, {"cc": _MAIL}], "card": _CARD, "note": f"{_MAIL} {_MAIL}"},
            events=[Event(attributes={"card": _CARD})],
        )
    )
    assert after.redactions == {"EMAIL_ADDRESS": 5, "CREDIT_CARD": 2}
    assert after.redacted_keys == {
        "name": {"EMAIL_ADDRESS": 1},
        "to": {"EMAIL_ADDRESS": 1},
        "to.cc": {"EMAIL_ADDRESS": 1},
        "note": {"EMAIL_ADDRESS": 2},
        "card": {"CREDIT_CARD": 2},
    }


def test_a_clean_batch_is_passed_on_as_it_is() -> None:
    sent = batch(full_span(redactions={}, redacted_keys={}, redaction_policy=""), span(), span(attributes={"n": 5}))
    assert Redact(_redactor()).process(sent) is sent


def test_clean_spans_beside_one_that_is_not_are_shared() -> None:
    first, last = span(resource=_RESOURCE), span(resource=_RESOURCE)
    before, after, behind = _processed(first, span(name=_MAIL, resource=_RESOURCE), last)
    assert before is first
    assert behind is last
    assert after.resource is _RESOURCE


def test_a_resource_is_redacted_once_and_counted_in_the_first_span_that_has_it() -> None:
    shared = replace(_RESOURCE, attributes={"owner": _MAIL})
    one, two = _processed(span(resource=shared), span(resource=shared))
    assert one.resource is two.resource
    assert one.resource.attributes == {"owner": _GONE}
    assert (one.redactions, two.redactions) == ({"EMAIL_ADDRESS": 1}, {})


def test_a_key_that_was_clean_before_is_still_looked_at_for_what_it_says() -> None:
    processor = Redact(_redactor())
    for _ in range(2):
        (after,) = processor.process(batch(span(attributes={"note": "x", "password": "hunter2", _MAIL: 1}))).spans
        assert after.attributes == {"note": "x", "password": "<SECRET_VALUE>", _GONE: 1}


class _Recording:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.keys: Mapping[str, Mapping[str, int]] = {}
        self.cache: tuple[int, int, int] = (0, 0, 0)

    def redacted(
        self,
        *,
        keys: Mapping[str, Mapping[str, int]],
        seconds: float,
        cache_hits: int,
        cache_misses: int,
        cache_bytes: int,
    ) -> None:
        assert seconds >= 0
        self.keys = keys
        self.cache = (cache_hits, cache_misses, cache_bytes)


def test_what_was_done_is_told_once_a_batch() -> None:
    told = _Recording()
    redactor = Redactor(Policy(entities={"EMAIL_ADDRESS": EntityRule()}, secrets=False))
    processor = Redact(redactor, instruments=told)
    long = f"{_MAIL} {'x' * 300}"
    processor.process(batch(span(name=_MAIL), span(attributes={"a": long}), span(attributes={"a": long})))
    assert told.keys == {"name": {"EMAIL_ADDRESS": 1}, "a": {"EMAIL_ADDRESS": 2}}
    assert told.cache == (1, 1, redactor.cache.size)
    assert redactor.cache.size > 0


class TestFailures:
    """Nothing passes because it could not be looked at, and nothing else is lost."""

    def _failing(self) -> Redactor:
        policy = Policy(entities={"EMAIL_ADDRESS": EntityRule()}, secrets=False)
        return Redactor(policy, detectors=[*detectors_of(policy), FailingDetector(DetectionError("time"))])

    @pytest.mark.parametrize(
        ("sent", "kept", "place"),
        [
            ({"name": "a!"}, {"name": "<REDACTION_ERROR>"}, "name"),
            ({"attributes": {"a": "!", "b": "c"}}, {"attributes": {"a": "<REDACTION_ERROR>", "b": "c"}}, "a"),
            ({"attributes": {"a": ["x", "!"]}}, {"attributes": {"a": ["x", "<REDACTION_ERROR>"]}}, "a"),
            ({"attributes": {"a!": "x"}}, {"attributes": {"<REDACTION_ERROR>": "x"}}, "attribute.key"),
            ({"scope": Scope(name="!")}, {"scope": Scope(name="<REDACTION_ERROR>")}, "scope.name"),
        ],
    )
    def test_a_detector_that_fails_costs_the_field(self, sent: SpanFields, kept: SpanFields, place: str) -> None:
        before, neighbour = replace(full_span(), **sent), span()
        after, beside, other = _processed(before, neighbour, span(name=_MAIL), redactor=self._failing())
        receipt = {
            "redactions": {"REDACTION_ERROR": 1},
            "redacted_keys": {place: {"REDACTION_ERROR": 1}},
            "redaction_policy": after.redaction_policy,
        }
        assert canonical(after) == canonical(replace(before, **kept, **receipt))
        assert after.redaction_policy
        assert beside is neighbour
        assert other.name == _GONE

    def test_stage_one_that_fails_leaves_every_text_to_stage_two(self) -> None:
        class Blind(Redactor):
            def scan(self, texts: Sequence[str]) -> Mapping[int, Hits]:
                if len(texts) > 1:
                    raise MemoryError
                return super().scan(texts)

        policy = Policy(entities={"EMAIL_ADDRESS": EntityRule()}, secrets=False)
        clean = span()
        after, beside = _processed(span(attributes={"to": _MAIL, "n": 1}), clean, redactor=Blind(policy))
        assert after.attributes == {"to": _GONE, "n": 1}
        assert beside is clean

    def test_a_span_that_cannot_be_taken_apart_keeps_what_is_nobodys(self) -> None:
        endless: Value = _MAIL
        for _ in range(5_000):
            endless = [endless]
        before = full_span(attributes={"a": endless}, events=[full_event()], links=[full_link()], name=_MAIL)
        told = _Recording()
        sent = Batch(workspace_id=1, spans=[before, span(name=_MAIL)], rejections={"x": 1})

        after = Redact(_redactor(), instruments=told).process(sent)

        blank, other = after.spans
        kept = "trace_id span_id parent_span_id flags kind start_time_unix_nano end_time_unix_nano status_code".split()
        assert all(getattr(blank, field) == getattr(before, field) for field in kept)
        assert blank == Span(
            **{field: getattr(before, field) for field in kept},
            resource=Resource(),
            scope=Scope(),
            name="<REDACTION_ERROR>",
            redactions={"REDACTION_ERROR": 1},
            redacted_keys={"span": {"REDACTION_ERROR": 1}},
            redaction_policy=f"{_redactor().policy_hash}/{_redactor().engine_version}",
        )
        assert other.name == _GONE
        assert after.rejections == {"x": 1}
        assert told.keys["span"] == {"REDACTION_ERROR": 1}


def test_without_instruments_nothing_is_told() -> None:
    assert Redact(_redactor(), instruments=UNOBSERVED).process(batch(span(name=_MAIL))).spans[0].name == _GONE


def test_a_value_is_judged_by_the_key_that_is_stored() -> None:
    redactor = Redactor(default_policy())
    (once,) = _processed(
        span(attributes={"password=hunter22x": "hello", "a": {"password=hunter22x": 1}}), redactor=redactor
    )
    assert once.attributes == {
        "password=<SECRET_PASSWORD>": "<SECRET_VALUE>",
        "a": {"password=<SECRET_PASSWORD>": "<SECRET_VALUE>"},
    }
    assert _processed(once, redactor=redactor)[0] is once


@pytest.mark.parametrize("operator", ["replace", "mask", "hash", "encrypt", "drop"])
def test_what_is_redacted_stays_as_it_is(operator: OperatorName) -> None:
    entities = {
        name: EntityRule(operator=operator) for name in (*default_policy().entities, *SECRET_ENTITIES, "DENIED")
    }
    policy = Policy(entities=entities, deny=[DenyRule(keys="customer.*")])
    redactor = Redactor(policy, keys=_KEYS)
    before = span(
        name=f"to {_MAIL}, {_CARD}",
        attributes={
            "api_key": "hunter22x",
            "customer.name": "Bob Smith",
            "url": "postgresql://app:hunter22x@db/x",
            "body": '{"password": "hunter22x", "n": "password=hunter22x"}',
            "call": "+1 415 555 2671",
        },
    )
    (once,) = _processed(before, redactor=redactor)
    assert once.redactions.keys() >= {"SECRET_VALUE", "SECRET_URL_PASSWORD", "SECRET_PASSWORD", "DENIED", "CREDIT_CARD"}
    assert _processed(once, redactor=redactor)[0] is once
