"""An interaction reader over a plain list: slow, obvious, and the oracle for every other implementation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from msgspec.structs import replace

from storage.interaction_reader import (
    MAX_RANKED,
    PICO_PER_UNIT,
    Dimension,
    Fragment,
    Hit,
    HitCursor,
    HitPage,
    InteractionCursor,
    InteractionFilter,
    InteractionPage,
    InteractionQuestion,
    InteractionSearch,
    InteractionStatistics,
    Percentiles,
    RelatedSpan,
    Session,
    SessionCursor,
    SessionPage,
    SessionQuestion,
    Sources,
    StatisticsQuestion,
    StatisticsRow,
    StatisticsTable,
)
from tests.support.service_map import percentile
from tracedata import CallerError, Interaction, LogRecord, Span
from tracedata.interaction import Usage

_TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_WORD = re.compile(r"\w+")
_BUCKETS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "output",
    "reasoning",
    "audio_output",
)
_VALUES: Mapping[Dimension, Callable[[Interaction], str]] = {
    "provider": lambda one: one.provider,
    "model": lambda one: one.model,
    "family": lambda one: one.model_family,
    "operation": lambda one: one.operation,
    "user": lambda one: one.user_id,
    "session": lambda one: one.session_id,
    "agent": lambda one: one.agent,
    "service": lambda one: one.service_name,
}
_HIT_TEXT_CHARS = 300
_T = TypeVar("_T")


class MemoryInteractions:
    """Implements ``InteractionReader`` and ``StoredSpans``."""

    def __init__(self) -> None:
        self._interactions: list[tuple[int, Interaction]] = []
        self._spans: list[tuple[int, Span]] = []
        self._log_records: list[tuple[int, LogRecord]] = []

    def put(self, *interactions: Interaction, workspace_id: int = 1) -> None:
        self._interactions += [(workspace_id, one) for one in interactions]

    def put_spans(self, spans: Iterable[Span], log_records: Iterable[LogRecord] = (), *, workspace_id: int = 1) -> None:
        self._spans += [(workspace_id, span) for span in spans]
        self._log_records += [(workspace_id, record) for record in log_records]

    async def start(self) -> None:
        """Nothing to start."""

    async def aclose(self) -> None:
        """Nothing to release."""

    async def find(self, question: InteractionQuestion) -> InteractionPage:
        found = sorted(self._matching(question.where), key=_place, reverse=not question.is_oldest_first)
        if question.after is not None:
            last = _of_cursor(question.after)
            found = [one for one in found if (_place(one) > last) == question.is_oldest_first and _place(one) != last]
        items = [_cut(one, question.max_text_chars) for one in found[: question.limit]]
        has_more = len(found) > len(items) > 0
        return InteractionPage(items=items, cursor=_cursor(items[-1]) if has_more else None)

    async def get(self, workspace_id: int, *, trace_id: bytes, span_id: bytes) -> Interaction | None:
        of_trace = [one for one in self._of(workspace_id) if one.trace_id == trace_id]
        primary = [one for one in of_trace if one.span_id == span_id]
        others = [
            one
            for one in of_trace
            if any((source.trace_id, source.span_id) == (trace_id, span_id) for source in one.sources)
        ]
        return max(primary or others, key=_place, default=None)

    async def search(self, search: InteractionSearch) -> HitPage:
        wanted = _parse(search.text)
        found = [one for one in self._matching(search.where) if any(_holds(one, terms) for terms in wanted)]
        newest = sorted(found, key=_place, reverse=True)[:MAX_RANKED]
        words = {word for terms in wanted for is_without, phrase in terms if not is_without for word in phrase}
        ranked = sorted(((_rank(one, words), *_place(one), one) for one in newest), key=lambda hit: hit[:4])[::-1]
        if search.after is not None:
            last = (search.after.rank, *_of_cursor(search.after.place))
            ranked = [hit for hit in ranked if hit[:4] < last]
        page = ranked[: search.limit]
        cursor = None
        if len(ranked) > len(page) > 0:
            cursor = HitCursor(rank=page[-1][0], place=_cursor(page[-1][4]))
        hits = [_hit(one, rank, words) for rank, *_, one in page]
        return HitPage(items=hits, cursor=cursor, is_cut=len(found) > MAX_RANKED)

    async def statistics(self, question: StatisticsQuestion) -> StatisticsTable:
        groups: dict[tuple[int, tuple[str, ...]], list[Interaction]] = defaultdict(list)
        if not question.by and question.bucket_us is None:
            groups[0, ()] = []
        for one in self._matching(question.where):
            bucket = _start_us(one) // question.bucket_us * question.bucket_us if question.bucket_us else 0
            groups[bucket, tuple(_VALUES[name](one) for name in question.by)].append(one)
        order = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
        rows = [
            StatisticsRow(
                key=dict(zip(question.by, key, strict=True)),
                statistics=_statistics(ones),
                bucket_us=bucket if question.bucket_us else None,
            )
            for (bucket, key), ones in order
        ]
        return StatisticsTable(rows=rows[: question.limit], is_cut=len(rows) > question.limit)

    async def sessions(self, question: SessionQuestion) -> SessionPage:
        groups: dict[str, list[Interaction]] = defaultdict(list)
        for one in self._matching(question.where):
            if one.session_id:
                groups[one.session_id].append(one)
        sessions = [_session(name, ones) for name, ones in groups.items()]
        sessions.sort(key=lambda one: (one.last_start_us, one.session_id), reverse=True)
        if question.after is not None:
            last = (question.after.last_start_us, question.after.session_id)
            sessions = [one for one in sessions if (one.last_start_us, one.session_id) < last]
        items = sessions[: question.limit]
        if not len(sessions) > len(items) > 0:
            return SessionPage(items=items)
        cursor = SessionCursor(last_start_us=items[-1].last_start_us, session_id=items[-1].session_id)
        return SessionPage(items=items, cursor=cursor)

    async def sources(self, workspace_id: int, interaction: Interaction) -> Sources:
        ids = _source_ids(interaction)
        spans = [span for span in _in(self._spans, workspace_id) if (span.trace_id, span.span_id) in ids]
        order = [source.span_id for source in interaction.sources]
        records = [one for one in _in(self._log_records, workspace_id) if (one.trace_id, one.span_id) in ids]
        return Sources(
            spans=sorted(spans, key=lambda span: order.index(span.span_id) if span.span_id in order else -1),
            log_records=sorted(records, key=lambda one: one.moment_unix_nano),
        )

    async def related(self, workspace_id: int, interaction: Interaction) -> Sequence[RelatedSpan]:
        found = (await self.sources(workspace_id, interaction)).spans
        ids = _source_ids(interaction)
        traces = {trace_id for trace_id, _ in ids}
        others = [span for span in _in(self._spans, workspace_id) if span.trace_id in traces and span not in found]
        parent_ids = {span.parent_span_id for span in found}
        parents = [span for span in others if span.span_id in parent_ids]
        span_ids = {span_id for _, span_id in ids}
        children = [span for span in others if span.parent_span_id in span_ids and span not in parents]
        conventions = {source.span_id: source.convention for source in interaction.sources}
        return [
            _related(span, relation, conventions)
            for relation, spans in _by_relation(found, parents, children)
            for span in sorted(spans, key=lambda span: (span.start_time_unix_nano, span.span_id))
        ]

    async def stored(self, workspace_id: int, ids: Sequence[tuple[bytes, bytes]]) -> set[tuple[bytes, bytes]]:
        return {(span.trace_id, span.span_id) for span in _in(self._spans, workspace_id)} & set(ids)

    def _of(self, workspace_id: int) -> Iterator[Interaction]:
        return _in(self._interactions, workspace_id)

    def _matching(self, where: InteractionFilter) -> list[Interaction]:
        return [one for one in self._of(where.workspace_id) if _matches(one, where)]


Relation = Literal["source", "parent", "child"]


def _by_relation(
    sources: Sequence[Span], parents: Sequence[Span], children: Sequence[Span]
) -> Sequence[tuple[Relation, Sequence[Span]]]:
    return ("source", sources), ("parent", parents), ("child", children)


def _in(pairs: Iterable[tuple[int, _T]], workspace_id: int) -> Iterator[_T]:
    return (one for workspace, one in pairs if workspace == workspace_id)


def _start_us(one: Interaction) -> int:
    return one.start_time_unix_nano // 1_000


def _place(one: Interaction) -> tuple[int, bytes, bytes]:
    return _start_us(one), one.trace_id, one.span_id


def _of_cursor(cursor: InteractionCursor) -> tuple[int, bytes, bytes]:
    return cursor.start_us, cursor.trace_id, cursor.span_id


def _cursor(one: Interaction) -> InteractionCursor:
    return InteractionCursor(start_us=_start_us(one), trace_id=one.trace_id, span_id=one.span_id)


def _cut(one: Interaction, chars: int) -> Interaction:
    return replace(one, prompt=one.prompt[:chars], response=one.response[:chars])


def _cost_pico(one: Interaction) -> int | None:
    return None if one.cost.amount is None else round(one.cost.amount * PICO_PER_UNIT)


def _matches(one: Interaction, where: InteractionFilter) -> bool:
    exact = (
        (where.provider, one.provider),
        (where.user, one.user_id),
        (where.session, one.session_id),
        (where.agent, one.agent),
        (where.organization, one.organization_id),
        (where.service, one.service_name),
        (where.status, one.status),
        (where.error_class, one.error_class),
        (where.trace_id, one.trace_id),
    )
    ranges = (
        (where.min_cost_pico, _cost_pico(one), where.max_cost_pico),
        (where.min_tokens, one.usage.total, where.max_tokens),
        (where.min_latency_ns, one.latency_ns, where.max_latency_ns),
        (where.start_us, _start_us(one), where.end_us),
    )
    return (
        (not where.operations or one.operation in where.operations)
        and (where.model is None or where.model in (one.model, one.model_requested))
        and all(wanted is None or wanted == value for wanted, value in exact)
        and all(_lies(low, value, high) for low, value, high in ranges)
    )


def _lies(low: int | None, value: int | None, high: int | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _usage(ones: Sequence[Interaction]) -> Usage:
    sums = {name: _sum(getattr(one.usage, name) for one in ones) for name in _BUCKETS}
    return Usage(**sums, is_estimated=any(one.usage.is_estimated for one in ones))  # type: ignore[arg-type]  # counts


def _costs(ones: Sequence[Interaction]) -> dict[str, int]:
    costs: dict[str, int] = {}
    for one in ones:
        pico = _cost_pico(one)
        if pico is not None:
            costs[one.cost.currency] = costs.get(one.cost.currency, 0) + pico
    return costs


def _percentiles(values: Iterable[int]) -> Percentiles | None:
    ordered = sorted(value / 1e6 for value in values)
    if not ordered:
        return None
    return Percentiles(**{f"p{part}": percentile(ordered, part / 100) for part in (50, 95, 99)})


def _statistics(ones: Sequence[Interaction]) -> InteractionStatistics:
    writers = [
        (one.usage.output_total, one.latency_ns - (one.time_to_first_token_ns or 0))
        for one in ones
        if one.usage.output_total and one.latency_ns > (one.time_to_first_token_ns or 0)
    ]
    return InteractionStatistics(
        calls=len(ones),
        errors=sum(one.status != "success" for one in ones),
        timeouts=sum(one.status == "timeout" for one in ones),
        streaming=sum(one.is_streaming is True for one in ones),
        usage=_usage(ones),
        costs_pico=_costs(ones),
        priced=sum(one.cost.amount is not None for one in ones),
        latency=_percentiles(one.latency_ns for one in ones),
        time_to_first_token=_percentiles(
            one.time_to_first_token_ns for one in ones if one.time_to_first_token_ns is not None
        ),
        tokens_per_second=(
            sum(tokens for tokens, _ in writers) * 1e9 / sum(length for _, length in writers) if writers else None
        ),
    )


def _session(name: str, ones: Sequence[Interaction]) -> Session:
    return Session(
        session_id=name,
        start_time_unix_nano=min(one.start_time_unix_nano for one in ones),
        end_time_unix_nano=max(max(one.end_time_unix_nano, one.start_time_unix_nano) for one in ones),
        last_start_us=max(map(_start_us, ones)),
        calls=len(ones),
        errors=sum(one.status != "success" for one in ones),
        traces=len({one.trace_id for one in ones}),
        usage=_usage(ones),
        costs_pico=_costs(ones),
        users=sorted({one.user_id for one in ones} - {""}),
        agents=sorted({one.agent for one in ones} - {""}),
        models=sorted({one.model for one in ones} - {""}),
        services=sorted({one.service_name for one in ones} - {""}),
    )


Terms = Sequence[tuple[bool, Sequence[str]]]


def _parse(text: str) -> Sequence[Terms]:
    """What is looked for: alternatives of phrases, each wanted or unwanted."""
    alternatives: list[list[tuple[bool, Sequence[str]]]] = [[]]
    for sign, phrase, word in _TERM.findall(text):
        if word.lower() == "or":
            alternatives.append([])
        elif words := _words(phrase or word):
            alternatives[-1].append((bool(sign), words))
    found = [terms for terms in alternatives if terms]
    if not found:
        raise CallerError("there is no word in it to look for")
    return found


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _holds(one: Interaction, terms: Terms) -> bool:
    texts = [f" {' '.join(_words(text))} " for text in (one.prompt, one.response)]
    return bool(one.prompt or one.response) and all(
        any(f" {' '.join(phrase)} " in text for text in texts) != is_without for is_without, phrase in terms
    )


def _rank(one: Interaction, words: set[str]) -> float:
    return float(sum(word in words for word in _words(f"{one.prompt} {one.response}")))


def _hit(one: Interaction, rank: float, words: set[str]) -> Hit:
    return Hit(
        interaction=_cut(one, _HIT_TEXT_CHARS),
        rank=rank,
        prompt=_snippet(one.prompt, words),
        response=_snippet(one.response, words),
    )


def _snippet(text: str, words: set[str]) -> Sequence[Fragment]:
    parts = [Fragment(text=part, is_match=part.lower() in words) for part in re.split(r"(\w+)", text) if part]
    return parts if any(part.is_match for part in parts) else ()


def _source_ids(interaction: Interaction) -> set[tuple[bytes, bytes]]:
    ids = {(source.trace_id, source.span_id) for source in interaction.sources}
    return ids | {(interaction.trace_id, interaction.span_id)}


def _related(span: Span, relation: Relation, conventions: Mapping[bytes, str]) -> RelatedSpan:
    return RelatedSpan(
        relation=relation,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        service_name=span.resource.service_name,
        start_time_unix_nano=span.start_time_unix_nano,
        duration_ns=span.duration_ns,
        status_code=span.status_code,
        convention=conventions.get(span.span_id, "") if relation == "source" else "",
    )
