"""What a TraceQL query found, as a table: each trace, and below it the spans that match."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.query_schema import FoundTrace, FoundTraceList, MatchedSpan, SpanSet
from relayscope.api.rest.schema import KeyValue
from relayscope.cli.render.table import name_cell, note, service_cell
from relayscope.cli.render.table import table as make_table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment


def render_matches(answer: FoundTraceList, *, has_start: bool = False) -> RenderableType:
    """Newest first, as they came. Ids are never cut. ``has_start`` says that the user chose the window."""
    parts: list[RenderableType] = []
    if answer.items:
        table = make_table(left=("TRACE, SPAN", "START (UTC)", "SERVICE", "NAME", "VALUES"), right=("DURATION",))
        for column in table.columns[:2]:
            column.no_wrap = True
        for item in answer.items:
            table.add_row(*_trace(item))
            for found in item.span_sets:
                for span in found.spans:
                    table.add_row(*_span(span))
                table.add_row(*_summary(found))
        parts += [table]
    elif answer.next_cursor is None:
        advice = "" if has_start else " The default window is the last 24 hours; --start -7d looks further back."
        parts.append(note(f"No traces match.{advice}"))
    if answer.next_cursor is not None:
        lead = "More" if answer.items else "Nothing yet, and more to look through"
        parts += [*([Text()] if parts else []), note(f"{lead}: --cursor {clean(answer.next_cursor)}")]
    return Group(*parts)


def _trace(item: FoundTrace) -> list[Text]:
    return [
        Text(clean(item.trace_id)),
        Text(moment(item.start_time)),
        service_cell(item.root_service),
        name_cell(item.name, style="" if item.status == "success" else ERROR),
        Text(),
        Text(duration(item.duration)),
    ]


def _span(span: MatchedSpan) -> list[Text]:
    return [
        Text(f"  {clean(span.span_id)}"),
        Text(moment(span.start_time)),
        service_cell(span.service),
        name_cell(span.name),
        name_cell(_told(span.attributes)),
        Text(duration(span.duration)),
    ]


def _summary(found: SpanSet) -> list[Text]:
    shown = "" if found.matched == len(found.spans) else f", {len(found.spans):,} shown"
    matched = f"  {found.matched:,} matched{shown}"
    return [Text(matched, style=FAINT), *[Text()] * 3, name_cell(_told(found.attributes), style=FAINT), Text()]


def _told(attributes: Sequence[KeyValue]) -> str:
    return " ".join(f"{pair.key}={next(iter(pair.value.values()), '-')}" for pair in attributes)
