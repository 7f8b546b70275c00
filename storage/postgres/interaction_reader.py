"""Answers for AI interactions: static SQL over a pool of its own, so that statistics do not keep traces waiting."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import msgspec

from storage.api import Window
from storage.interaction_reader import (
    DIMENSIONS,
    MAX_RANKED,
    MAX_RELATED,
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
from storage.latency import percentiles_ms
from storage.postgres.interaction_row import interaction_of
from storage.postgres.log_reader import decode_log_records
from storage.postgres.read_pool import BY_INDEX, ReaderConfig, ReadPool
from storage.postgres.reader import decode_spans
from storage.postgres.rollup_reader import AI_STATEMENTS, Question, coarsest_of, covered
from storage.postgres.rollup_reader import STATEMENTS as ROLLED
from storage.postgres.statement import load_statements
from storage.postgres.storable import MAX_SHORT_CHARS, stored_id
from storage.postgres.stored_part import Row
from tracedata import CallerError, Interaction
from tracedata.interaction import MAX_TEXT_CHARS, Usage

_RAW = load_statements("interaction.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
_MAX_SOURCES = 1_000
_HIT_TEXT_CHARS = 300
# Not not not ...: PostgreSQL can take 32 of them at most.
_NOTS = re.compile(r"(?<!\w)-(?:\s*-)+")
# Marks around what was found: private characters, which are taken out of the texts first.
_OPEN, _CLOSE = "\ue000", "\ue001"
# Control characters are no part of a word, whatever the locale of the database; other ones may be.
_LEFT, _RIGHT = "\x01", "\x02"
_HEADLINE = f'StartSel={_OPEN}, StopSel={_CLOSE}, MaxFragments=2, MaxWords=24, MinWords=10, ShortWord=0, FragmentDelimiter=" … "'


def _whole(name: str) -> LiteralString:
    """A statement with the fragments that it names."""
    statement = _RAW[name]
    for part in ("columns", "matches", "sums", "tokens"):
        statement = statement.replace(f"{{{part}}}", _RAW[part])
    return statement


_FRACTIONS = (0.5, 0.95, 0.99)
STATEMENTS = {name: _whole(name) for name in _RAW}


class PostgresInteractionReader:
    """``storage.interaction_reader.InteractionReader`` over a pool of read-only connections."""

    def __init__(self, config: ReaderConfig) -> None:
        self._pool = ReadPool(msgspec.structs.replace(config, application_name="relayscope-interactions"))

    async def start(self) -> None:
        """Opens the pool; the database need not answer yet."""
        await self._pool.start()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def find(self, question: InteractionQuestion) -> InteractionPage:
        """See ``InteractionReader``. Partitions are read one after the other until the page is full."""
        parameters = {
            **filter_parameters(question.where),
            **_place_parameters(question.after),
            "text_chars": question.max_text_chars,
            "limit": question.limit + 1,
        }
        statement = STATEMENTS["oldest" if question.is_oldest_first else "newest"]
        rows = await self._pool.fetch(statement, parameters, action="interactions", planning=BY_INDEX)
        items = [interaction_of(row) for row in rows[: question.limit]]
        has_more = len(rows) > question.limit > 0
        return InteractionPage(items=items, cursor=_cursor(rows[question.limit - 1]) if has_more else None)

    async def get(self, workspace_id: int, *, trace_id: bytes, span_id: bytes) -> Interaction | None:
        parameters = {
            "workspace_id": workspace_id,
            "trace_id": trace_id,
            "span_id": span_id,
            "text_chars": MAX_TEXT_CHARS,
        }
        for name in ("of_span", "of_source"):
            rows = await self._pool.fetch(STATEMENTS[name], parameters, action="interaction", planning=BY_INDEX)
            if rows:
                return interaction_of(rows[0])
        return None

    async def search(self, search: InteractionSearch) -> HitPage:
        """See ``InteractionReader``. The index is filled by ``storage.postgres.search_index``."""
        action = "search interactions"
        text = _NOTS.sub("-", search.text)
        (asked,) = await self._pool.fetch(STATEMENTS["has_words"], {"text": text}, action=action)
        if not asked.has_words:
            raise CallerError("there is no word in it to look for")
        parameters = {
            **filter_parameters(search.where),
            **_place_parameters(search.after.place if search.after else None),
            "after_rank": search.after.rank if search.after else None,
            "text": text,
            "ranked": MAX_RANKED + 1,
            "marks": f"<>{_OPEN}{_CLOSE}{_LEFT}{_RIGHT}",
            "options": _HEADLINE,
            "text_chars": _HIT_TEXT_CHARS,
            "limit": search.limit + 1,
        }
        planning = None if _is_selective(search.where) else STATEMENTS["in_order"]
        rows = await self._pool.fetch(STATEMENTS["search"], parameters, action=action, planning=planning)
        shown = rows[: search.limit]
        cursor = None
        if len(rows) > len(shown) > 0:
            cursor = HitCursor(rank=shown[-1].rank, place=_cursor(shown[-1]))
        is_cut = bool(rows) and rows[0].found > MAX_RANKED
        return HitPage(items=[_hit(row) for row in shown], cursor=cursor, is_cut=is_cut)

    async def statistics(self, question: StatisticsQuestion) -> StatisticsTable:
        if is_rolled(question):
            rows = await self._rolled_statistics(question)
        else:
            rows = await self._fresh_statistics(question)
        found = [_statistics_row(row, question) for row in rows[: question.limit]]
        if not found and not question.by and question.bucket_us is None:
            found = [StatisticsRow(key={}, statistics=InteractionStatistics(calls=0, errors=0))]
        return StatisticsTable(rows=found, is_cut=len(rows) > question.limit)

    async def _rolled_statistics(self, question: StatisticsQuestion) -> Sequence[Row]:
        """From rollups, and from rows for what is not rolled up as it is."""
        where = question.where
        window = Window(workspace_id=where.workspace_id, start_us=where.start_us, end_us=where.end_us + 1)
        asked = Question(window=window, signal="ai_interactions", coarsest=coarsest_of(question.bucket_us))
        async with self._pool.snapshot(ROLLED["snapshot"], action="interaction statistics") as ask:
            parameters = {
                **filter_parameters(where),
                **await covered(ask, asked),
                "by": list(question.by),
                "length": None if question.bucket_us is None else timedelta(microseconds=question.bucket_us),
                "limit": question.limit + 1,
            }
            return await ask(AI_STATEMENTS["statistics"], parameters)

    async def _fresh_statistics(self, question: StatisticsQuestion) -> Sequence[Row]:
        parameters = {
            **filter_parameters(question.where),
            "by": list(question.by),
            "bucket": None if question.bucket_us is None else timedelta(microseconds=question.bucket_us),
            "limit": question.limit + 1,
        }
        return await self._pool.fetch(STATEMENTS["statistics"], parameters, action="interaction statistics")

    async def sessions(self, question: SessionQuestion) -> SessionPage:
        after = question.after
        parameters = {
            **filter_parameters(question.where),
            "after_start": None if after is None else _moment(after.last_start_us),
            "after_session": None if after is None else after.session_id,
            "limit": question.limit + 1,
        }
        rows = await self._pool.fetch(STATEMENTS["sessions"], parameters, action="sessions")
        items = [_session(row) for row in rows[: question.limit]]
        if not len(rows) > len(items) > 0:
            return SessionPage(items=items)
        last = items[-1]
        return SessionPage(
            items=items, cursor=SessionCursor(last_start_us=last.last_start_us, session_id=last.session_id)
        )

    async def sources(self, workspace_id: int, interaction: Interaction) -> Sources:
        """See ``InteractionReader``. At most ``_MAX_SOURCES`` of either kind."""
        action = "sources of an interaction"
        ids = _source_ids(interaction)
        starts = [source.start_time_unix_nano // 1_000 for source in interaction.sources]
        starts.append(interaction.start_time_unix_nano // 1_000)
        parameters = {"workspace_id": workspace_id, **ids, "limit": _MAX_SOURCES}
        times = {"start": _moment(min(starts)), "end": _moment(max(starts))}
        rows = await self._pool.fetch(
            STATEMENTS["source_spans"], {**parameters, **times}, action=action, planning=BY_INDEX
        )
        log_rows = await self._pool.fetch(
            STATEMENTS["source_log_records"], parameters, action=action, planning=BY_INDEX
        )
        resources, scopes = await self._pool.origins(workspace_id, [*rows, *log_rows])
        spans = decode_spans(rows, resources=resources, scopes=scopes)
        places = {source.span_id: place for place, source in reversed(list(enumerate(interaction.sources)))}
        return Sources(
            spans=sorted(spans, key=lambda span: places.get(span.span_id, -1)),
            log_records=decode_log_records(log_rows, resources=resources, scopes=scopes),
        )

    async def related(self, workspace_id: int, interaction: Interaction) -> Sequence[RelatedSpan]:
        ids = _source_ids(interaction)
        action = "related spans"
        found = await self.sources(workspace_id, interaction)
        parents = [span.parent_span_id for span in found.spans if span.parent_span_id]
        parameters = {
            "workspace_id": workspace_id,
            **ids,
            "parent_ids": parents,
            "limit": len(found.spans) + len(parents) + MAX_RELATED,
        }
        rows = await self._pool.fetch(STATEMENTS["related"], parameters, action=action, planning=BY_INDEX)
        conventions = {source.span_id: source.convention for source in interaction.sources}
        return [_related(row, conventions) for row in rows]

    async def stored(self, workspace_id: int, ids: Sequence[tuple[bytes, bytes]]) -> set[tuple[bytes, bytes]]:
        """See ``storage.interaction_reader.StoredSpans``."""
        parameters = {
            "workspace_id": workspace_id,
            "trace_ids": [trace_id for trace_id, _ in ids],
            "span_ids": [span_id for _, span_id in ids],
        }
        rows = await self._pool.fetch(STATEMENTS["stored"], parameters, action="stored spans", planning=BY_INDEX)
        return {(row.trace_id, row.span_id) for row in rows}


def is_rolled(question: StatisticsQuestion) -> bool:
    """Whether nothing is asked by or for that rollups do not tell apart."""
    where = question.where
    fine = InteractionFilter(
        workspace_id=where.workspace_id,
        start_us=where.start_us,
        end_us=where.end_us,
        operations=where.operations,
        provider=where.provider,
        model=where.model,
        agent=where.agent,
        service=where.service,
        status=where.status,
    )
    return where == fine and not {"user", "session"} & set(question.by)


def filter_parameters(where: InteractionFilter) -> dict[str, object]:
    """Texts are looked for as they are stored: cut, and ids with a digest of what was cut."""
    return {
        "workspace_id": where.workspace_id,
        "start": _moment(where.start_us),
        "end": _moment(where.end_us),
        "operations": list(where.operations) or None,
        **{
            name: _short(text)
            for name, text in (
                ("provider", where.provider),
                ("model", where.model),
                ("agent", where.agent),
                ("service", where.service),
                ("status", where.status),
                ("error_class", where.error_class),
            )
        },
        "user": _id(where.user),
        "session": _id(where.session),
        "organization": _id(where.organization),
        "trace_id": where.trace_id,
        "min_cost_pico": where.min_cost_pico,
        "max_cost_pico": where.max_cost_pico,
        "min_tokens": where.min_tokens,
        "max_tokens": where.max_tokens,
        "min_latency_ns": where.min_latency_ns,
        "max_latency_ns": where.max_latency_ns,
    }


def _is_selective(where: InteractionFilter) -> bool:
    """Whether more is asked for than a workspace, a time, and kinds of operations."""
    bare = InteractionFilter(
        workspace_id=where.workspace_id, start_us=where.start_us, end_us=where.end_us, operations=where.operations
    )
    return where != bare


def _short(text: str | None) -> str | None:
    return None if text is None else text[:MAX_SHORT_CHARS]


def _id(text: str | None) -> str | None:
    return None if text is None else stored_id(text)


def _place_parameters(place: InteractionCursor | None) -> dict[str, object]:
    return {
        "after_start": None if place is None else _moment(place.start_us),
        "after_trace_id": None if place is None else place.trace_id,
        "after_span_id": None if place is None else place.span_id,
    }


def _moment(unix_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))


def _cursor(row: Row) -> InteractionCursor:
    return InteractionCursor(start_us=row.start_time, trace_id=row.trace_id, span_id=row.span_id)


def _hit(row: Row) -> Hit:
    return Hit(
        interaction=interaction_of(row),
        rank=row.rank,
        prompt=_fragments(row.prompt_snippet),
        response=_fragments(row.response_snippet),
    )


def _fragments(snippet: str | None) -> Sequence[Fragment]:
    """A snippet in pieces. One without a match, which PostgreSQL makes of a beginning, is none."""
    if not snippet or _OPEN not in snippet:
        return ()
    # Angle brackets were taken out of PostgreSQL's sight, which would leave out what it takes for a tag.
    before, *marked = snippet.replace(_LEFT, "<").replace(_RIGHT, ">").split(_OPEN)
    fragments = [Fragment(text=before)]
    for part in marked:
        match, _, rest = part.partition(_CLOSE)
        fragments += [Fragment(text=match, is_match=True), Fragment(text=rest)]
    return [fragment for fragment in fragments if fragment.text]


def _statistics_row(row: Row, question: StatisticsQuestion) -> StatisticsRow:
    values = dict(zip(DIMENSIONS, row.key, strict=True))
    statistics = InteractionStatistics(
        calls=row.calls,
        errors=row.errors,
        timeouts=row.timeouts,
        streaming=row.streaming,
        usage=_usage(row),
        costs_pico=_costs(row.costs),
        priced=row.priced,
        latency=_latency(row),
        time_to_first_token=_time_to_first_token(row),
        tokens_per_second=row.tokens_per_second,
    )
    return StatisticsRow(
        key={name: values[name] for name in question.by},
        statistics=statistics,
        bucket_us=None if question.bucket_us is None else row.bucket,
    )


def _latency(row: Row) -> Percentiles | None:
    if hasattr(row, "latencies"):
        return _percentiles(percentiles_ms(row.latencies, row.counts, _FRACTIONS))
    return _percentiles(row.latency)


def _time_to_first_token(row: Row) -> Percentiles | None:
    if hasattr(row, "first_latencies"):
        return (
            _percentiles(percentiles_ms(row.first_latencies, row.first_counts, _FRACTIONS))
            if row.first_counts
            else None
        )
    return _percentiles(row.time_to_first_token)


def _percentiles(found: Sequence[float] | None) -> Percentiles | None:
    return Percentiles(p50=found[0], p95=found[1], p99=found[2]) if found else None


def _usage(row: Row) -> Usage:
    return Usage(
        input=_count(row.input),
        cache_read=_count(row.cache_read),
        cache_write=_count(row.cache_write),
        cache_write_5m=_count(row.cache_write_5m),
        cache_write_1h=_count(row.cache_write_1h),
        audio_input=_count(row.audio_input),
        output=_count(row.output),
        reasoning=_count(row.reasoning),
        audio_output=_count(row.audio_output),
        is_estimated=bool(row.is_estimated),
    )


def _count(total: int | None) -> int | None:
    return None if total is None else int(total)


def _costs(data: bytes | None) -> Mapping[str, int]:
    """Sums come as text, since they may exceed what JSON's numbers hold exactly."""
    if data is None:
        return {}
    return {currency: int(pico) for currency, pico in msgspec.json.decode(data, type=dict[str, str]).items()}


