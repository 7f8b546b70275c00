"""Log records that tell of operations: messages of a span, whole calls, or what the user said before one.

What records alone tell of has no span: its id is made from what they say, so it is the same however often they come.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from processors.ai.convention.table import Event as Meaning
from processors.ai.decoding import as_number, as_text
from processors.ai.detection import convention_of_scope, plan_for, scope_of_event
from processors.ai.draft import Draft, Subject, draft_of
from processors.ai.event import MEANINGS, OUTPUT_KEY, attributes_of
from processors.ai.reader import Reader
from tracedata import LogRecord, StatusCode
from tracedata.interaction import MAX_TEXT_CHARS, OperationName

_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=str)
_NS_PER_MS = 1_000_000
_MAX_DURATION_MS = 1e12
# What tells of an operation by itself, whatever span it stands in.
_ALONE = frozenset({"call", "tool"})


class Told(msgspec.Struct, frozen=True):
    """A record with what it means, and what it is told apart by."""

    record: LogRecord
    name: str
    meaning: Meaning
    digest: bytes


class Telling(msgspec.Struct, frozen=True):
    """What records tell of one operation: of a span, or by themselves; and whether they say which operation it is."""

    draft: Draft
    is_of_span: bool
    has_own_operation: bool


def name_of(record: LogRecord) -> str:
    """The name of the event, with the prefix that some senders leave to the body, or to the scope."""
    name = record.name
    if name in MEANINGS:
        return name
    if isinstance(record.body, str) and record.body in MEANINGS:
        return record.body
    convention = convention_of_scope(record.scope.name)
    for whole in convention.events if convention is not None else ():
        if name and whole.endswith(f".{name}"):
            return whole
    return name


def told_of(records: Iterable[LogRecord]) -> Sequence[Told]:
    """The records that mean something, each once, in the order of their times."""
    found: dict[bytes, Told] = {}
    for record in records:
        name = name_of(record)
        meaning = MEANINGS.get(name)
        if meaning is not None and _is_meant(record, meaning):
            told = Told(record, name, meaning, digest_of(record, name))
            found.setdefault(told.digest, told)
    return sorted(found.values(), key=lambda told: (told.record.moment_unix_nano, told.digest))


def _is_meant(record: LogRecord, meaning: Meaning) -> bool:
    if meaning.only is None:
        return True
    key, wanted = meaning.only
    value = record.attributes.get(key)
    return str(value).lower() == wanted


def digest_of(record: LogRecord, name: str) -> bytes:
    """The same for the same record, however often it comes: 16 bytes."""
    said = [record.trace_id, record.span_id, record.moment_unix_nano, name, record.body, dict(record.attributes)]
    try:
        encoded = _ENCODER.encode(said)
    except (TypeError, ValueError, RecursionError):
        encoded = repr(said).encode(errors="replace")
    return hashlib.blake2b(encoded, digest_size=16).digest()


def ai_trace_id_of(record: LogRecord) -> bytes:
    """The trace id of what a record without a trace tells of, which is that of its session; no bytes when it tells of nothing."""
    told = told_of([record])
    return _trace_id(told[0]) if told else b""


def _trace_id(one: Told) -> bytes:
    record = one.record
    if record.trace_id or record.ai_trace_id:
        return record.trace_id or record.ai_trace_id
    return hashlib.blake2b(_session(one).encode(errors="replace") or one.digest, digest_size=16).digest()


def tellings(told: Sequence[Told]) -> Sequence[Telling]:
    """What the records tell, operation by operation."""
    found: list[Telling] = []
    for together in _together(told):
        subject = _subject(together)
        kind = together[0].meaning.kind
        default: OperationName | None = "tool" if kind == "tool" else "chat" if kind == "call" else None
        draft = draft_of(subject, default)
        has_own_operation = draft is not None
        if draft is None:
            draft = draft_of(subject, "chat" if subject.attributes.get(OUTPUT_KEY) else "other")
        if draft is not None:
            # A call that went well is that of its span, if that is one; each of several attempts is a call.
            is_of_span = kind not in _ALONE or (kind == "call" and not draft.failure.error_class)
            found.append(Telling(draft, bool(subject.key) and is_of_span, has_own_operation))
    return found


def subjects_of(told: Sequence[Told]) -> Sequence[Subject]:
    """What the records tell of, to be read."""
    return [_subject(together) for together in _together(told)]


def _together(told: Sequence[Told]) -> Iterable[Sequence[Told]]:
    """Records that tell of the same operation: those of one span, and else each by itself."""
    by_place: dict[bytes, list[Told]] = {}
    for one in told:
        record, kind = one.record, one.meaning.kind
        if kind != "prompt":
            is_placed = record.trace_id and record.span_id and kind not in _ALONE
            by_place.setdefault(record.trace_id + record.span_id if is_placed else one.digest, []).append(one)
    return by_place.values()


def prompts(told: Sequence[Told]) -> Mapping[str, Sequence[tuple[int, str]]]:
    """What users said, by session, in the order of time."""
    found: dict[str, list[tuple[int, str]]] = {}
    for one in told:
        if one.meaning.kind == "prompt":
            session = _session(one)
            text = as_text(one.record.attributes.get("prompt"))
            if session and text:
                found.setdefault(session, []).append((one.record.moment_unix_nano, text))
    return found


def _session(one: Told) -> str:
    plan = plan_for(scope_of(one), one.record.attributes)
    return Reader(one.record.attributes).text(plan.session_id)


def answer_prompts(drafts: Sequence[Draft], said: Mapping[str, Sequence[tuple[int, str]]]) -> None:
    """Gives what a user said to the first call after it in the same session."""
    if not said:
        return
    by_session: dict[str, list[Draft]] = {}
    for draft in drafts:
        if draft.is_model and draft.session_id in said:
            by_session.setdefault(draft.session_id, []).append(draft)
    for session, calls in by_session.items():
        calls.sort(key=lambda one: (one.end, one.span_id))
        ends = [call.end for call in calls]
        for moment, text in said[session]:
            at = bisect_left(ends, moment)
            if at < len(calls) and not calls[at].said.prompt:
                calls[at].said = replace(calls[at].said, prompt=text[:MAX_TEXT_CHARS])


def _subject(together: Sequence[Told]) -> Subject:
    record = together[0].record
    is_alone = together[0].meaning.kind in _ALONE
    whole = hashlib.blake2b(b"".join(one.digest for one in together), digest_size=16).digest()
    moments = [one.record.moment_unix_nano for one in together]
    return Subject(
        key=record.trace_id + record.span_id if record.trace_id and record.span_id else b"",
        trace_id=_trace_id(together[0]),
        span_id=whole[:8],
        parent_span_id=record.span_id,
        start=_start(record, min(moments)) if is_alone else min(moments),
        end=max(moments),
        scope=scope_of(together[0]),
        service=record.resource.service_name,
        name=together[0].name,
        attributes=record.attributes
        if is_alone
        else attributes_of((one.name, one.record.body, one.record.attributes) for one in together),
        events=(),
        status_code=StatusCode.UNSET,
        status_message="",
        is_span=False,
    )


def _start(record: LogRecord, end: int) -> int:
    """When a call began that is told of when it ended."""
    plan = plan_for(record.scope.name, record.attributes)
    duration = Reader(record.attributes).number(plan.duration_ms) or as_number(record.attributes.get("duration_ms"))
    return max(end - round(duration * _NS_PER_MS), 0) if duration and 0 < duration < _MAX_DURATION_MS else end


def scope_of(one: Told) -> str:
    """Records come through loggers of any name: what tells by itself is known by the name of the event."""
    return scope_of_event(one.name) or one.record.scope.name
