"""The critical path of a trace: which span it went through, when, and for how long."""

from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.trace_detail_schema import CriticalPath, PathSegment
from relayscope.cli.render.table import name_cell, note, service_cell, table
from relayscope.cli.render.text import FAINT, clean, duration, moment

MAX_SEGMENTS = 200
_MAX_SPANS = 20
_BAR_CELLS = 30


def render_critical_path(path: CriticalPath, *, limit: int = MAX_SEGMENTS) -> RenderableType:
    """Segments by time, then the spans that take most of the path, then the services."""
    head = f"{path.trace_id} · {moment(path.start_time)} UTC · {duration(path.duration)} · {path.span_count:,} spans"
    parts: list[RenderableType] = [Text(head, style=FAINT), Text(), _segments(path, limit)]
    hidden = len(path.segments) - limit
    if hidden > 0 or path.truncated:
        parts += [Text(), note("There is more than is shown; --json and the API have it.")]
    if not path.complete:
        parts += [Text(), note("The trace is too large: only its earliest spans were looked at.")]
    return Group(*parts, Text(), _spans(path), Text(), _services(path))


def _segments(path: CriticalPath, limit: int) -> RenderableType:
    made = table(left=("service", "operation"), right=("at", "for"))
    made.add_column("", no_wrap=True)
    for one in path.segments[:limit]:
        made.add_row(
            service_cell(one.service) if one.span_id else note("-"),
            name_cell(one.name) if one.span_id else note("no span runs"),
            duration(one.offset),
            duration(one.duration),
            _bar(one, path.duration),
        )
    return made


def _bar(one: PathSegment, whole: float) -> Text:
    first = min(int(one.offset / whole * _BAR_CELLS), _BAR_CELLS - 1) if whole else 0
    cells = max(round(one.duration / whole * _BAR_CELLS), 1) if whole else 1
    return Text(" " * first + "█" * min(cells, _BAR_CELLS - first))


def _spans(path: CriticalPath) -> RenderableType:
    made = table(left=("span", "service", "operation"), right=("on the path", "share", "self time", "duration"))
    for one in [span for span in path.spans if span.path_time][:_MAX_SPANS]:
        made.add_row(
            clean(one.span_id),
            service_cell(one.service),
            name_cell(one.name),
            duration(one.path_time),
            f"{one.path_share:.0%}",
            duration(one.self_time),
            duration(one.duration),
        )
    return made


def _services(path: CriticalPath) -> RenderableType:
    made = table(left=("service",), right=("spans", "on the path", "share", "self time"))
    for one in path.services[:_MAX_SPANS]:
        made.add_row(
            service_cell(one.service),
            f"{one.spans:,}",
            duration(one.path_time),
            f"{one.path_share:.0%}",
            duration(one.self_time),
        )
    return made
