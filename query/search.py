"""Compiles a trace search to SQL: conditions are parsed once, then chosen, renamed and joined as syntax trees.

The statement yields ``(trace_id, start_time)`` of matching spans, newest first, at most ``%(rows)s`` of them. One trace
can come several times; the store that runs the statement keeps the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import sqlglot
from sqlglot import exp

from storage.api import SearchCursor, SearchPart, Statement, Tag, TraceSearch
from tracedata import CallerError, SpanKind, StatusCode
from tracedata.printed import readings
from tracedata.term import FAILED, duration_traits, name_term, structure_term, term, trait_terms
from tracedata.typed_json import to_json

_DIALECT = "postgres"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read=_DIALECT)


_SELECT = _parsed(
    "SELECT s.trace_id, s.start_time FROM relayscope.spans AS s "
    "ORDER BY s.start_time DESC, s.trace_id DESC LIMIT %(rows)s"
)
# Each trace once, and how many matching spans there are in all.
_SELECT_TRACES = _parsed(
    "SELECT s.trace_id, CAST(sum(count(*)) OVER () AS bigint) AS spans FROM relayscope.spans AS s "
    "GROUP BY s.trace_id ORDER BY min(s.start_time), s.trace_id"
)
_BASE = _parsed("s.workspace_id = %(workspace_id)s AND s.start_time >= %(start)s AND s.start_time <= %(end)s")
_SERVICE = _parsed("s.service_name = %(service)s")
_OPERATION = _parsed("s.name = %(operation)s")
_MIN_DURATION = _parsed("s.duration_ns >= %(min_duration_ns)s")
_MAX_DURATION = _parsed("s.duration_ns <= %(max_duration_ns)s")
_STATUS = _parsed("s.status_code = ANY(%(status_codes)s)")
_KIND = _parsed("s.kind = %(value)s")
_IS_ERROR = _parsed("s.status_code = 2")
_IS_NO_ERROR = _parsed("s.status_code <> 2")
_HAS_STATUS = _parsed("s.status_code = %(value)s")
_NEVER = _parsed("FALSE")
_IN_SCOPE_FIELD = {
    "scope.name": _parsed(
        "s.scope_id IN (SELECT c.scope_id FROM relayscope.scopes AS c "
        "WHERE c.workspace_id = %(workspace_id)s AND c.name = %(value)s)"
    ),
    "scope.version": _parsed(
        "s.scope_id IN (SELECT c.scope_id FROM relayscope.scopes AS c "
        "WHERE c.workspace_id = %(workspace_id)s AND c.version = %(value)s)"
    ),
}
_IN_RESOURCE = _parsed(
    "s.resource_id IN (SELECT r.resource_id FROM relayscope.resources AS r "
    "WHERE r.workspace_id = %(workspace_id)s "
    "AND (r.attributes -> %(key)s::text) = ANY(%(values)s::text[]::jsonb[]))"
)
_IN_SCOPE = _parsed(
    "s.scope_id IN (SELECT c.scope_id FROM relayscope.scopes AS c "
    "WHERE c.workspace_id = %(workspace_id)s "
    "AND (c.attributes -> %(key)s::text) = ANY(%(values)s::text[]::jsonb[]))"
)
_IN_SPAN = _parsed("(s.attributes -> %(key)s::text) = ANY(%(values)s::text[]::jsonb[])")
_IN_EVENT = _parsed(
    "EXISTS (SELECT 1 FROM jsonb_array_elements(s.events) AS e(event) "
    "WHERE (e.event -> 'attributes' -> %(key)s::text) = ANY(%(values)s::text[]::jsonb[]))"
)
_IN_LINK = _parsed(
    "EXISTS (SELECT 1 FROM jsonb_array_elements(s.links) AS l(link) "
    "WHERE (l.link -> 'attributes' -> %(key)s::text) = ANY(%(values)s::text[]::jsonb[]))"
)
_ANYWHERE = exp.or_(_IN_SPAN, _IN_SCOPE, _IN_RESOURCE, _IN_EVENT, _IN_LINK)
# What is added for a part of the search. Of spans in chunks the workspace is compared in a form that no index on times serves:
# where statistics are missing, such as in a partition that was just made, one of those would be taken.
_PART = _parsed("s.start_time >= %(part_start)s AND s.start_time <= %(part_end)s")
_IN_CHUNKS = _parsed(
    "s.chunk = ANY(%(chunks)s::int[]) AND s.chunk >= %(first_chunk)s AND s.chunk <= %(last_chunk)s "
    "AND s.start_time >= %(part_start)s AND s.start_time <= %(part_end)s"
)
_WORKSPACE = _parsed("s.workspace_id = %(workspace_id)s")
_UNSERVED_WORKSPACE = _parsed("s.workspace_id + 0 = %(workspace_id)s")
# Where the rows of a page go on.
_BELOW = _parsed("(s.start_time, s.trace_id) < (%(below_start)s, %(below_trace_id)s)")
# A trace that an earlier page showed: it has a matching span at or above the cursor.
_ABOVE_CURSOR = _parsed(
    "n.trace_id = s.trace_id AND (n.start_time, n.trace_id) >= (%(after_start)s, %(after_trace_id)s)"
)
_RESOURCE_PREFIX = "resource."
_MAX_OTLP_US = 2**64 // 1000
_FAILED_TAGS = frozenset({("error", "true"), ("span.status", "error")})
_SPECIAL_KEYS = frozenset({"error", "span.kind", "span.status", *_IN_SCOPE_FIELD})
# A longer name is cut in the column that spans have of it.
_MAX_WHOLE_SERVICE_CHARS = 254

# Each is a part of the statement, which is made beside everything else that the process does.
MAX_TAGS = 64

Condition = tuple[exp.Expr, Mapping[str, object]]


def compile_search(
    search: TraceSearch, *, below: SearchCursor | None = None, part: SearchPart | None = None
) -> Statement:
    """The SQL of a search, or of a part of it.

    ``below`` continues within a page; ``search.after`` starts the page after another one.

    Raises:
        CallerError: there are more than ``MAX_TAGS`` tags.
    """
    conditions, parameters = _numbered(search)
    where = list(conditions)
    place = below or search.after
    if place is not None:
        where.append(_BELOW)
        parameters |= {"below_start": _moment(place.start_us), "below_trace_id": place.trace_id}
    if search.after is not None:
        where.append(_not_shown_before(conditions))
        parameters |= {"after_start": _moment(search.after.start_us), "after_trace_id": search.after.trace_id}
    assert isinstance(_SELECT, exp.Select)  # noqa: S101 - narrows the type of a constant
    found = _SELECT.where(*where, copy=True)
    if part is not None:
        found = of_part(found, part)
        parameters |= {"part_start": _moment(part.start_us), "part_end": _moment(part.end_us)}
    return Statement(sql=found.sql(_DIALECT), parameters=parameters, terms=_terms(search))


def of_part(found: exp.Select, part: SearchPart) -> exp.Select:
    """A search for spans ``s``, newest first, bounded to a part of it; the caller adds ``part_start`` and ``part_end``."""
    if not part.in_chunks:
        return found.where(_PART)
    narrowed = found.where(_IN_CHUNKS)
    narrowed.set("order", None)
    narrowed.set("limit", None)
    for comparison in [node for node in narrowed.find_all(exp.EQ) if node == _WORKSPACE]:
        comparison.replace(_UNSERVED_WORKSPACE.copy())
    return narrowed


def _terms(search: TraceSearch) -> list[list[int]]:
    """Groups of terms, of each of which a chunk has one; none for a service alone, whose newest spans are found without."""
    service = search.service if search.service and len(search.service) <= _MAX_WHOLE_SERVICE_CHARS else None
    tagged = [group for group in map(_terms_of_tag, search.tags) if group]
    if tagged and service:
        tagged.append([term("service.name", service)])
    return [*_terms_of_traits(search, service), *tagged]


def _terms_of_traits(search: TraceSearch, service: str | None) -> Iterator[list[int]]:
    """Of the operation, of durations and of failures; ``service`` is given when all of its name is known."""
    name = search.operation if service else None
    if search.operation is not None and not service:
        yield [name_term(search.operation)]
    if _is_of_failed(search):
        yield trait_terms([FAILED], service=service, name=name)
    is_bounded = (search.min_duration_ns or 0) > 0 or search.max_duration_ns is not None
    if is_bounded or name is not None:
        traits = duration_traits(search.min_duration_ns, search.max_duration_ns)
        yield trait_terms(traits, service=service, name=name)


def _is_of_failed(search: TraceSearch) -> bool:
    """Whether all spans that it finds have failed."""
    tags = {(tag.key, tag.value) for tag in search.tags}
    return bool(tags & _FAILED_TAGS) or list(search.status_codes) == [StatusCode.ERROR]


def _terms_of_tag(tag: Tag) -> list[int]:
    """The terms of which a span has one when the tag holds on it; none when that cannot be said."""
    if tag.key in _SPECIAL_KEYS:
        return []
    key = tag.key.removeprefix(_RESOURCE_PREFIX)
    is_structure = any(isinstance(value, list | dict) for value in readings(tag.value))
    return [term(key, tag.value), *([structure_term(key)] if is_structure else [])]


class SearchSelection(msgspec.Struct, frozen=True, kw_only=True):
    """``storage.export.TraceSelection``: the traces that a search finds, on all of its pages."""

    search: TraceSearch

    @property
    def workspace_id(self) -> int:
        return self.search.workspace_id

    @property
    def is_filtered(self) -> bool:
        """Whether more is asked for than a time range."""
        return len(list(_conditions(self.search))) > 1

    def traces(self) -> Statement:
        conditions, parameters = _numbered(self.search)
        assert isinstance(_SELECT_TRACES, exp.Select)  # noqa: S101 - narrows the type of a constant
        return Statement(sql=_SELECT_TRACES.where(*conditions, copy=True).sql(_DIALECT), parameters=parameters)

    def matches(self, trace_ids: Sequence[bytes]) -> Statement | None:  # noqa: ARG002 - of the protocol
        """Nothing: ``traces`` says it all."""
        return None


def _numbered(search: TraceSearch) -> tuple[list[exp.Expr], dict[str, object]]:
    """The conditions, with names of their own for what each is given."""
    parameters: dict[str, object] = {}
    conditions: list[exp.Expr] = []
    for number, (template, values) in enumerate(_conditions(search)):
        conditions.append(_renamed(template, {name: f"{name}_{number}" for name in values}))
        parameters |= {f"{name}_{number}": value for name, value in values.items()}
    parameters["workspace_id"] = search.workspace_id
    return conditions, parameters


def _conditions(search: TraceSearch) -> Iterator[Condition]:
    if len(search.tags) > MAX_TAGS:
        raise CallerError(f"a search has {MAX_TAGS} tags at most")
    yield _BASE, {"start": _moment(search.start_us), "end": _moment(search.end_us)}
    if search.service is not None:
        yield _SERVICE, {"service": search.service}
    if search.operation is not None:
        yield _OPERATION, {"operation": search.operation}
    if search.min_duration_ns is not None:
        yield _MIN_DURATION, {"min_duration_ns": search.min_duration_ns}
    if search.max_duration_ns is not None:
        yield _MAX_DURATION, {"max_duration_ns": search.max_duration_ns}
    if search.status_codes:
        yield _STATUS, {"status_codes": list(search.status_codes)}
    for tag in search.tags:
        yield _tag_condition(tag)


def _tag_condition(tag: Tag) -> Condition:
    if tag.key == "error":
        return {"true": _IS_ERROR, "false": _IS_NO_ERROR}.get(tag.value, _NEVER), {}
    if tag.key == "span.kind":
        return _number_condition(_KIND, {kind.name.lower(): int(kind) for kind in SpanKind}, tag.value)
    if tag.key == "span.status":
        return _number_condition(_HAS_STATUS, {code.name.lower(): int(code) for code in StatusCode}, tag.value)
    if tag.key in _IN_SCOPE_FIELD:
        return _IN_SCOPE_FIELD[tag.key], {"value": tag.value}
    values = [msgspec.json.encode(to_json(value)).decode() for value in readings(tag.value)]
    if tag.key.startswith(_RESOURCE_PREFIX):
        return _IN_RESOURCE, {"key": tag.key.removeprefix(_RESOURCE_PREFIX), "values": values}
    return _ANYWHERE, {"key": tag.key, "values": values}


def _number_condition(template: exp.Expr, numbers: Mapping[str, int], text: str) -> Condition:
    number = numbers.get(text)
    return (_NEVER, {}) if number is None else (template, {"value": number})


def _renamed(template: exp.Expr, names: Mapping[str, str]) -> exp.Expr:
    """The template with its placeholders renamed, so that it can stand in a statement several times."""
    copy = template.copy()
    for placeholder in copy.find_all(exp.Placeholder):
        placeholder.set("this", names.get(placeholder.name, placeholder.name))
    return copy


def _not_shown_before(conditions: list[exp.Expr]) -> exp.Expr:
    inner = [condition.copy() for condition in conditions]
    for condition in inner:
        for column in condition.find_all(exp.Column):
            if column.table == "s":
                column.set("table", exp.to_identifier("n"))
    earlier = exp.select("1").from_("relayscope.spans AS n").where(_ABOVE_CURSOR, *inner)
    return exp.not_(exp.Exists(this=earlier))


def _moment(unix_us: int) -> datetime:
    """Moments outside what OTLP can say are moved to its ends, where no span is missed by it."""
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))
