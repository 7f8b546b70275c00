"""A mapper for tests of storing and settling: small, pure, and with everything that makes settling hard.

A span with the attribute ``ai.call`` tells of a call. Calls that are nested, or tell the same ``ai.response`` in any trace, are
one: the deepest one is primary, and tells the response. A user comes from any ancestor. A log record with ``ai.answer`` tells the answer of the span that
it names; without that span it is a call of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tracedata import Batch, Interaction, LogRecord, Span
from tracedata.interaction import SpanReference, Usage

CALL, USER, RESPONSE, TOKENS, ANSWER = "ai.call", "ai.user", "ai.response", "ai.tokens", "ai.answer"
POISON = "ai.poison"
# The ids of a span.
Key = tuple[bytes, bytes]


def simple_interactions(spans: Sequence[Span], log_records: Sequence[LogRecord]) -> Sequence[Interaction]:
    """See the module."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    for span in spans:
        if POISON in span.attributes:
            raise ValueError(span.attributes[POISON])
    answers: dict[Key, set[str]] = {}
    for record in log_records:
        answer = record.attributes.get(ANSWER)
        if isinstance(answer, str):
            answers.setdefault((record.trace_id, record.span_id), set()).add(answer)
    made = [_interaction([by_id[key] for key in keys], by_id, answers) for keys in _calls(by_id)]
    return [*made, *(_orphan(key, log_records, answers[key]) for key in answers.keys() - by_id.keys())]


def processed(batch: Batch) -> Batch:
    """The batch as the pipeline hands it to the writer: with interactions of what is whole, and arrivals of what is not."""
    by_id = {(span.trace_id, span.span_id): span for span in batch.spans}
    told = {span.trace_id for span in batch.spans if CALL in span.attributes}
    arrivals = {record.trace_id for record in batch.log_records if ANSWER in record.attributes}
    for span in batch.spans:
        if CALL in span.attributes and [span, *_ancestors(span, by_id)][-1].parent_span_id:
            arrivals.add(span.trace_id)
    whole = [span for span in batch.spans if span.trace_id in told - arrivals]
    interactions = simple_interactions(whole, [])
    return replace(batch, interactions=interactions, arrivals=sorted(arrivals))


def _calls(by_id: Mapping[Key, Span]) -> Sequence[set[Key]]:
    """The spans of each call."""
    nests: dict[Key, set[Key]] = {}
    for key, span in by_id.items():
        if CALL in span.attributes:
            outermost = [one for one in (span, *_ancestors(span, by_id)) if CALL in one.attributes][-1]
            nests.setdefault((outermost.trace_id, outermost.span_id), set()).add(key)
    calls: dict[object, set[Key]] = {}
    for name, keys in nests.items():
        response = _response_of(_ordered([by_id[key] for key in keys], by_id))
        calls.setdefault(response or name, set()).update(keys)
    return list(calls.values())


def _ordered(spans: Sequence[Span], by_id: Mapping[Key, Span]) -> list[Span]:
    """The deepest first."""
    return sorted(spans, key=lambda one: (-len(_ancestors(one, by_id)), one.trace_id, one.span_id))


def _response_of(ordered: Sequence[Span]) -> str:
    return next((str(one.attributes[RESPONSE]) for one in ordered if RESPONSE in one.attributes), "")


def _ancestors(span: Span, by_id: Mapping[Key, Span]) -> Sequence[Span]:
    found: list[Span] = []
    parent = by_id.get((span.trace_id, span.parent_span_id))
    while parent is not None and parent not in found:
        found.append(parent)
        parent = by_id.get((parent.trace_id, parent.parent_span_id))
    return found


def _interaction(
    spans: Sequence[Span],
    by_id: Mapping[Key, Span],
    answers: Mapping[Key, set[str]],
) -> Interaction:
    ordered = _ordered(spans, by_id)
    primary = ordered[0]
    users = [one.attributes.get(USER) for span in ordered for one in (span, *_ancestors(span, by_id))]
    told = sorted(text for span in spans for text in answers.get((span.trace_id, span.span_id), ()))
    tokens = [value for span in ordered if isinstance(value := span.attributes.get(TOKENS), int)]
    return Interaction(
        trace_id=primary.trace_id,
        span_id=primary.span_id,
        start_time_unix_nano=primary.start_time_unix_nano,
        end_time_unix_nano=primary.end_time_unix_nano,
        operation="chat",
        name=primary.name,
        service_name=primary.resource.service_name,
        parent_span_id=primary.parent_span_id,
        response_id=_response_of(ordered),
        user_id=next((user for user in users if isinstance(user, str)), ""),
        usage=Usage(input=tokens[0] if tokens else None),
        response="".join(told),
        convention="simple",
        mapper_version=1,
        sources=tuple(map(_reference, ordered)),
    )


def _orphan(key: Key, log_records: Sequence[LogRecord], answers: set[str]) -> Interaction:
    start = min(one.moment_unix_nano for one in log_records if (one.trace_id, one.span_id) == key)
    return Interaction(
        trace_id=key[0],
        span_id=key[1] or bytes(8),
        start_time_unix_nano=start,
        end_time_unix_nano=start,
        operation="chat",
        response="".join(sorted(answers)),
        convention="simple",
        mapper_version=1,
    )


def _reference(span: Span) -> SpanReference:
    return SpanReference(
        trace_id=span.trace_id,
        span_id=span.span_id,
        start_time_unix_nano=span.start_time_unix_nano,
        convention="simple",
    )
