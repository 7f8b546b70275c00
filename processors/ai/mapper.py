"""Interactions of all spans and log records that are at hand: one pure function. See docs/adr/0010-one-call-one-interaction.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from processors.ai.context import ancestors, inherit
from processors.ai.conversation import whole
from processors.ai.detection import plan_for
from processors.ai.draft import Draft, Subject, draft_of, subject_of
from processors.ai.grouping import Groups, call_above, depth_of, join_by_response, join_by_time, join_nested
from processors.ai.merge import Price, interaction_of, merged
from processors.ai.operation import operation_of
from processors.ai.reader import Reader
from processors.ai.record import answer_prompts, prompts, subjects_of, tellings, told_of
from processors.ai.relevance import is_relevant
from processors.ai.reported import Reported
from processors.span_index import span_index
from tracedata import LogRecord, Span
from tracedata.interaction import NO_COST, NO_USAGE, Conversation, Cost, Interaction, Message

MAPPER_VERSION: int = 1
"""Goes up whenever the same spans give other interactions: rows of older versions can be made anew."""


def reported_cost(interaction: Interaction, reported: Reported | None) -> Cost:  # noqa: ARG001 - the shape of a price
    """What was reported, or nothing."""
    if reported is None:
        return NO_COST
    return Cost(amount=reported.amount, currency=reported.currency, source=f"reported:{reported.key}")


class Mapper:
    """Makes interactions. ``price`` says what one cost, given what was reported; ``failed`` hears of spans and records left out."""

    def __init__(self, price: Price = reported_cost, *, failed: Callable[[int], None] | None = None) -> None:
        self._price = price
        self._failed = failed or _ignored

    def interactions(self, spans: Sequence[Span], log_records: Sequence[LogRecord] = ()) -> Sequence[Interaction]:
        """The interactions, in the order of start, trace and span. Does not depend on order, nor on duplicates.

        Ancestors of AI spans belong to ``spans``: context comes from them, and what lies between two calls.
        """
        index = span_index(spans, is_relevant)
        return self.mapped([span for span in index.values() if is_relevant(span)], index, log_records)

    def mapped(
        self, relevant: Sequence[Span], index: Mapping[bytes, Span], log_records: Sequence[LogRecord] = ()
    ) -> Sequence[Interaction]:
        """The same for spans that are known to be relevant, distinct, and part of ``index``: spans by trace id and span id."""
        drafts = [draft for span in relevant if (draft := self._drafted(span)) is not None]
        owners = [*range(len(drafts))]
        if log_records:
            self._add_records(drafts, owners, log_records)
        groups = _resolved(drafts, owners, index)
        found = [made for group in groups if (made := self._made(group)) is not None]
        found.sort(key=_order)
        return found

    def conversation(self, sources: Sequence[Span], log_records: Sequence[LogRecord] = ()) -> Conversation:
        """What one interaction said, of the spans that told of it (the primary one first) and of their log records."""
        subjects = [*map(subject_of, sources), *subjects_of(told_of(log_records))]
        said = [_said(subject) for subject in subjects]
        return Conversation(
            input=next((one.input for one in said if _says(one.input)), ()),
            output=next((one.output for one in said if _says(one.output)), ()),
            tools=next((one.tools for one in said if one.tools), ()),
        )

    def _drafted(self, span: Span) -> Draft | None:
        try:
            return draft_of(subject_of(span))
        except Exception:  # noqa: BLE001 - whatever a sender wrote, its neighbours are kept, and it is counted
            self._failed(1)
            return None

    def _made(self, drafts: Sequence[Draft]) -> Interaction | None:
        try:
            return interaction_of(drafts, price=self._price, version=MAPPER_VERSION)
        except Exception:  # noqa: BLE001 - as above, and prices are looked up in data of others
            self._failed(1)
            return None

    def _add_records(self, drafts: list[Draft], owners: list[int], log_records: Sequence[LogRecord]) -> None:
        """Adds what records tell, each with the position of the span's draft that it belongs to, or its own."""
        positions = {draft.key: position for position, draft in enumerate(drafts)}
        try:
            told = told_of(log_records)
            tellings_ = tellings(told)
            answer_prompts([telling.draft for telling in tellings_], prompts(told))
        except Exception:  # noqa: BLE001 - as above
            self._failed(len(log_records))
            return
        for telling in tellings_:
            draft = telling.draft
            owner = positions.get(draft.key) if telling.is_of_span else None
            if owner is not None and draft.is_model and not drafts[owner].is_model and telling.has_own_operation:
                owner = None
            if owner is None and draft.operation == "other":
                continue
            owners.append(len(drafts) if owner is None else owner)
            drafts.append(draft)


