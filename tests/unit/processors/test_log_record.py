"""What processors do to log records. What they do to values in general is shown on spans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from processors.limit import Limit, LimitConfig
from processors.redact import Redact, RedactByWorkspace
from processors.sanitise import MAX_DEPTH, TOO_DEEP, Sanitise
from redaction.catalogue import detectors_of
from redaction.detector import DetectionError
from redaction.names import Names
from redaction.ner import SpacyModel
from redaction.policy import Content, DenyRule, EntityRule, KeyRule, NerRule, Policy, default_policy
from redaction.prefilter import Hits
from redaction.redactor import Redactor
from tests.support.detector import FailingDetector
from tests.support.factory import LogRecordFields, batch, full_log_record, log_batch, log_record, resource, span
from tracedata import Attributes, Batch, LogRecord, Resource, Scope, Value

_MAIL, _GONE = "bob@example.com", "<EMAIL_ADDRESS>"
_CARD, _CARD_GONE = 4111111111111111, "<CREDIT_CARD>"
_LIMIT = Limit(LimitConfig(max_attributes=4, max_value_chars=1000, max_events=3, max_links=2, max_span_chars=3000))
_REPAIRED, _TRUNCATED = "relayscope.repaired", "relayscope.truncated"


@cache
def _redactor() -> Redactor:
    return Redactor(default_policy())


def _redacted(*records: LogRecord, redactor: Redactor | None = None) -> Sequence[LogRecord]:
    return Redact(redactor or _redactor()).process(log_batch(*records)).log_records


@pytest.mark.parametrize("process", [_LIMIT.process, Sanitise().process, Redact(_redactor()).process])
def test_nothing_to_do_gives_the_batch_itself(process: Callable[[Batch], Batch]) -> None:
    sent = log_batch(full_log_record(redactions={}, redacted_keys={}, redaction_policy=""), log_record())

    assert process(sent) is sent


@pytest.mark.parametrize(
    ("sent", "kept", "reason"),
    [
        pytest.param({"body": "x" * 1001}, {"body": "x" * 1000}, "value_length", id="text"),
        pytest.param({"body": [1] * 1000}, {"body": [1] * 62}, "value_length", id="array"),
        pytest.param({"body": {"a": "x" * 2000}}, {"body": {"a": "x" * 991}}, "value_length", id="map"),
        pytest.param({"severity_text": "x" * 1001}, {"severity_text": "x" * 1000}, "value_length", id="severity"),
        pytest.param({"event_name": "x" * 1001}, {"event_name": "x" * 1000}, "value_length", id="event name"),
    ],
)
def test_long_values_keep_their_beginning(sent: LogRecordFields, kept: LogRecordFields, reason: str) -> None:
    record = log_record(**sent)

    (limited,) = _LIMIT.process(log_batch(record)).log_records

    assert limited == replace(record, **kept, attributes={_TRUNCATED: [reason]})


def test_attributes_beyond_the_limit_are_counted() -> None:
    record = log_record(attributes={f"k{number}": number for number in range(6)}, dropped_attributes_count=1)

    (limited,) = _LIMIT.process(log_batch(record)).log_records

    assert limited.attributes == {"k0": 0, "k1": 1, "k2": 2, "k3": 3, _TRUNCATED: ["attribute_count"]}
    assert limited.dropped_attributes_count == 3


def test_a_record_that_is_too_large_in_all_gets_shorter_values() -> None:
    texts: Attributes = {f"k{number}": "x" * 900 for number in range(4)}

    (limited,) = _LIMIT.process(log_batch(log_record(body="y" * 900, attributes=texts))).log_records

    assert limited.body == "y" * 500
    assert limited.attributes == {**dict.fromkeys(texts, "x" * 500), _TRUNCATED: ["log_record_size", "value_length"]}


def _nested(levels: int, core: Value) -> Value:
    for _ in range(levels):
        core = [core]
    return core


@pytest.mark.parametrize(
    ("bad", "good", "reason"),
    [
        pytest.param({"body": "a\0b"}, {"body": "a�b"}, "nul_character", id="text"),
        pytest.param({"body": ["a\ud800"]}, {"body": ["a�"]}, "lone_surrogate", id="array"),
        pytest.param({"body": {"\0": 1}}, {"body": {"�": 1}}, "nul_character", id="key"),
        pytest.param({"body": 2**63}, {"body": str(2**63)}, "integer_out_of_range", id="integer"),
        pytest.param(
            {"body": _nested(MAX_DEPTH, "x")}, {"body": _nested(MAX_DEPTH, TOO_DEEP)}, "nesting_too_deep", id="depth"
        ),
        pytest.param({"severity_text": "\0"}, {"severity_text": "�"}, "nul_character", id="severity text"),
        pytest.param({"event_name": "\0"}, {"event_name": "�"}, "nul_character", id="event name"),
        pytest.param({"severity_number": 2**15}, {"severity_number": 0}, "severity_out_of_range", id="severity"),
        pytest.param({"time_unix_nano": -1}, {"time_unix_nano": 0}, "time_out_of_range", id="time"),
        pytest.param(
            {"observed_time_unix_nano": 2**64},
            {"observed_time_unix_nano": 2**64 - 1},
            "time_out_of_range",
            id="observed time",
        ),
        pytest.param({"flags": 2**32}, {"flags": 2**32 - 1}, "flags_out_of_range", id="flags"),
        pytest.param(
            {"dropped_attributes_count": -1}, {"dropped_attributes_count": 0}, "count_out_of_range", id="count"
        ),
    ],
)
def test_what_postgresql_could_refuse_is_repaired(bad: LogRecordFields, good: LogRecordFields, reason: str) -> None:
    record = log_record(**bad)

    (repaired,) = Sanitise().process(log_batch(record)).log_records

    assert repaired == replace(record, **good, attributes={_REPAIRED: [reason]})


def test_a_bad_resource_or_scope_is_repaired_once_for_spans_and_records() -> None:
    bad = resource("sh\0p")
    sent = Batch(workspace_id=1, spans=[span(resource=bad)], log_records=[log_record(resource=bad)])

    processed = Sanitise().process(sent)

    assert processed.spans[0].resource.service_name == "sh�p"
    assert processed.log_records[0].resource is processed.spans[0].resource


@pytest.mark.parametrize(
    ("sent", "kept", "place", "entity"),
    [
        pytest.param({"body": f"to {_MAIL}"}, {"body": f"to {_GONE}"}, "body", "EMAIL_ADDRESS", id="text"),
        pytest.param({"body": _MAIL.encode()}, {"body": _GONE.encode()}, "body", "EMAIL_ADDRESS", id="bytes"),
        pytest.param({"body": [1, {"to": _MAIL}]}, {"body": [1, {"to": _GONE}]}, "body.to", "EMAIL_ADDRESS", id="map"),
        pytest.param({"body": {_MAIL: 1}}, {"body": {_GONE: 1}}, "attribute.key", "EMAIL_ADDRESS", id="key of a map"),
        pytest.param({"body": _CARD}, {"body": _CARD_GONE}, "body", "CREDIT_CARD", id="number"),
        pytest.param({"body": float(_CARD)}, {"body": _CARD_GONE}, "body", "CREDIT_CARD", id="double"),
        pytest.param(
            {"body": f'{{"a": "{_MAIL}"}}'}, {"body": f'{{"a": "{_GONE}"}}'}, "body", "EMAIL_ADDRESS", id="JSON in text"
        ),
        pytest.param(
            {"body": {"password": "x"}}, {"body": {"password": "<SECRET_VALUE>"}}, "body.password", "SECRET_VALUE",
            id="secret in a map",
        ),
        pytest.param({"attributes": {"to": _MAIL}}, {"attributes": {"to": _GONE}}, "to", "EMAIL_ADDRESS", id="attribute"),
        pytest.param(
            {"attributes": {_MAIL: 1}}, {"attributes": {_GONE: 1}}, "attribute.key", "EMAIL_ADDRESS", id="attribute key"
        ),
        pytest.param({"event_name": _MAIL}, {"event_name": _GONE}, "event_name", "EMAIL_ADDRESS", id="event name"),
        pytest.param({"severity_text": _MAIL}, {"severity_text": _GONE}, "severity_text", "EMAIL_ADDRESS", id="severity"),
        pytest.param(
            {"resource": resource(attributes={"owner": _MAIL})}, {"resource": resource(attributes={"owner": _GONE})},
            "resource.owner", "EMAIL_ADDRESS", id="resource",
        ),
        pytest.param({"scope": Scope(name=_MAIL)}, {"scope": Scope(name=_GONE)}, "scope.name", "EMAIL_ADDRESS", id="scope"),
    ],
)  # fmt: skip
def test_every_place_is_redacted_and_counted(
    sent: LogRecordFields, kept: LogRecordFields, place: str, entity: str
) -> None:
    record, clean = log_record(**sent), log_record()

    after, neighbour = _redacted(record, clean)

    assert neighbour is clean
    assert replace(after, redactions={}, redacted_keys={}, redaction_policy="") == replace(record, **kept)
    assert (after.redactions, after.redacted_keys) == ({entity: 1}, {place: {entity: 1}})
    assert after.redaction_policy.startswith(_redactor().policy_hash)


def test_a_resource_is_redacted_for_each_record_and_counted_in_the_first() -> None:
    shared = resource(attributes={"owner": _MAIL})

    one, two = _redacted(log_record(resource=shared), log_record(resource=shared))

    assert one.resource is two.resource
    assert one.resource.attributes["owner"] == _GONE
    assert (one.redactions, two.redactions) == ({"EMAIL_ADDRESS": 1}, {})


@pytest.mark.parametrize(
    ("event", "dropped"),
    [
        ("gen_ai.user.message", "prompts"),
        ("gen_ai.system.message", "prompts"),
        ("gen_ai.tool.message", "prompts"),
        ("gen_ai.assistant.message", "answers"),
        ("gen_ai.choice", "answers"),
    ],
)
@pytest.mark.parametrize("is_attribute", [False, True], ids=["event name", "attribute"])
@pytest.mark.parametrize("body", ["hello", {"content": "hello"}], ids=["text", "map"])
def test_dropped_content_goes_from_bodies_of_messages(
    event: str, dropped: Content, body: Value, *, is_attribute: bool
) -> None:
    named: LogRecordFields = {"attributes": {"event.name": event}} if is_attribute else {"event_name": event}
    kinds: list[Content] = ["prompts", "answers"]
    for kind in kinds:
        (after,) = _redacted(
            replace(log_record(body=body), **named), redactor=Redactor(Policy(entities={}, drop_content=[kind]))
        )
        assert after.body == ("<CONTENT>" if kind == dropped else body)


@pytest.mark.parametrize(
    ("policy", "body"),
    [
        pytest.param(Policy(entities={}, deny=[DenyRule(keys="body")]), "<DENIED>", id="whole"),
        pytest.param(Policy(entities={}, deny=[DenyRule(keys="body.user")]), {"user": "<DENIED>", "n": 1}, id="member"),
        pytest.param(
            Policy(entities={"EMAIL_ADDRESS": EntityRule()}, allow=[KeyRule(keys="user")]),
            {"user": _MAIL, "n": 1},
            id="allowed",
        ),
    ],
)
def test_rules_know_the_body_by_name(policy: Policy, body: Value) -> None:
    (after,) = _redacted(log_record(body={"user": _MAIL, "n": 1}), redactor=Redactor(policy))

    assert after.body == body


class TestWhatFails:
    @staticmethod
    def _failing() -> Redactor:
        policy = Policy(entities={"EMAIL_ADDRESS": EntityRule()}, secrets=False)
        return Redactor(policy, detectors=[*detectors_of(policy), FailingDetector(DetectionError("time"))])

    def test_a_detector_that_fails_costs_the_field(self) -> None:
        (after,) = _redacted(log_record(body=["a!", "b"]), redactor=self._failing())

        assert after.body == ["<REDACTION_ERROR>", "b"]

    def test_a_record_that_cannot_be_taken_apart_is_blanked(self) -> None:
        endless: Value = _MAIL
        for _ in range(5_000):
            endless = [endless]
        sent = full_log_record(body=endless, severity_text=_MAIL)

        after, other = _redacted(sent, log_record(body=_MAIL))

        kept = "trace_id span_id flags time_unix_nano observed_time_unix_nano severity_number".split()
        assert after == LogRecord(
            **{field: getattr(sent, field) for field in kept},
            resource=Resource(),
            scope=Scope(),
            body="<REDACTION_ERROR>",
            redactions={"REDACTION_ERROR": 1},
            redacted_keys={"log_record": {"REDACTION_ERROR": 1}},
            redaction_policy=f"{_redactor().policy_hash}/{_redactor().engine_version}",
        )
        assert other.body == _GONE

    def test_without_stage_one_everything_is_looked_at(self) -> None:
        class Blind(Redactor):
            def scan(self, texts: Sequence[str]) -> dict[int, Hits]:
                if len(texts) > 1:
                    raise ValueError
                return dict(super().scan(texts))

        (after,) = _redacted(log_record(body=_MAIL), redactor=Blind(default_policy()))

        assert after.body == _GONE


def test_each_workspace_has_its_policy() -> None:
    redactors = {1: _redactor(), 2: Redactor(Policy(entities={}))}
    process = RedactByWorkspace(lambda workspace_id: Redact(redactors[workspace_id])).process

    bodies = {
        number: process(log_batch(log_record(body=_MAIL), workspace_id=number)).log_records[0].body for number in (1, 2)
    }

    assert bodies == {1: _GONE, 2: _MAIL}


def test_spans_and_records_of_one_batch_are_redacted_together() -> None:
    sent = replace(batch(span(name=_MAIL)), log_records=[log_record(body=_MAIL)])

    after = Redact(_redactor()).process(sent)

    assert (after.spans[0].name, after.log_records[0].body) == (_GONE, _GONE)


def test_names_go_from_bodies_and_content_attributes(name_model: Path) -> None:
    said, left = "My name is Bob Jones.", "My name is <PERSON>."
    rule = NerRule(model=str(name_model))
    redactor = Redactor(replace(default_policy(), ner=rule))
    redact = Redact(redactor, names=Names(redactor, rule, SpacyModel(rule.model, rule.labels)))
    sent = log_record(
        body={"content": said, "role": "Bob Jones", "mail": _MAIL},
        attributes={"gen_ai.input.messages": said, "note": said},
    )

    (after,) = redact.process(log_batch(sent)).log_records

    assert after.body == {"content": left, "role": "Bob Jones", "mail": _GONE}
    assert after.attributes == {"gen_ai.input.messages": left, "note": said}
    assert after.redactions == {"PERSON": 2, "EMAIL_ADDRESS": 1}
