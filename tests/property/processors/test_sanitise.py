from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.sanitise import Sanitise
from tracedata import Batch, Event, Link, Resource, Scope, Span, Value

# Surrogates and NUL included, and numbers beyond every range.
_TEXTS = st.text(st.characters(), max_size=4) | st.sampled_from(["\0", "\ud800", "ok"])
_NUMBERS = st.integers(-(2**70), 2**70) | st.integers(0, 10)
_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.floats() | _TEXTS | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_ATTRIBUTES = st.dictionaries(_TEXTS, _VALUES, max_size=3)
_RESOURCES = st.builds(Resource, attributes=_ATTRIBUTES, dropped_attributes_count=_NUMBERS, schema_url=_TEXTS)
_SCOPES = st.builds(
    Scope, name=_TEXTS, version=_TEXTS, attributes=_ATTRIBUTES, dropped_attributes_count=_NUMBERS, schema_url=_TEXTS
)
_EVENTS = st.builds(
    Event, time_unix_nano=_NUMBERS, name=_TEXTS, attributes=_ATTRIBUTES, dropped_attributes_count=_NUMBERS
)
_LINKS = st.builds(
    Link,
    trace_id=st.binary(max_size=16),
    span_id=st.binary(max_size=8),
    trace_state=_TEXTS,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=_NUMBERS,
    flags=_NUMBERS,
)
_SPANS = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    resource=_RESOURCES,
    scope=_SCOPES,
    parent_span_id=st.just(b""),
    trace_state=_TEXTS,
    flags=_NUMBERS,
    name=_TEXTS,
    kind=_NUMBERS,
    start_time_unix_nano=_NUMBERS,
    end_time_unix_nano=_NUMBERS,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=_NUMBERS,
    events=st.lists(_EVENTS, max_size=2),
    dropped_events_count=_NUMBERS,
    links=st.lists(_LINKS, max_size=2),
    dropped_links_count=_NUMBERS,
    status_code=_NUMBERS,
    status_message=_TEXTS,
    redactions=st.just({}),
    redacted_keys=st.just({}),
    redaction_policy=st.just(""),
)


@settings(deadline=None)
@given(st.lists(_SPANS, max_size=3))
def test_whatever_comes_in_can_be_stored_afterwards(spans: list[Span]) -> None:
    batch = Sanitise().process(Batch(workspace_id=1, spans=spans))

    assert len(batch.spans) == len(spans)
    assert Sanitise().process(batch) is batch
    for span in batch.spans:
        # Refuses lone surrogates, and writes NUL as this escape; a backslash of the text itself is doubled.
        text = msgspec.json.encode(span).decode().replace("\\\\", "")
        assert "\\u0000" not in text
        assert -(2**63) <= span.duration_ns < 2**63
        assert 0 <= span.start_time_unix_nano < 2**64
        assert 0 <= span.end_time_unix_nano < 2**64
