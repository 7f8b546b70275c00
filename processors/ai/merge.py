"""One interaction of all drafts that tell of it: the richest first, the others where it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import force_setattr

from processors.ai.draft import Draft
from processors.ai.failure import Failure
from processors.ai.model_name import family_of, provider_of_host
from processors.ai.reported import Reported
from processors.ai.usage import completed, detail, is_void
from tracedata.interaction import NO_COST, NO_USAGE, Cost, Interaction, SpanReference, Usage

# Fields that another source may fill; the name of the operation is the primary one's.
_TEXTS = (
    "provider",
    "model_requested",
    "model_served",
    "response_id",
    "request_id",
    "user_id",
    "session_id",
    "organization_id",
    "agent",
    "finish_reason",
    "endpoint",
    "tags",
)
Price = Callable[[Interaction, Reported | None], Cost]


def rank(draft: Draft, depth: int) -> tuple[bool, int, bool, int, bool, bytes]:
    """The greater, the richer: a span before records, one with messages, one with tokens, the deeper one."""
    words = draft.said
    has_messages = bool(words.prompt) + words.has_output
    return (
        draft.is_span and not (draft.is_echo or draft.is_borrowed),
        has_messages,
        draft.usage != NO_USAGE,
        depth,
        not draft.is_transport,
        draft.key,
    )


def merged(drafts: Sequence[tuple[Draft, int]]) -> tuple[Draft, Sequence[Draft]]:
    """The primary draft, with what others know; and all of them, the primary one first. Comes with the depth of each."""
    ordered = sorted(drafts, key=lambda one: rank(*one), reverse=True)
    primary, others = ordered[0][0], [draft for draft, _ in ordered[1:]]
    if primary.is_model or all(not other.is_model for other in others):
        primary.usage = _usage(ordered)
    for other in others:
        _fill(primary, other)
    return primary, [primary, *others]


def _usage(ordered: Sequence[tuple[Draft, int]]) -> Usage:
    """The tokens as the source nearest to the wire has them, with details of others that agree with it."""
    told = [(draft, depth) for draft, depth in ordered if draft.usage != NO_USAGE and not is_void(draft.usage)]
    if not told:
        return ordered[0][0].usage
    usage = max(told, key=_exactness)[0].usage
    for draft, _ in told:
        usage = completed(usage, draft.usage)
    return usage


def _exactness(one: tuple[Draft, int]) -> tuple[bool, bool, bool, bool, int, int, bytes]:
    draft, depth = one
    usage = draft.usage
    is_complete = usage.reported_input is not None and usage.reported_output is not None
    return not usage.is_estimated, is_complete, draft.is_transport, draft.is_span, depth, detail(usage), draft.key


def _fill(primary: Draft, other: Draft) -> None:
    if other.is_echo and other.response_id:
        # It has the provider's own id, where the call above may have one that was made up.
        primary.response_id = other.response_id
    for field in _TEXTS:
        if not getattr(primary, field):
            setattr(primary, field, getattr(other, field))
    if primary.first_token is None and other.first_token is not None:
        # Told from the start of the other, which is later than that of a span around it.
        ahead = other.start - primary.start if other.trace_id == primary.trace_id else 0
        primary.first_token = other.first_token + max(ahead, 0)
    if primary.is_streaming is None or other.is_streaming:
        primary.is_streaming = other.is_streaming
    if primary.reported is None:
        primary.reported = other.reported
    primary.failure = _failure(primary, other)
    if not primary.said.prompt and not primary.said.has_output:
        primary.said = other.said
    if other.parameters:
        primary.parameters = {**other.parameters, **primary.parameters}


def _failure(primary: Draft, other: Draft) -> Failure:
    """A call that went well stays so, but for what records say; one that failed may be told of better."""
    if not primary.failure.error_class:
        return primary.failure if other.is_span else other.failure
    return other.failure if primary.failure.error_class == "other" and other.failure.error_class else primary.failure


def interaction_of(drafts: Sequence[Draft], *, price: Price, version: int) -> Interaction:
    """The interaction of a merged draft, which is the first one."""
    draft = drafts[0]
    usage, words = draft.usage, draft.said
    if usage is not NO_USAGE and is_void(usage) and (words.has_output or draft.finish_reason in {"stop", "tool_call"}):
        usage = NO_USAGE
    failure = draft.failure
    model = draft.model_served or draft.model_requested
    interaction = Interaction(
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        start_time_unix_nano=draft.start,
        end_time_unix_nano=draft.end,
        operation=draft.operation,
        name=draft.name,
        service_name=draft.service,
        parent_span_id=draft.parent_span_id,
        provider=draft.provider or (provider_of_host(draft.endpoint) if draft.endpoint else ""),
        model_requested=draft.model_requested,
        model_served=draft.model_served,
        model_family=family_of(model) if model else "",
        response_id=draft.response_id,
        request_id=draft.request_id,
        user_id=draft.user_id,
        session_id=draft.session_id,
        organization_id=draft.organization_id,
        agent=draft.agent,
        is_streaming=draft.is_streaming,
        time_to_first_token_ns=draft.first_token,
        usage=usage,
        reported_aggregate=draft.aggregate,
        finish_reason=draft.finish_reason,
        status=("timeout" if failure.error_class == "timeout" else "error") if failure.error_class else "success",
        error_class=failure.error_class,
        error_type=failure.error_type,
        error_message=failure.message,
        parameters=draft.parameters,
        tags=draft.tags,
        prompt=words.prompt,
        response=words.response,
        tool_calls=words.tool_calls,
        endpoint=draft.endpoint,
        convention=draft.convention,
        mapper_version=version,
        sources=_sources(drafts),
    )
    cost = _cost(interaction, draft, price)
    if cost is not NO_COST:
        # Nobody else has seen it yet; a copy of so many fields would take longer than everything that is in them.
        force_setattr(interaction, "cost", cost)
    return interaction


def _cost(interaction: Interaction, draft: Draft, price: Price) -> Cost:
    if not draft.is_model and interaction.usage is NO_USAGE:
        return NO_COST
    reported = draft.reported
    if reported is not None and not reported.amount and interaction.usage == NO_USAGE:
        reported = None
    return price(interaction, reported)


def _sources(drafts: Sequence[Draft]) -> tuple[SpanReference, ...]:
    if len(drafts) == 1:
        return (_reference(drafts[0]),)
    found: dict[bytes, SpanReference] = {}
    for draft in drafts:
        found.setdefault(draft.key or draft.span_id, _reference(draft))
    return tuple(found.values())


def _reference(draft: Draft) -> SpanReference:
    """The span, or the place that the records name: no ids when they name none."""
    return SpanReference(
        trace_id=draft.key[:16],
        span_id=draft.key[16:],
        start_time_unix_nano=draft.start if draft.is_span else draft.end,
        convention=draft.convention,
    )