def _ignored(_: int) -> None:
    """Nobody counts."""


def _order(interaction: Interaction) -> tuple[int, bytes, bytes]:
    return interaction.start_time_unix_nano, interaction.trace_id, interaction.span_id


def _resolved(drafts: list[Draft], owners: Sequence[int], index: Mapping[bytes, Span]) -> list[list[Draft]]:
    """The drafts, joined where they tell of the same call; in each list the primary one is the first."""
    positions = {draft.key: position for position, draft in enumerate(drafts) if draft.is_span}
    by_key = {draft.key: draft for draft in drafts if draft.is_span}
    above: dict[int, int] = {}
    containers: dict[int, list[int]] = {}
    for position, draft in enumerate(drafts):
        if not draft.parent_span_id:
            continue
        line = ancestors(draft, index)
        inherit(draft, line, by_key)
        around = [positions[key] for key, _ in line if key in positions]
        if around:
            containers[position] = around
            if draft.is_model and draft.is_span and (call := call_above(draft, around, drafts)) is not None:
                above[position] = call
    for position, call in above.items():
        # What stands on a borrowed span may be another call's, so this one is told of by itself.
        drafts[position].is_echo &= not (drafts[call].is_borrowed and drafts[position].response_id)
    for draft in drafts:
        draft.session_id = draft.session_id or draft.made_up_session
    groups = Groups(drafts)
    for position, owner in enumerate(owners):
        groups.join(owner, position)
    composed = join_nested(drafts, above, groups) if above else set[int]()
    for position in composed:
        _demote(drafts[position])
    join_by_response(drafts, groups)
    join_by_time(drafts, groups)
    _use_aggregates(drafts, containers)
    calls = [[drafts[position] for position in members] for members in groups.members()]
    # What only repeats a call that is not at hand is none by itself.
    return [_joined(call, index) for call in calls if not all(draft.is_echo for draft in call)]


def _joined(drafts: Sequence[Draft], index: Mapping[bytes, Span]) -> list[Draft]:
    if len(drafts) == 1:
        return list(drafts)
    _, ordered = merged([(draft, depth_of(draft, index)) for draft in drafts])
    return list(ordered)


def _demote(draft: Draft) -> None:
    """What was taken for a call is made of several: it is around them, and what it reports is their sum."""
    draft.operation = "workflow"
    draft.aggregate = draft.usage if draft.usage != NO_USAGE else None
    draft.usage = NO_USAGE
    draft.response_id = ""
    draft.reported = None


def _use_aggregates(drafts: Sequence[Draft], containers: Mapping[int, Sequence[int]]) -> None:
    """Lets what is reported of calls that nobody told of stand for them, at the innermost place that reports any."""
    if all(draft.aggregate is None for draft in drafts):
        return
    counted = {at for position, line in containers.items() if drafts[position].is_model for at in line}
    waiting = [
        position for position, draft in enumerate(drafts) if draft.aggregate is not None and position not in counted
    ]
    for position in sorted(waiting, key=lambda one: -len(containers.get(one, ()))):
        if position not in counted:
            drafts[position].usage = drafts[position].aggregate or NO_USAGE
            counted.update(containers.get(position, ()))


def _said(subject: Subject) -> Conversation:
    plan, reader = plan_for(subject.scope, subject.attributes), Reader(subject.attributes)
    try:
        return whole(plan, reader, operation_of(plan, reader, subject.name))
    except Exception:  # noqa: BLE001 - what one source wrote does not hide what another did
        return Conversation()


def _says(messages: Sequence[Message]) -> bool:
    return any(message.parts for message in messages)
