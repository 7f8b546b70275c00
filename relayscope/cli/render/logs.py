"""The log records of a trace, a line each: when, how severe, who, and what was said."""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from relayscope.api.rest.log_schema import LogRecord, LogRecordList
from relayscope.cli.render.text import ERROR, FAINT, clean, duration, fit, service_style

MAX_RECORDS = 100
_NS_PER_MS = 1_000_000
_OFFSET_CELLS = 10
_MAX_SERVICE_CELLS = 24
_SEVERE = frozenset(("error", "fatal"))


def render_logs(found: LogRecordList, *, start_ns: int, width: int, limit: int = MAX_RECORDS) -> RenderableType:
    """The records in lines of at most ``width`` cells, with times from ``start_ns`` on; a note when there are more."""
    shown = found.items[:limit]
    service_cells = min(_MAX_SERVICE_CELLS, max((cell_len(clean(one.component)) for one in shown), default=0))
    severity_cells = max((len(_severity(one)) for one in shown), default=0)
    lines = [_line(one, (severity_cells, service_cells), start_ns=start_ns, width=width) for one in shown]
    title = Text("Log records", style="bold")
    return Group(title, *lines, *_more(found, len(shown)))


def _line(record: LogRecord, cells: tuple[int, int], *, start_ns: int, width: int) -> Text:
    severity_cells, service_cells = cells
    moment = int(record.time_unix_nano) or int(record.observed_time_unix_nano)
    severity = _severity(record)
    line = Text(no_wrap=True)
    line.append(f"{duration((moment - start_ns) / _NS_PER_MS):>{_OFFSET_CELLS}}", style=FAINT)
    line.append("  ")
    line.append(f"{severity:<{severity_cells}}", style=ERROR if severity in _SEVERE else "")
    line.append("  ")
    line.append(fit(clean(record.component), service_cells), style=service_style(record.component))
    line.append("  ")
    said = " ".join(part for part in (clean(record.event_name), clean(record.message)) if part)
    line.append(fit(said, max(1, width - line.cell_len)).rstrip())
    return line


def _severity(record: LogRecord) -> str:
    return "-" if record.severity == "unspecified" else record.severity


def _more(found: LogRecordList, shown: int) -> Iterator[Text]:
    if shown < len(found.items) or found.next_cursor:
        yield Text("More log records are not shown; --json and the API have them.", style=FAINT)
