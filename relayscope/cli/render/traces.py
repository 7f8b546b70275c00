"""A page of traces as a table."""

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.api.rest.schema import TraceList, TraceSummary
from relayscope.cli.render.table import note, service_cell
from relayscope.cli.render.table import table as make_table
from relayscope.cli.render.text import ERROR, clean, duration, moment

_WIDE = 120


def render_traces(answer: TraceList, *, width: int) -> RenderableType:
    """Newest first, as they came; with less than ``_WIDE`` cells, without date, service and counts.

    Ids are never cut, because the next command needs them.
    """
    if not answer.items:
        return note("No traces match. The default window is the last 24 hours; --start -7d looks further back.")
    table = _wide_table(answer) if width >= _WIDE else _narrow_table(answer)
    if answer.next_cursor is None:
        return table
    return Group(table, Text(), note(f"More: --cursor {clean(answer.next_cursor)}"))


def _wide_table(answer: TraceList) -> Table:
    table = make_table(
        left=("TRACE", "START (UTC)", "SERVICE", "NAME"), right=("DURATION", "SPANS", "ERRORS", "STATUS")
    )
    _keep_whole(table)
    for item in answer.items:
        table.add_row(
            Text(clean(item.trace_id)),
            Text(moment(item.start_time)),
            service_cell(item.root_service),
            Text(clean(item.name)),
            Text(duration(item.duration)),
            Text(f"{item.span_count:,}"),
            Text(f"{item.error_count:,}", style=_style(item)),
            Text(item.status, style=_style(item)),
        )
    return table


def _narrow_table(answer: TraceList) -> Table:
    table = make_table(left=("TRACE", "UTC", "NAME"), right=("DURATION", "STATUS"))
    _keep_whole(table)
    for item in answer.items:
        table.add_row(
            Text(clean(item.trace_id)),
            Text(moment(item.start_time)[11:19]),
            Text(clean(item.name)),
            Text(duration(item.duration)),
            Text(item.status, style=_style(item)),
        )
    return table


def _keep_whole(table: Table) -> None:
    for column in table.columns[:2]:
        column.no_wrap = True


def _style(item: TraceSummary) -> Style | str:
    return "" if item.status == "success" else ERROR
