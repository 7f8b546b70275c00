"""A trace as a waterfall: who called whom, when, for how long, and what failed."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.schema import ErrorDetails, Span, Trace
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, fit, moment, service_style
from relayscope.cli.render.tree import Fault, Node, walk

MAX_SPANS = 500
_GUIDE_CELLS = 3
_FAILED = " ✗"
_FAULTS: dict[Fault, str] = {
    "missing": "parent is missing",
    "itself": "is its own parent",
    "cycle": "parents form a cycle",
}
_LEAST_REASON_CELLS = 4
_DURATION_CELLS = 9
_LEAST_NAME_CELLS = 16
# Below this there is no room for bars; names and durations are worth more.
_LEAST_BAR_CELLS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """Widths in cells, and the time range that the bars cover."""

    name: int
    bar: int
    start_ns: int
    length_ns: int


def waterfall(trace: Trace, *, width: int, limit: int = MAX_SPANS) -> RenderableType:
    """``trace`` in lines of at most ``width`` cells; at most ``limit`` spans, with a note when there are more."""
    layout = _layout(trace, width=width)
    nodes = walk(trace.spans, limit=limit, max_depth=max(1, layout.name // 2 // _GUIDE_CELLS))
    lines = [*_header(trace, width), Text(), *(_line(node, layout) for node in nodes)]
    if len(nodes) < trace.span_count:
        note = f"{trace.span_count - len(nodes):,} more spans are not shown; --json and the API have them all."
        lines += [Text(), Text(note, style=FAINT)]
    return Group(*lines)


def _header(trace: Trace, width: int) -> Iterator[Text]:
    yield Text(fit(f"{clean(trace.root_service)}  {clean(trace.name)}", width).rstrip(), style="bold", no_wrap=True)
    facts = [
        trace.trace_id,
        f"{moment(trace.start_time)} UTC",
        duration(trace.duration),
        _counted(trace.span_count, "span"),
        _counted(len(trace.services), "service"),
    ]
    yield Text(" · ".join(facts), style=FAINT)
    if trace.status != "success":
        text = f"{trace.status}: {_counted(trace.error_count, 'span')} failed"
        yield Text(f"{text}. {_reason(trace.error_details)}" if trace.error_details else text, style=ERROR)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _layout(trace: Trace, *, width: int) -> _Layout:
    starts = [int(span.start_time_unix_nano) for span in trace.spans]
    ends = [max(int(span.start_time_unix_nano), int(span.end_time_unix_nano)) for span in trace.spans]
    start_ns = min(starts, default=0)
    room = max(width - _DURATION_CELLS - 2, 1)
    bar = room - max(_LEAST_NAME_CELLS, room * 11 // 20) - 1
    bar = bar if bar >= _LEAST_BAR_CELLS else 0
    name = room - bar - 1 if bar else room
    return _Layout(name=name, bar=bar, start_ns=start_ns, length_ns=max(ends, default=0) - start_ns)


def _line(node: Node, layout: _Layout) -> Text:
    span = node.span
    has_failed = span.status == "error"
    line = Text(no_wrap=True, overflow="crop")
    _add_name(line, node, layout.name)
    line.append(f" {duration(span.duration):>{_DURATION_CELLS}} ", style=ERROR if has_failed else FAINT)
    if layout.bar:
        line.append_text(_bar(span, layout))
    line.rstrip()
    return line


def _add_name(line: Text, node: Node, width: int) -> None:
    """Exactly ``width`` cells: guides, the service in its colour, the operation, and what went wrong."""
    span = node.span
    guides = _guides(node)
    service = clean(span.component) or "?"
    fault = f" ({_FAULTS[node.fault]})" if node.fault else ""
    name = f"{guides}{service} {clean(span.name)}{fault}"
    shown = Text(fit(_marked(span, name, width), width))
    shown.stylize(FAINT, 0, len(guides))
    shown.stylize(service_style(span.component), len(guides), len(guides) + len(service))
    if span.status == "error":
        shown.stylize(ERROR, len(guides) + len(service))
    line.append_text(shown)


def _guides(node: Node) -> str:
    if not node.is_last:
        return ""
    above = "".join("   " if is_last else "│  " for is_last in node.is_last[:-1])
    return above + ("└─ " if node.is_last[-1] else "├─ ")


def _marked(span: Span, name: str, width: int) -> str:
    """The name, and the reason when the span failed; without colours the mark is all that tells, so it is never cut."""
    if span.status != "error":
        return name
    reason = _reason(span.error_details) if span.error_details else "error"
    marked = fit(name, min(cell_len(name), width - cell_len(_FAILED))) + _FAILED
    return f"{marked} {reason}" if width - cell_len(marked) >= _LEAST_REASON_CELLS else marked


def _reason(details: ErrorDetails) -> str:
    return clean(details.message)


def _bar(span: Span, layout: _Layout) -> Text:
    length = max(layout.length_ns, 1)
    start = (int(span.start_time_unix_nano) - layout.start_ns) * layout.bar // length
    end = -((layout.start_ns - int(span.end_time_unix_nano)) * layout.bar // length)
    start = min(max(start, 0), layout.bar - 1)
    cells = max(min(end, layout.bar) - start, 1)
    style = ERROR if span.status == "error" else service_style(span.component)
    return Text(" " * start).append("█" * cells, style=style)
