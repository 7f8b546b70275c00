"""A page of traces as a table."""

from collections.abc import Sequence
from datetime import date

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from relayscope.api.rest.schema import TraceList, TraceSummary
from relayscope.cli.render.table import name_cell, note, service_cell
from relayscope.cli.render.table import table as make_table
from relayscope.cli.render.text import ERROR, clean, duration, moment

_WIDE = 120


def render_traces(answer: TraceList, *, width: int, today: date, has_start: bool = False) -> RenderableType:
    """Newest first, as they came; with less than ``_WIDE`` cells, without service and counts.

    Ids are never cut, because the next command needs them. ``today`` in UTC is a date that needs not be said;
    ``has_start`` says that the user chose the window.
    """
    if not answer.items:
        advice = "" if has_start else " The default window is the last 24 hours; --start -7d looks further back."
        return note(f"No traces match.{advice}")
    table = _wide_table(answer) if width >= _WIDE else _narrow_table(answer, today)
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
            name_cell(item.name),
            Text(duration(item.duration)),
            Text(f"{item.span_count:,}"),
            Text(f"{item.error_count:,}", style=_style(item)),
            Text(item.status, style=_style(item)),
        )
    return table


def _narrow_table(answer: TraceList, today: date) -> Table:
    moments = [moment(item.start_time) for item in answer.items]
    shown = _part(moments, today)
    table = make_table(left=("TRACE", "UTC", "NAME"), right=("DURATION", "STATUS"))
    _keep_whole(table)
    for item, start in zip(answer.items, moments, strict=True):
        table.add_row(
            Text(clean(item.trace_id)),
            Text(start[shown]),
            name_cell(item.name),
            Text(duration(item.duration)),
            Text(item.status, style=_style(item)),
        )
    return table


def _part(moments: Sequence[str], today: date) -> slice:
    """What of ``2025-01-31 12:00:00`` has to be shown: the time, the day if not all are of today, or the year too."""
    if all(start.startswith(f"{today:%Y-%m-%d}") for start in moments):
        return slice(11, 19)
    return slice(5, 19) if all(start.startswith(f"{today:%Y-}") for start in moments) else slice(0, 16)


def _keep_whole(table: Table) -> None:
    for column in table.columns[:2]:
        column.no_wrap = True


def _style(item: TraceSummary) -> Style | str:
    return "" if item.status == "success" else ERROR
