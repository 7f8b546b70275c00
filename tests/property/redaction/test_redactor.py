from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import CryptoRecognizer, IbanRecognizer, UsSsnRecognizer

from redaction.catalogue import detectors_of
from redaction.escape import FORM_TRIGGERS
from redaction.naive import find_all
from redaction.policy import DEFAULT_THRESHOLD, default_policy
from redaction.redactor import Redactor
from tests.support.personal import NOISE, TEXTS, VALUES

_FORMS = [re.compile(trigger.decode()) for trigger in FORM_TRIGGERS]
_POLICY = default_policy()
_DETECTORS = detectors_of(_POLICY)
_REDACTOR = Redactor(_POLICY, detectors=_DETECTORS)
_JSON = st.recursive(
    TEXTS | st.integers() | st.floats(allow_nan=False) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=400)
@given(TEXTS)
def test_the_fast_path_leaves_nothing_that_every_detector_over_the_whole_text_would_find(text: str) -> None:
    if any(sign in text for sign in '{["&%\\') or any(one.search(text) for one in _FORMS):
        # Encodings are looked into by one of the two only.
        return
    found = find_all(text, _DETECTORS, threshold=DEFAULT_THRESHOLD)
    redacted = _REDACTOR.redact_text(text)
    # A replacement may uncover another value, so there may be more.
    assert sum(redacted.entities.values()) >= len(found)
    assert (redacted.text is text) == (not found)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_what_was_redacted_is_left_alone(text: str) -> None:
    once = _REDACTOR.redact_text(text).text
    assert _REDACTOR.redact_text(once).text == once


@settings(deadline=None, max_examples=200)
@given(_JSON)
def test_json_stays_json_of_the_same_form(value: object) -> None:
    text = json.dumps([value])
    (after,) = json.loads(_REDACTOR.redact_text(text).text)
    assert type(after) is type(value) or isinstance(after, str)
    if isinstance(value, list) and isinstance(after, list):
        assert len(after) == len(value)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_fails(text: str) -> None:
    assert "REDACTION_ERROR" not in _REDACTOR.redact_text(text, key="any.key").entities


_PRESIDIO_ENTITIES = ["IBAN_CODE", "US_SSN", "CRYPTO"]


@pytest.fixture(scope="module")
def presidio() -> AnalyzerEngine:
    engine = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "no_op"}])
    engine.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    for recognizer in (IbanRecognizer(), UsSsnRecognizer(), CryptoRecognizer()):
        registry.add_recognizer(recognizer)
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=["en"])


@settings(deadline=None, max_examples=200)
@given(text=TEXTS)
def test_whatever_presidio_finds_is_redacted(presidio: AnalyzerEngine, text: str) -> None:
    if any(sign in text for sign in '{["&%\\') or any(one.search(text) for one in _FORMS):
        return
    after = _REDACTOR.redact_text(text).text
    for result in presidio.analyze(text, language="en", entities=_PRESIDIO_ENTITIES, score_threshold=DEFAULT_THRESHOLD):
        if result.entity_type != "US_SSN" and text[max(0, result.start - 1) : result.start].isalnum():
            # Looked for behind a boundary only, see docs/redaction.md.
            continue
        value = text[result.start : result.end]
        assert after.count(value) < text.count(value)


@pytest.mark.parametrize(
    ("entity", "value"), [(entity, value) for entity, values in VALUES.items() for value in values]
)
@pytest.mark.parametrize("form", ["{}", "It is {}, thanks.", "a={}\n", '{{"k": "{}"}}', 'data: ["{}"]'])
def test_what_is_planted_goes(entity: str, value: str, form: str) -> None:
    before = form.format(f"Bearer {value}" if entity == "SECRET_BEARER" else value)
    redacted = _REDACTOR.redact_text(before)
    assert value not in redacted.text
    assert entity in redacted.entities


@pytest.mark.parametrize("text", NOISE)
def test_noise_stays(text: str) -> None:
    assert _REDACTOR.redact_text(text).text == text
    assert _REDACTOR.redact_text(json.dumps({"x": text})).entities == {}


_EVASIONS = {
    "json": json.dumps({"a": "bob@example.com"}),
    "json in json": json.dumps({"a": json.dumps({"b": "bob@example.com"})}),
    "json in json in json": json.dumps([json.dumps([json.dumps(["bob@example.com"])])]),
    "escape in json": '{"a": "bob\\u0040example.com"}',
    "escape": "bob\\u0040example.com",
    "hex escape": "bob\\x40example.com",
    "line end in json": '{"a": "card\\n4111111111111111"}',
    "line end escaped": "card\\n4111111111111111",
    "zero width": "bob\u200b@exam\u2060ple.com",
    "soft hyphen": "4111\u00ad1111\u00ad1111\u00ad1111",
    "full width": "bob\uff20example\uff0ecom",
    "full width digits": "\uff14\uff11\uff11\uff11" * 1 + "111111111111",
    "no-break spaces": "4111\u00a01111\u00a01111\u00a01111",
    "percent": "q=bob%40example.com",
    "entity": "bob&#64;example.com",
    "named entity": "bob&commat;example.com",
    "base64": base64.b64encode(b"write to bob@example.com").decode(),
    "base64 in json": json.dumps({"body": base64.b64encode(b"write to bob@example.com").decode()}),
    "arabic digits": "\u0664\u0661\u0665-\u0665\u0665\u0665-\u0662\u0666\u0667\u0661",
}


@pytest.mark.parametrize("text", _EVASIONS.values(), ids=_EVASIONS)
def test_encodings_do_not_hide(text: str) -> None:
    redacted = _REDACTOR.redact_text(text)
    assert redacted.entities
    assert not re.search("bob|4111", redacted.text)