def _session(row: Row) -> Session:
    return Session(
        session_id=row.session_id,
        start_time_unix_nano=int(row.start_ns),
        end_time_unix_nano=int(row.end_ns),
        last_start_us=row.last_start,
        calls=row.calls,
        errors=row.errors,
        traces=row.traces,
        usage=_usage(row),
        costs_pico=_costs(row.costs),
        users=sorted(row.users or ()),
        agents=sorted(row.agents or ()),
        models=sorted(row.models or ()),
        services=sorted(row.services or ()),
    )


def _source_ids(interaction: Interaction) -> dict[str, object]:
    # What has no ids is not looked up by them: everybody's records without a trace have the same, none.
    pairs = {(source.trace_id, source.span_id) for source in interaction.sources if source.trace_id and source.span_id}
    pairs.add((interaction.trace_id, interaction.span_id))
    return {"trace_ids": [trace_id for trace_id, _ in pairs], "span_ids": [span_id for _, span_id in pairs]}


def _related(row: Row, conventions: Mapping[bytes, str]) -> RelatedSpan:
    return RelatedSpan(
        relation=row.relation,
        trace_id=row.trace_id,
        span_id=row.span_id,
        parent_span_id=row.parent_span_id or b"",
        name=row.name,
        service_name=row.service_name,
        start_time_unix_nano=row.start_time * 1_000 + row.start_time_ns,
        duration_ns=row.duration_ns,
        status_code=row.status_code,
        convention=conventions.get(row.span_id, "") if row.relation == "source" else "",
    )
