"""What a TraceQL query found, as a table: each trace, and below it the spans that match."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.api.rest.query_schema import FoundTrace, FoundTraceList, MatchedSpan, SpanSet
from relayscope.api.rest.schema import KeyValue
from relayscope.cli.render.table import name_cell, note, service_cell
from relayscope.cli.render.table import table as make_table
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, moment

_WIDE = 120


def render_matches(answer: FoundTraceList, *, width: int, has_start: bool = False) -> RenderableType:
    """Newest first, as they came; with less than ``_WIDE`` cells, without the times of spans.

    Ids and values are never cut. ``has_start`` says that the user chose the window.
    """
    parts: list[RenderableType] = []
    if answer.items and width < _WIDE:
        for number, item in enumerate(answer.items):
            parts += [*([Text()] if number else []), *_narrow(item, width)]
    elif answer.items:
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


def _narrow(item: FoundTrace, width: int) -> list[RenderableType]:
    heading = Text(f"{clean(item.trace_id)}  {moment(item.start_time)}  {duration(item.duration)}", style="bold")
    made = Table.grid(padding=(0, 2, 0, 0))
    made.width = width
    made.add_column(no_wrap=True)
    made.add_column(ratio=1, overflow="fold")
    made.add_column(no_wrap=True, justify="right")
    for found in item.span_sets:
        for span in found.spans:
            made.add_row(f"  {clean(span.span_id)}", _named(span.service, span.name), duration(span.duration))
            if span.attributes:
                made.add_row("", _values(span.attributes), "")
        made.add_row(Text(_count(found), style=FAINT), _values(found.attributes), "")
    style = "" if item.status == "success" else ERROR
    return [heading, _named(item.root_service, item.name, style=style), made]


def _named(service: str, name: str, *, style: Style | str = "") -> Text:
    return Text.assemble(service_cell(service), " ", name_cell(name, style=style), no_wrap=True, overflow="ellipsis")


def _values(attributes: Sequence[KeyValue]) -> Text:
    return Text(clean(_told(attributes)), style=FAINT, overflow="fold")


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
        _values(span.attributes),
        Text(duration(span.duration)),
    ]


def _summary(found: SpanSet) -> list[Text]:
    return [Text(_count(found), style=FAINT), *[Text()] * 3, _values(found.attributes), Text()]


def _count(found: SpanSet) -> str:
    shown = "" if found.matched == len(found.spans) else f", {len(found.spans):,} shown"
    return f"  {found.matched:,} matched{shown}"


def _told(attributes: Sequence[KeyValue]) -> str:
    return " ".join(f"{pair.key}={next(iter(pair.value.values()), '-')}" for pair in attributes)
