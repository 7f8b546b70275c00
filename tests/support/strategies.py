"""Hypothesis strategies for whole spans, aimed at what stores and encodings get wrong.

What ``processors`` repairs before a store sees it (NUL, lone surrogates) is never generated.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.factory import MAX_INT64, MAX_UINT32, MAX_UINT64, MIN_INT64
from tracedata import Attributes, Event, Link, LogRecord, Resource, Scope, Span, SpanKind, StatusCode, Value

_AWKWARD_TEXT = ("", " ", "$bytes", "\\", "\\N", '"', "\t\r\n", "%s", "é", "e\u0301", "\U0001f600", "\uffff", "null")
_AWKWARD_KEYS = ("", "$bytes", "$double", "$int", "$map", "__proto__", "a.b", "A.b", "service.name", "\U0001f511")
_AWKWARD_DOUBLES = (0.0, -0.0, 1.0, 0.1, 200.0, 1e300, 1.7976931348623157e308, 5e-324, 2.0**53 + 2, 1e21, 1e-7)
_AWKWARD_INTS = (0, 1, -1, MAX_INT64, MIN_INT64, 2**53 + 1, MAX_UINT32)
_AWKWARD_TIMES = (0, 1, 999, 1_000, MAX_INT64, MAX_INT64 + 1, MAX_UINT64)

# Whole spans take a while to draw, and a busy machine is no failure; stores are told apart by fresh workspaces.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def texts(*, max_size: int = 12) -> st.SearchStrategy[str]:
    """Text of all planes, without NUL and surrogates."""
    # UTF-8 has no surrogates, which is why naming the codec leaves them out.
    characters = st.characters(codec="utf-8", exclude_characters="\x00")
    return st.sampled_from(_AWKWARD_TEXT) | st.text(characters, max_size=max_size)


def keys() -> st.SearchStrategy[str]:
    """Attribute keys, among them empty ones and such that look like a tag of an encoding."""
    return st.sampled_from(_AWKWARD_KEYS) | texts(max_size=8)


def doubles(*, allow_nan: bool = False, allow_infinity: bool = True) -> st.SearchStrategy[float]:
    """Doubles with both zeros, the largest and the smallest."""
    return st.sampled_from(_AWKWARD_DOUBLES) | st.floats(allow_nan=allow_nan, allow_infinity=allow_infinity)


def ints() -> st.SearchStrategy[int]:
    """Signed integers of 64 bits, with their limits."""
    return st.sampled_from(_AWKWARD_INTS) | st.integers(MIN_INT64, MAX_INT64)


def scalars(*, allow_nan: bool = False, allow_infinity: bool = True) -> st.SearchStrategy[Value]:
    """Every value type but arrays and maps."""
    return st.one_of(
        st.none(),
        st.booleans(),
        texts(),
        ints(),
        doubles(allow_nan=allow_nan, allow_infinity=allow_infinity),
        st.binary(max_size=8),
    )


def values(*, allow_nan: bool = False, allow_infinity: bool = True) -> st.SearchStrategy[Value]:
    """Every value type, nested; also maps that look like an encoded scalar."""
    leaves = scalars(allow_nan=allow_nan, allow_infinity=allow_infinity)
    decoys = st.dictionaries(st.sampled_from(("$bytes", "$double", "$map")), leaves, min_size=1, max_size=1)
    return st.recursive(
        leaves | decoys,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys(), inner, max_size=4),
        max_leaves=8,
    )


def attributes(
    *, max_size: int = 4, allow_nan: bool = False, allow_infinity: bool = True
) -> st.SearchStrategy[Attributes]:
    """Attribute maps; keys come in any order."""
    inner = values(allow_nan=allow_nan, allow_infinity=allow_infinity)
    return st.dictionaries(keys(), inner, max_size=max_size)


def counts() -> st.SearchStrategy[int]:
    """Unsigned integers of 32 bits."""
    return st.sampled_from((0, 1, MAX_UINT32)) | st.integers(0, MAX_UINT32)


def times() -> st.SearchStrategy[int]:
    """Unsigned nanoseconds of 64 bits."""
    return st.sampled_from(_AWKWARD_TIMES) | st.integers(0, MAX_UINT64)


def intervals() -> st.SearchStrategy[tuple[int, int]]:
    """Start and end in any order whose difference is a signed integer of 64 bits."""
    return st.tuples(times(), times()).filter(lambda times: MIN_INT64 <= times[1] - times[0] <= MAX_INT64)


def resources(*, allow_nan: bool = False) -> st.SearchStrategy[Resource]:
    """Resources, with and without a service name."""
    named = st.builds(lambda held, name: {**held, "service.name": name}, attributes(allow_nan=allow_nan), texts())
    return st.builds(
        Resource,
        attributes=attributes(allow_nan=allow_nan) | named,
        dropped_attributes_count=counts(),
        schema_url=texts(),
    )


def scopes(*, allow_nan: bool = False) -> st.SearchStrategy[Scope]:
    """Instrumentation scopes."""
    return st.builds(
        Scope,
        name=texts(),
        version=texts(),
        attributes=attributes(allow_nan=allow_nan),
        dropped_attributes_count=counts(),
        schema_url=texts(),
    )


def events(*, allow_nan: bool = False) -> st.SearchStrategy[Event]:
    """Events, nameless ones too."""
    return st.builds(
        Event,
        time_unix_nano=times(),
        name=texts(),
        attributes=attributes(max_size=2, allow_nan=allow_nan),
        dropped_attributes_count=counts(),
    )


def links(*, allow_nan: bool = False) -> st.SearchStrategy[Link]:
    """Links, with ids of any length."""
    return st.builds(
        Link,
        trace_id=st.binary(min_size=16, max_size=16) | st.binary(max_size=20),
        span_id=st.binary(min_size=8, max_size=8) | st.binary(max_size=12),
        trace_state=texts(),
        attributes=attributes(max_size=2, allow_nan=allow_nan),
        dropped_attributes_count=counts(),
        flags=counts(),
    )


@st.composite
def spans(draw: st.DrawFn, *, allow_nan: bool = False) -> Span:
    """Whole spans as a sender could have sent them; redaction counts stay empty, since OTLP has no place for them."""
    start, end = draw(intervals())
    return Span(
        # An id of zeros means "no id" in OTLP.
        trace_id=draw(st.binary(min_size=16, max_size=16).filter(any)),
        span_id=draw(st.binary(min_size=8, max_size=8).filter(any)),
        parent_span_id=draw(st.just(b"") | st.binary(min_size=8, max_size=8).filter(any)),
        resource=draw(resources(allow_nan=allow_nan)),
        scope=draw(scopes(allow_nan=allow_nan)),
        trace_state=draw(texts()),
        flags=draw(counts()),
        name=draw(texts()),
        kind=draw(st.sampled_from(SpanKind)),
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=draw(attributes(allow_nan=allow_nan)),
        dropped_attributes_count=draw(counts()),
        events=draw(st.lists(events(allow_nan=allow_nan), max_size=2)),
        dropped_events_count=draw(counts()),
        links=draw(st.lists(links(allow_nan=allow_nan), max_size=2)),
        dropped_links_count=draw(counts()),
        status_code=draw(st.sampled_from(StatusCode)),
        status_message=draw(texts()),
    )


@st.composite
def log_records(draw: st.DrawFn, *, allow_nan: bool = False) -> LogRecord:
    """Whole log records as a sender could have sent them, with and without a trace."""
    return LogRecord(
        trace_id=draw(st.just(b"") | st.binary(min_size=16, max_size=16).filter(any)),
        span_id=draw(st.just(b"") | st.binary(min_size=8, max_size=8).filter(any)),
        resource=draw(resources(allow_nan=allow_nan)),
        scope=draw(scopes(allow_nan=allow_nan)),
        flags=draw(counts()),
        time_unix_nano=draw(times()),
        observed_time_unix_nano=draw(times()),
        severity_number=draw(st.integers(0, 24)),
        severity_text=draw(texts()),
        event_name=draw(texts()),
        body=draw(values(allow_nan=allow_nan)),
        attributes=draw(attributes(allow_nan=allow_nan)),
        dropped_attributes_count=draw(counts()),
    )
